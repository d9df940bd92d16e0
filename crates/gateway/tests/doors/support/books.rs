//! Books in memory that hold to what the ports promise, by the same words of `guard`.

use std::sync::Mutex;

use bakerst_guard::approval::{
    Approval, ApprovalAnswer, ApprovalBook, ApprovalFilter, ApprovalRequest, ApprovalState,
    BookError, Claim,
};
use bakerst_guard::flow::{
    ConversationBook, ConversationBookError, ConversationKey, KeptConversation, Overview, Part,
    PartKind,
};
use bakerst_model::{
    Action, Actor, Appending, ApprovalId, ConversationId, Digest, Event, Journal, JournalError,
    Pending, Seq, TokenBook, TokenBookError, TokenRecord, UnixMillis,
};
use serde_json::Value;
use tokio::sync::watch;

/// How the journal is disposed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Takes,
    Unwritable,
    Closed,
}

/// An event as it was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) action: String,
    pub(crate) actor: Actor,
    pub(crate) detail: Value,
}

#[derive(Default)]
pub(crate) struct FakeJournal {
    mood: Mutex<Mood>,
    taken: watch::Sender<Vec<Taken>>,
}

impl FakeJournal {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub(crate) fn all(&self) -> Vec<Taken> {
        self.taken.borrow().clone()
    }

    /// How many events there are.
    pub(crate) fn count(&self) -> usize {
        self.taken.borrow().len()
    }

    /// The events after so many.
    pub(crate) fn since(&self, count: usize) -> Vec<Taken> {
        self.taken.borrow()[count..].to_vec()
    }

    pub(crate) fn actions(&self) -> Vec<String> {
        self.all().into_iter().map(|taken| taken.action).collect()
    }

    /// All events of one action.
    pub(crate) fn of(&self, action: &Action) -> Vec<Taken> {
        self.all().into_iter().filter(|taken| taken.action == action.as_str()).collect()
    }

    /// Waits until so many events of one action are there.
    pub(crate) async fn until(&self, action: Action, count: usize) {
        let there = |all: &Vec<Taken>| {
            all.iter().filter(|taken| taken.action == action.as_str()).count() >= count
        };
        self.taken.subscribe().wait_for(there).await.unwrap();
    }
}

impl Journal for FakeJournal {
    fn append(&self, event: Event) -> Appending<'_> {
        Appending::waits(async move {
            match *self.mood.lock().unwrap() {
                Mood::Takes => {}
                Mood::Unwritable => {
                    return Err(JournalError::Unwritable("the disk is full".into()));
                }
                Mood::Closed => return Err(JournalError::Closed("the disk was full".into())),
            }
            let Event { action, actor, detail, .. } = event;
            let detail = serde_json::from_str(detail.as_json()).unwrap();
            let taken = Taken { action: action.as_str().to_owned(), actor, detail };
            let mut seq = 0;
            self.taken.send_modify(|all| {
                all.push(taken);
                seq = all.len();
            });
            Ok(Seq(u64::try_from(seq).unwrap()))
        })
    }
}

pub(crate) struct FakeApprovals {
    pending_max: usize,
    approvals: Mutex<Vec<Approval>>,
    claims: watch::Sender<usize>,
    broken: Mutex<bool>,
}

impl FakeApprovals {
    pub(crate) fn new(pending_max: usize) -> Self {
        Self {
            pending_max,
            approvals: Mutex::default(),
            claims: watch::Sender::default(),
            broken: Mutex::default(),
        }
    }

    /// From here on, every step fails.
    pub(crate) fn break_down(&self) {
        *self.broken.lock().unwrap() = true;
    }

    /// Waits until calls have come back for their approval so many times in all.
    pub(crate) async fn claimed(&self, count: usize) {
        self.claims.subscribe().wait_for(|claims| *claims >= count).await.unwrap();
    }

    pub(crate) fn state(&self, id: &str) -> ApprovalState {
        let id = ApprovalId::parse(id).unwrap();
        let approvals = self.approvals.lock().unwrap();
        approvals.iter().find(|approval| approval.id == id).unwrap().state.clone()
    }

    /// One atomic step.
    fn step<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Vec<Approval>) -> Result<T, BookError> + Send,
    ) -> Result<T, BookError> {
        match *self.broken.lock().unwrap() {
            true => Err(BookError::Failed("the database is gone".into())),
            false => step(&mut self.approvals.lock().unwrap()),
        }
    }
}

