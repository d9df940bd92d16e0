//! Requests for approval: what a person is asked, and how a request moves from asked to settled.
//!
//! An answer binds to one call exactly ([`ToolCall::binding`](bakerst_model::ToolCall::binding)),
//! is good for one use, and ends. Silence never allows.

use std::sync::Arc;

use bakerst_model::{
    AgentId, ApprovalId, Code, ConversationId, Digest, Pending, ToolName, UnixMillis, UserId,
};

/// What a person is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalRequest {
    /// The call that an answer is good for, and no other.
    pub binding: Digest,
    /// The conversation in which the agent makes the call.
    pub conversation: ConversationId,
    /// The agent.
    pub agent: AgentId,
    /// The person behind it, where known.
    pub user: Option<UserId>,
    /// The tool.
    pub tool: ToolName,
    /// The arguments as JSON, without secrets, cut to a bounded length.
    pub input: String,
    /// Why it is asked: a code and words each.
    pub reasons: Vec<AskedBecause>,
    /// The policy under which it is asked.
    pub policy: Digest,
    /// When it was asked.
    pub asked_at: UnixMillis,
    /// When silence becomes a denial; never, where the policy leaves requests pending.
    pub expires_at: Option<UnixMillis>,
    /// How long an approval may be used after it was given.
    pub usable_seconds: u64,
}

/// One guardrail's reason to ask.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AskedBecause {
    /// The guardrail.
    pub guardrail: String,
    /// The stable code, as written.
    pub code: String,
    /// Its words.
    pub message: String,
}

/// Where a request stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ApprovalState {
    /// Nobody has answered.
    Pending,
    /// A person said yes; the call may be made once until `usable_until`.
    Approved {
        /// Who.
        by: Arc<str>,
        /// When.
        at: UnixMillis,
        /// Until when the call may be made.
        usable_until: UnixMillis,
    },
    /// The approval was used.
    Used {
        /// Who had approved.
        by: Arc<str>,
        /// When the call was let through.
        at: UnixMillis,
    },
    /// A person said no.
    Denied {
        /// Who.
        by: Arc<str>,
        /// When.
        at: UnixMillis,
        /// In their words, where they left any.
        note: Option<String>,
    },
    /// Nobody answered in time, or an approval was not used in time.
    Expired {
        /// When it ended.
        at: UnixMillis,
    },
    /// Whoever made the call took it back.
    Withdrawn {
        /// When.
        at: UnixMillis,
    },
}

impl ApprovalState {
    /// The state in one word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved { .. } => "approved",
            Self::Used { .. } => "used",
            Self::Denied { .. } => "denied",
            Self::Expired { .. } => "expired",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

/// A request and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approval {
    /// Its number.
    pub id: ApprovalId,
    /// What was asked.
    pub request: ApprovalRequest,
    /// Where it stands.
    pub state: ApprovalState,
}

/// A person's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApprovalAnswer {
    /// Yes or no.
    pub approve: bool,
    /// Who.
    pub by: Arc<str>,
    /// In their words.
    pub note: Option<String>,
    /// When.
    pub at: UnixMillis,
}

/// What a call finds when it comes back for its approval.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Claim {
    /// It was approved, and this claim has used the approval up.
    Granted {
        /// Who had approved.
        by: Arc<str>,
    },
    /// Nobody has answered yet.
    Waiting,
    /// A person said no.
    Denied {
        /// Who.
        by: Arc<str>,
        /// In their words.
        note: Option<String>,
    },
    /// Too late.
    Expired,
    /// No such request, another call's, or used up.
    Mismatch,
}

impl Approval {
    /// The state after a person's answer, or `None` when the request no longer waits for one.
    #[must_use]
    pub fn answered(&self, answer: &ApprovalAnswer) -> Option<ApprovalState> {
        if self.state != ApprovalState::Pending || self.is_overdue(answer.at) {
            return None;
        }
        let ApprovalAnswer { approve, by, note, at } = answer;
        Some(match approve {
            true => ApprovalState::Approved {
                by: by.clone(),
                at: *at,
                usable_until: at.plus_seconds(self.request.usable_seconds),
            },
            false => ApprovalState::Denied { by: by.clone(), at: *at, note: note.clone() },
        })
    }

    /// What a call with this binding finds now. A `Granted` claim holds only once the book has
    /// moved the request to `Used`.
    #[must_use]
    pub fn claim(&self, binding: Digest, now: UnixMillis) -> Claim {
        if self.request.binding != binding {
            return Claim::Mismatch;
        }
        match &self.state {
            ApprovalState::Pending if self.is_overdue(now) => Claim::Expired,
            ApprovalState::Pending => Claim::Waiting,
            ApprovalState::Approved { usable_until, .. } if now >= *usable_until => Claim::Expired,
            ApprovalState::Approved { by, .. } => Claim::Granted { by: by.clone() },
            ApprovalState::Used { .. } => Claim::Mismatch,
            ApprovalState::Denied { by, note, .. } => {
                Claim::Denied { by: by.clone(), note: note.clone() }
            }
            ApprovalState::Expired { .. } | ApprovalState::Withdrawn { .. } => Claim::Expired,
        }
    }

    /// The state once the call is taken back, or `None` when nothing can come of the request any
    /// more. An approval that was not used yet is good for nothing from then on.
    #[must_use]
    pub fn withdrawn(&self, at: UnixMillis) -> Option<ApprovalState> {
        match self.state {
            ApprovalState::Pending | ApprovalState::Approved { .. } => {
                Some(ApprovalState::Withdrawn { at })
            }
            _ => None,
        }
    }

