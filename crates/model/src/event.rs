//! Audit events: what happened, who did it, and what is worth knowing about it.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{AgentId, ConversationId, Escaped, Secret, UserId};

/// The family an event belongs to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Who was let in, who was not.
    Auth,
    /// What tools were called, and what became of it.
    Tool,
    /// Which secrets were read or changed.
    Secret,
    /// What was reconfigured.
    Admin,
    /// What models were asked.
    Llm,
    /// What people were asked, and answered.
    Approval,
    /// What became of the policy's own assumptions.
    Policy,
    /// What tried to leave, and what became of it.
    Egress,
    /// Where commands ran, and how that ended.
    Sandbox,
    /// What was deployed, and taken back.
    Release,
    /// How the product itself fares.
    System,
}

impl Category {
    /// The categories that applications may send of themselves.
    pub const REPORTABLE: [Self; 5] =
        [Self::Auth, Self::Tool, Self::Secret, Self::Admin, Self::Llm];

    /// The category as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Tool => "tool",
            Self::Secret => "secret",
            Self::Admin => "admin",
            Self::Llm => "llm",
            Self::Approval => "approval",
            Self::Policy => "policy",
            Self::Egress => "egress",
            Self::Sandbox => "sandbox",
            Self::Release => "release",
            Self::System => "system",
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $category:ident $text:literal,)*) => {
        /// What happened. Ours are named here once; applications bring their own.
        #[derive(Clone, Debug, Eq, Hash, PartialEq)]
        pub enum Action {
            $($(#[$doc])* $name,)*
            /// An application's own word for what it did, checked by [`Action::reported`].
            Reported(Category, Arc<str>),
        }

        impl Action {
            /// Every action of ours.
            pub const OURS: &'static [Self] = &[$(Self::$name),*];

            /// The action as it is written, `category.what`.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Reported(_, text) => text,
                }
            }

            /// The family it belongs to.
            #[must_use]
            pub fn category(&self) -> Category {
                match self {
                    $(Self::$name => Category::$category,)*
                    Self::Reported(category, _) => *category,
                }
            }
        }
    };
}

actions! {
    /// A credential was accepted.
    AuthSuccess = Auth "auth.success",
    /// A credential was missing, wrong, or not good for what was asked.
    AuthRejected = Auth "auth.rejected",
    /// The chain allowed a call.
    ToolAllowed = Tool "tool.allowed",
    /// The chain wants a person's word first.
    ToolAsked = Tool "tool.asked",
    /// The chain refused a call.
    ToolBlocked = Tool "tool.blocked",
    /// A tool's result came back and was sanitised.
    ToolExecuted = Tool "tool.executed",
    /// A tool's result could not be sanitised and was withheld.
    ToolError = Tool "tool.error",
    /// Somebody is being asked.
    ApprovalRequested = Approval "approval.requested",
    /// A person said yes.
    ApprovalApproved = Approval "approval.approved",
    /// A person said no.
    ApprovalDenied = Approval "approval.denied",
    /// Nobody answered in time.
    ApprovalExpired = Approval "approval.expired",
    /// Whoever made the call took it back, or is gone.
    ApprovalWithdrawn = Approval "approval.withdrawn",
    /// Somebody answered a request that nothing can come of any more.
    ApprovalTooLate = Approval "approval.too_late",
    /// The configuration in force changed.
    ConfigChanged = Admin "admin.config_changed",
    /// A person has looked at instructions that were found in a conversation's outputs.
    ConversationCleared = Admin "admin.conversation_cleared",
    /// A token was made.
    TokenCreated = Admin "admin.token_created",
    /// A token was withdrawn.
    TokenRevoked = Admin "admin.token_revoked",
    /// A secret was sealed, in place of what had its name before.
    SecretUpdated = Secret "secret.updated",
    /// A sealed secret was forgotten.
    SecretRemoved = Secret "secret.removed",
    /// A tool is not, or no longer, what was approved.
    ToolDrift = Policy "policy.tool_drift",
    /// Somebody read the log.
    LogRead = Admin "admin.log_read",
    /// Calls are held back, since there were more than a rate allows.
    RateLimited = Policy "policy.rate_limited",
    /// The key of a person's data was destroyed.
    SubjectErased = Admin "admin.subject_erased",
    /// The server began to serve.
    SystemStarted = System "system.started",
    /// The server stopped in order.
    SystemStopped = System "system.stopped",
    /// A segment of the log begins: its header.
    SegmentBegun = System "system.segment_begun",
    /// Everything in the log so far was signed.
    Checkpoint = System "system.checkpoint",
    /// The log is written with another key from the next record on.
    KeyRotated = System "system.key_rotated",
    /// The log ended in a torn record, which was cut off.
    LogRepaired = System "system.log_repaired",
    /// Old segments of the log are let go of: the tombstone.
    SegmentsExpired = System "system.segments_expired",
    /// The clock was set back: records after this one may bear earlier times than those before.
    ClockSetBack = System "system.clock_set_back",
    /// A log system takes no records for now.
    SinkStopped = System "system.sink_stopped",
    /// A log system takes records again.
    SinkResumed = System "system.sink_resumed",
    /// A server of tools does not answer.
    ServerSilent = System "system.server_silent",
    /// A server of tools answers again.
    ServerBack = System "system.server_back",
    /// Something leaves calls less guarded than usual.
    SystemAlarm = System "system.alarm",
}