impl ApprovalBook for FakeApprovals {
    fn open(&self, request: ApprovalRequest) -> Pending<'_, Result<(Approval, bool), BookError>> {
        Box::pin(async move {
            let max = self.pending_max;
            self.step(|approvals| {
                let pending = || approvals.iter().filter(|a| a.state == ApprovalState::Pending);
                let same = pending().find(|approval| {
                    approval.request.binding == request.binding
                        && !approval.is_overdue(request.asked_at)
                });
                if let Some(same) = same {
                    return Ok((same.clone(), false));
                }
                if pending().count() >= max {
                    return Err(BookError::Full { max });
                }
                let id = ApprovalId(u64::try_from(approvals.len()).unwrap() + 1);
                approvals.push(Approval { id, request, state: ApprovalState::Pending });
                Ok((approvals.last().unwrap().clone(), true))
            })
        })
    }

    fn find(&self, id: ApprovalId) -> Pending<'_, Result<Option<Approval>, BookError>> {
        Box::pin(async move {
            self.step(|approvals| Ok(approvals.iter().find(|a| a.id == id).cloned()))
        })
    }

    fn list(
        &self,
        filter: ApprovalFilter,
        most: usize,
    ) -> Pending<'_, Result<Vec<Approval>, BookError>> {
        Box::pin(async move {
            self.step(|approvals| {
                let newest = approvals.iter().rev().filter(|approval| match filter {
                    ApprovalFilter::Pending => approval.state == ApprovalState::Pending,
                    ApprovalFilter::Latest => true,
                });
                Ok(newest.take(most).cloned().collect())
            })
        })
    }

    fn answer(
        &self,
        id: ApprovalId,
        answer: ApprovalAnswer,
    ) -> Pending<'_, Result<Approval, BookError>> {
        Box::pin(async move {
            self.step(|approvals| {
                let approval = approvals.iter_mut().find(|a| a.id == id);
                let approval = approval.ok_or(BookError::NoSuch(id))?;
                let state = approval.answered(&answer);
                let settled = BookError::Settled { id, state: approval.state.as_str() };
                approval.state = state.ok_or(settled)?;
                Ok(approval.clone())
            })
        })
    }

    fn claim(
        &self,
        id: ApprovalId,
        binding: Digest,
        now: UnixMillis,
    ) -> Pending<'_, Result<Claim, BookError>> {
        Box::pin(async move {
            let claim = self.step(|approvals| {
                let approval = approvals.iter_mut().find(|a| a.id == id);
                let Some(approval) = approval else { return Ok(Claim::Mismatch) };
                let claim = approval.claim(binding, now);
                if let Claim::Granted { by } = &claim {
                    approval.state = ApprovalState::Used { by: by.clone(), at: now };
                }
                Ok(claim)
            });
            self.claims.send_modify(|claims| *claims += 1);
            claim
        })
    }

    fn withdraw(
        &self,
        id: ApprovalId,
        now: UnixMillis,
    ) -> Pending<'_, Result<Option<Approval>, BookError>> {
        Box::pin(async move {
            self.step(|approvals| {
                let approval = approvals.iter_mut().find(|approval| approval.id == id);
                Ok(approval.and_then(|approval| {
                    approval.state = approval.withdrawn(now)?;
                    Some(approval.clone())
                }))
            })
        })
    }

    fn expire(&self, now: UnixMillis) -> Pending<'_, Result<Vec<Approval>, BookError>> {
        Box::pin(async move {
            self.step(|approvals| {
                let ended = approvals.iter_mut().filter(|approval| match &approval.state {
                    ApprovalState::Approved { usable_until, .. } => *usable_until <= now,
                    _ => approval.is_overdue(now),
                });
                Ok(ended
                    .map(|approval| {
                        approval.state = ApprovalState::Expired { at: now };
                        approval.clone()
                    })
                    .collect())
            })
        })
    }
}

#[derive(Default)]
pub(crate) struct FakeTokens(Mutex<Vec<TokenRecord>>);

impl FakeTokens {
    pub(crate) fn all(&self) -> Vec<TokenRecord> {
        self.0.lock().unwrap().clone()
    }
}