    /// Whether silence has by now become a denial.
    #[must_use]
    pub fn is_overdue(&self, now: UnixMillis) -> bool {
        let waits = self.state == ApprovalState::Pending;
        waits && self.request.expires_at.is_some_and(|end| now >= end)
    }
}

/// Why the book could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// There is no request of this number.
    #[error("there is no request `{0}`")]
    NoSuch(ApprovalId),
    /// It is settled already.
    #[error("`{id}` is {state} already")]
    Settled {
        /// Which.
        id: ApprovalId,
        /// How it stands.
        state: &'static str,
    },
    /// As many requests wait as may.
    #[error("{max} requests are pending, which is as many as `approvals_pending_max` allows")]
    Full {
        /// The limit.
        max: usize,
    },
    /// The medium failed.
    #[error("the book of approvals failed: {0}")]
    Failed(String),
}

impl BookError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoSuch(_) => Code::NoSuchApproval,
            Self::Settled { .. } => Code::ApprovalSettled,
            Self::Full { .. } => Code::ApprovalsFull,
            Self::Failed(_) => Code::StoreFailed,
        }
    }
}

/// Which requests to list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApprovalFilter {
    /// Those that wait for an answer.
    Pending,
    /// The latest of all, settled ones included.
    Latest,
}

/// Where requests are kept. Each method is one atomic step: of two answers, one wins.
pub trait ApprovalBook: Send + Sync {
    /// Writes a request down. A call that is asked about already finds its pending request again
    /// instead of making a second; `true` says that the request is new.
    fn open(&self, request: ApprovalRequest) -> Pending<'_, Result<(Approval, bool), BookError>>;

    /// One request by number.
    fn find(&self, id: ApprovalId) -> Pending<'_, Result<Option<Approval>, BookError>>;

    /// Requests, newest first, at most `most`.
    fn list(
        &self,
        filter: ApprovalFilter,
        most: usize,
    ) -> Pending<'_, Result<Vec<Approval>, BookError>>;

    /// Settles a pending request by [`Approval::answered`].
    fn answer(
        &self,
        id: ApprovalId,
        answer: ApprovalAnswer,
    ) -> Pending<'_, Result<Approval, BookError>>;

    /// What a call finds, by [`Approval::claim`]; a grant is used up in the same step.
    fn claim(
        &self,
        id: ApprovalId,
        binding: Digest,
        now: UnixMillis,
    ) -> Pending<'_, Result<Claim, BookError>>;

    /// Ends a request whose call was taken back, by [`Approval::withdrawn`]; nothing where it was
    /// settled before.
    fn withdraw(
        &self,
        id: ApprovalId,
        now: UnixMillis,
    ) -> Pending<'_, Result<Option<Approval>, BookError>>;

    /// Ends what is overdue at `now` and says which requests ended just now.
    fn expire(&self, now: UnixMillis) -> Pending<'_, Result<Vec<Approval>, BookError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(expires_at: Option<UnixMillis>) -> Approval {
        Approval {
            id: ApprovalId(1),
            request: ApprovalRequest {
                binding: Digest::of(b"call"),
                conversation: ConversationId::parse("c").unwrap(),
                agent: AgentId::unnamed(),
                user: None,
                tool: ToolName::parse("t").unwrap(),
                input: "{}".into(),
                reasons: Vec::new(),
                policy: Digest::of(b"policy"),
                asked_at: UnixMillis(0),
                expires_at,
                usable_seconds: 10,
            },
            state: ApprovalState::Pending,
        }
    }

    fn answer(approve: bool, at: u64) -> ApprovalAnswer {
        ApprovalAnswer { approve, by: "ann".into(), note: None, at: UnixMillis(at) }
    }

    #[test]
    fn silence_never_allows() {
        let own = Digest::of(b"call");
        let pending = asked(Some(UnixMillis(5_000)));
        assert_eq!(pending.claim(own, UnixMillis(4_999)), Claim::Waiting);
        assert_eq!(pending.claim(own, UnixMillis(5_000)), Claim::Expired);
        assert_eq!(asked(None).claim(own, UnixMillis(u64::MAX)), Claim::Waiting);
        assert_eq!(pending.answered(&answer(true, 5_000)), None);
    }

    #[test]
    fn an_approval_is_good_for_its_own_call_and_not_for_long() {
        let mut approval = asked(None);
        approval.state = approval.answered(&answer(true, 1_000)).unwrap();
        let own = Digest::of(b"call");
        assert_eq!(approval.claim(own, UnixMillis(10_999)), Claim::Granted { by: "ann".into() });
        assert_eq!(approval.claim(own, UnixMillis(11_000)), Claim::Expired);
        assert_eq!(approval.claim(Digest::of(b"other"), UnixMillis(1_001)), Claim::Mismatch);
        assert_eq!(approval.answered(&answer(false, 1_002)), None);
        let taken_back = approval.withdrawn(UnixMillis(1_002)).unwrap();
        approval.state = ApprovalState::Used { by: "ann".into(), at: UnixMillis(1_001) };
        assert_eq!(approval.claim(own, UnixMillis(1_002)), Claim::Mismatch);
        assert_eq!(approval.withdrawn(UnixMillis(1_002)), None);
        approval.state = taken_back;
        assert_eq!(approval.claim(own, UnixMillis(1_002)), Claim::Expired);
        assert_eq!(approval.answered(&answer(true, 1_003)), None);
    }
}