/// Why an application's event is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EventError {
    /// Not one of the categories open to applications.
    #[error("the category `{0}` is not one of auth, tool, secret, admin, llm")]
    Category(String),
    /// Not `category.what` in lower case.
    #[error("the action `{action}` is not of the form `{category}.what` (lower case, digits, `_`)")]
    Action {
        /// What was sent.
        action: String,
        /// The category it was sent under.
        category: &'static str,
    },
    /// The detail could not be written as JSON.
    #[error("the detail cannot be written as JSON: {0}")]
    Detail(String),
}

impl Action {
    /// An application's action: `category.what`, where `what` is lower-case letters, digits and
    /// underscores.
    ///
    /// # Errors
    /// When the category is not open to applications or the action is not of it.
    pub fn reported(category: &str, action: &str) -> Result<Self, EventError> {
        let known = Category::REPORTABLE.into_iter().find(|c| c.as_str() == category);
        let category = known.ok_or_else(|| EventError::Category(Escaped(category).to_string()))?;
        let what = action.strip_prefix(category.as_str()).and_then(|rest| rest.strip_prefix('.'));
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        match what {
            Some(what) if (1..=64).contains(&what.len()) && what.bytes().all(plain) => {
                Ok(Self::Reported(category, action.into()))
            }
            _ => Err(EventError::Action {
                action: Escaped(action).to_string(),
                category: category.as_str(),
            }),
        }
    }
}

/// Who did it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Actor {
    /// The credential or account, `system` for ourselves.
    pub name: Arc<str>,
    /// The agent it spoke for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The person behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

impl Actor {
    /// Ourselves.
    #[must_use]
    pub fn system() -> Self {
        Self { name: "system".into(), ..Self::default() }
    }
}

/// What is worth knowing about an event: one JSON object, written once from a typed value.
#[derive(Clone, Debug)]
pub struct Detail {
    written: Box<RawValue>,
    withheld: Option<Secret>,
}

impl Detail {
    /// Writes `value` as JSON.
    ///
    /// # Errors
    /// When the value has no JSON form.
    pub fn of(value: &impl Serialize) -> Result<Self, EventError> {
        let written = serde_json::value::to_raw_value(value);
        let written = written.map_err(|e| EventError::Detail(e.to_string()))?;
        Ok(Self { written, withheld: None })
    }

    /// The same, with what must not be recorded as it is. A journal that can seal it may; any other
    /// drops it, since it is no part of the JSON text.
    #[must_use]
    pub fn withholding(self, withheld: Option<Secret>) -> Self {
        Self { withheld, ..self }
    }

    /// What must not be recorded as it is.
    #[must_use]
    pub fn withheld(&self) -> Option<&Secret> {
        self.withheld.as_ref()
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.written.get()
    }
}

impl Serialize for Detail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

/// One thing that happened. The journal adds when, and the record's place in the log.
#[derive(Clone, Debug)]
pub struct Event {
    /// What happened.
    pub action: Action,
    /// Who did it.
    pub actor: Actor,
    /// In which conversation, where there is one.
    pub conversation: Option<ConversationId>,
    /// What is worth knowing about it.
    pub detail: Detail,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_withheld_is_no_part_of_the_text() {
        let secret = Secret::new(b"hunter2".to_vec());
        let detail = Detail::of(&[1]).unwrap().withholding(Some(secret));
        assert_eq!(
            (detail.as_json(), serde_json::to_string(&detail).unwrap().as_str()),
            ("[1]", "[1]")
        );
        assert!(!format!("{detail:?}").contains("hunter2"));
        assert_eq!(detail.withheld().unwrap().expose(), b"hunter2");
    }

    #[test]
    fn applications_report_only_their_own_categories() {
        let check = |category, action| {
            Action::reported(category, action).map_err(|e| e.to_string()).map(|a| a.category())
        };
        assert_eq!(check("tool", "tool.executed"), Ok(Category::Tool));
        assert_eq!(
            check("approval", "approval.approved").unwrap_err(),
            "the category `approval` is not one of auth, tool, secret, admin, llm"
        );
        for wrong in ["tool.", "tool", "auth.success", "tool.a b", "tool.A", "tool.a.b", "tool.\n"]
        {
            assert!(check("tool", wrong).is_err(), "{wrong}");
        }
    }
}