impl TokenBook for FakeTokens {
    fn create(&self, token: TokenRecord) -> Pending<'_, Result<(), TokenBookError>> {
        Box::pin(async move {
            let mut records = self.0.lock().unwrap();
            let in_use = |there: &TokenRecord| there.revoked_at.is_none();
            if records.iter().any(|there| in_use(there) && there.name == token.name) {
                return Err(TokenBookError::NameTaken(token.name));
            }
            records.push(token);
            Ok(())
        })
    }

    fn list(&self) -> Pending<'_, Result<Vec<TokenRecord>, TokenBookError>> {
        Box::pin(async move { Ok(self.all()) })
    }

    fn revoke(
        &self,
        name_or_id: String,
        at: UnixMillis,
    ) -> Pending<'_, Result<TokenRecord, TokenBookError>> {
        Box::pin(async move {
            let mut records = self.0.lock().unwrap();
            let found = records.iter_mut().find(|there| {
                let named = *there.name == *name_or_id || there.id.to_string() == name_or_id;
                there.revoked_at.is_none() && named
            });
            let record = found.ok_or(TokenBookError::NoSuch(name_or_id))?;
            record.revoked_at = Some(at);
            Ok(record.clone())
        })
    }
}

type Kept = Vec<(ConversationKey, UnixMillis, Vec<Part>)>;

pub(crate) struct FakeConversations {
    kept: Mutex<Kept>,
    max: usize,
    broken: Mutex<bool>,
    slow: watch::Sender<bool>,
    reads: watch::Sender<usize>,
}

impl FakeConversations {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            kept: Mutex::default(),
            max,
            broken: Mutex::default(),
            slow: watch::Sender::default(),
            reads: watch::Sender::default(),
        }
    }

    /// Whoever reads a conversation waits until this is taken back.
    pub(crate) fn take_time(&self, takes: bool) {
        self.slow.send_replace(takes);
    }

    /// Waits until conversations were asked for so many times in all.
    pub(crate) async fn read(&self, count: usize) {
        self.reads.subscribe().wait_for(|reads| *reads >= count).await.unwrap();
    }

    pub(crate) fn fail(&self, fails: bool) {
        *self.broken.lock().unwrap() = fails;
    }

    fn run<'p, T: Send + 'p>(
        &self,
        work: impl FnOnce(&mut Kept) -> Result<T, ConversationBookError>,
    ) -> Pending<'p, Result<T, ConversationBookError>> {
        let done = match *self.broken.lock().unwrap() {
            true => Err(ConversationBookError::Failed("the disk is gone".into())),
            false => work(&mut self.kept.lock().unwrap()),
        };
        Box::pin(std::future::ready(done))
    }
}

impl ConversationBook for FakeConversations {
    fn load(&self, key: ConversationKey) -> Pending<'_, Result<Vec<Part>, ConversationBookError>> {
        let loaded = self.run(move |kept| {
            let found = kept.iter().find(|(known, ..)| *known == key);
            let mut parts = found.map(|(.., parts)| parts.clone()).unwrap_or_default();
            parts.sort_by_key(|part| (part.kind.number(), part.place));
            Ok(parts)
        });
        Box::pin(async move {
            self.reads.send_modify(|reads| *reads += 1);
            self.slow.subscribe().wait_for(|slow| !slow).await.unwrap();
            loaded.await
        })
    }

    fn keep(
        &self,
        key: ConversationKey,
        parts: Vec<Part>,
        at: UnixMillis,
    ) -> Pending<'_, Result<(), ConversationBookError>> {
        self.run(|kept| {
            if !kept.iter().any(|(known, ..)| *known == key) {
                if kept.len() >= self.max {
                    return Err(ConversationBookError::Full { max: self.max });
                }
                kept.push((key.clone(), at, Vec::new()));
            }
            let entry = kept.iter_mut().find(|(known, ..)| *known == key).unwrap();
            entry.1 = at;
            for part in parts {
                entry.2.retain(|old| (old.kind, old.place) != (part.kind, part.place));
                entry.2.push(part);
            }
            Ok(())
        })
    }

    fn list(
        &self,
        named: Option<ConversationId>,
        most: usize,
    ) -> Pending<'_, Result<Vec<KeptConversation>, ConversationBookError>> {
        self.run(|kept| {
            let named = kept
                .iter()
                .filter(|(key, ..)| named.as_ref().is_none_or(|named| *named == key.conversation));
            let listed = named.take(most).map(|(key, heard_at, parts)| {
                let summary = parts.iter().find(|part| part.kind == PartKind::Summary).unwrap();
                let overview = Overview::read(&summary.bytes)?;
                Ok(KeptConversation { key: key.clone(), heard_at: *heard_at, overview })
            });
            listed.collect()
        })
    }
}
