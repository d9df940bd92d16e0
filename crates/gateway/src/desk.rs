//! Where people are asked: requests for approval, those who wait for an answer, and the answers.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bakerst_guard::approval::{
    Approval, ApprovalAnswer, ApprovalBook, ApprovalFilter, ApprovalRequest, BookError,
};
use bakerst_model::{
    Action, Actor, AgentId, ApprovalId, Detail, Digest, Event, EventError, Journal as _, Limits,
    ToolName, UnixMillis,
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::gateway::Gateway;
use crate::problem::Problem;

/// The book of approvals, and who waits for what.
pub(crate) struct Desk {
    pub(crate) book: Arc<dyn ApprovalBook>,
    /// One answer or expiry at a time, so that what is recorded is what then happens.
    settling: tokio::sync::Mutex<()>,
    pending: Mutex<HashSet<ApprovalId>>,
    bells: Mutex<HashMap<ApprovalId, Weak<Notify>>>,
    /// Expiries that the journal did not take; they are tried again.
    unrecorded: Mutex<Vec<Event>>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

impl Desk {
    pub(crate) async fn read(
        book: Arc<dyn ApprovalBook>,
        limits: &Limits,
    ) -> Result<Self, BookError> {
        let pending = book.list(ApprovalFilter::Pending, limits.approvals_pending_max).await?;
        Ok(Self {
            book,
            settling: tokio::sync::Mutex::default(),
            pending: Mutex::new(pending.into_iter().map(|approval| approval.id).collect()),
            bells: Mutex::default(),
            unrecorded: Mutex::default(),
            waiting: AtomicUsize::new(0),
            // Those who wait must not keep everybody else out.
            waiting_max: (limits.requests_max / 2).max(1),
        })
    }

    /// How many requests wait for a person.
    pub(crate) fn pending(&self) -> usize {
        lock(&self.pending).len()
    }

    /// Writes a request down, or finds the one that asks about the same call.
    pub(crate) async fn open(
        &self,
        request: ApprovalRequest,
    ) -> Result<(Approval, bool), BookError> {
        let (approval, is_new) = self.book.open(request).await?;
        lock(&self.pending).insert(approval.id);
        Ok((approval, is_new))
    }

    /// A seat for somebody who wants to wait, while there are any.
    pub(crate) fn seat(&self, id: ApprovalId) -> Option<Seat<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let mut bells = lock(&self.bells);
        let there = bells.get(&id).and_then(Weak::upgrade);
        let bell = there.unwrap_or_else(|| {
            let bell = Arc::new(Notify::new());
            bells.insert(id, Arc::downgrade(&bell));
            bell
        });
        drop(bells);
        let seat = Seat { desk: self, id, bell };
        (before < self.waiting_max).then_some(seat)
    }

    /// Whether somebody waits for the answer to this request.
    fn is_awaited(&self, id: ApprovalId) -> bool {
        lock(&self.bells).get(&id).is_some_and(|bell| bell.strong_count() > 0)
    }

    fn settled(&self, id: ApprovalId) {
        lock(&self.pending).remove(&id);
        if let Some(bell) = lock(&self.bells).get(&id).and_then(Weak::upgrade) {
            bell.notify_waiters();
        }
    }
}

/// Somebody who waits for the answer to one request.
pub(crate) struct Seat<'d> {
    desk: &'d Desk,
    id: ApprovalId,
    /// Rung once the request is settled.
    pub(crate) bell: Arc<Notify>,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.desk.waiting.fetch_sub(1, Ordering::AcqRel);
        let mut bells = lock(&self.desk.bells);
        if Arc::strong_count(&self.bell) == 1 {
            bells.remove(&self.id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the log keeps of a request for approval.
#[derive(Serialize)]
struct ApprovalDetail<'d> {
    approval: ApprovalId,
    tool: &'d ToolName,
    agent: &'d AgentId,
    binding: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<UnixMillis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'d str>,
}

/// The event that says what became of a request.
fn event(
    action: Action,
    actor: Actor,
    Approval { id, request, .. }: &Approval,
    note: Option<&str>,
) -> Result<Event, EventError> {
    let detail = Detail::of(&ApprovalDetail {
        approval: *id,
        tool: &request.tool,
        agent: &request.agent,
        binding: request.binding,
        expires_at: request.expires_at,
        note,
    })?;
    Ok(Event { action, actor, conversation: Some(request.conversation.clone()), detail })
}

impl Gateway {
    /// Opens a request for approval, and records it when it is new.
    pub(crate) async fn open_approval(
        &self,
        request: ApprovalRequest,
        actor: &Actor,
    ) -> Result<Result<Approval, BookError>, Problem> {
        let (approval, is_new) = match self.desk.open(request).await {
            Ok(opened) => opened,
            Err(error) => return Ok(Err(error)),
        };
        if is_new {
            let asked = event(Action::ApprovalRequested, actor.clone(), &approval, None)?;
            self.ledger.append(asked).await?;
        }
        Ok(Ok(approval))
    }

    /// Settles a request by a person's answer: recorded first, then in force, then told to those
    /// who wait.
    pub(crate) async fn settle_approval(
        &self,
        id: ApprovalId,
        approve: bool,
        note: Option<String>,
        actor: Actor,
    ) -> Result<Approval, Problem> {
        let _one_at_a_time = self.desk.settling.lock().await;
        let approval = self.desk.book.find(id).await?.ok_or(BookError::NoSuch(id))?;
        let answer = ApprovalAnswer { approve, by: actor.name.clone(), note, at: self.clock.now() };
        let policy = self.policy();
        let shown = answer.note.as_deref().map(|note| policy.loggable_text(note));
        let action = match (approval.answered(&answer), approve) {
            (Some(_), true) => Action::ApprovalApproved,
            (Some(_), false) => Action::ApprovalDenied,
            (None, _) => {
                let overdue = approval.is_overdue(answer.at);
                let state = if overdue { "expired" } else { approval.state.as_str() };
                // Nothing comes of it, but somebody did say it.
                let too_late = event(Action::ApprovalTooLate, actor, &approval, shown.as_deref())?;
                self.ledger.append(too_late).await?;
                return Err(BookError::Settled { id, state }.into());
            }
        };
        self.ledger.append(event(action, actor, &approval, shown.as_deref())?).await?;
        match self.desk.book.answer(id, answer).await {
            Ok(settled) => {
                self.desk.settled(id);
                Ok(settled)
            }
            Err(error) => {
                self.raise(format!(
                    "the answer to `{id}` was recorded, but did not take effect: {error}"
                ))
                .await;
                Err(error.into())
            }
        }
    }

    /// Ends what nobody answered in time, and records it.
    pub(crate) async fn expire_overdue(&self) {
        let _one_at_a_time = self.desk.settling.lock().await;
        let mut events = std::mem::take(&mut *lock(&self.desk.unrecorded));
        // When the book fails, claims still find the request overdue by the time alone.
        let expired = self.desk.book.expire(self.clock.now()).await.unwrap_or_default();
        for approval in &expired {
            self.desk.settled(approval.id);
            events.extend(event(Action::ApprovalExpired, Actor::system(), approval, None));
        }
        for event in events {
            self.record_or_keep(event).await;
        }
    }

    /// Ends a request whose call was taken back, and records it; unless somebody else waits for
    /// the same answer.
    pub(crate) async fn withdraw_approval(&self, id: ApprovalId, actor: Actor) {
        let _one_at_a_time = self.desk.settling.lock().await;
        if self.desk.is_awaited(id) {
            return;
        }
        // When the book fails, the request stays; whoever made the call is gone all the same.
        let withdrawn = self.desk.book.withdraw(id, self.clock.now()).await.unwrap_or_default();
        let Some(approval) = withdrawn else { return };
        self.desk.settled(id);
        if let Ok(event) = event(Action::ApprovalWithdrawn, actor, &approval, None) {
            self.record_or_keep(event).await;
        }
    }

    /// Records what has happened already; where the journal does not take it, it is kept for the
    /// next time.
    async fn record_or_keep(&self, event: Event) {
        if self.ledger.append(event.clone()).await.is_err() {
            let mut unrecorded = lock(&self.desk.unrecorded);
            if unrecorded.len() < self.limits.approvals_pending_max {
                unrecorded.push(event);
            }
        }
    }

    /// Records that something is not as it should be. When the journal fails too, readiness
    /// says so.
    pub(crate) async fn raise(&self, alarm: String) {
        #[derive(Serialize)]
        struct Alarm {
            alarm: String,
        }
        let Ok(detail) = Detail::of(&Alarm { alarm }) else { return };
        let actor = Actor::system();
        let event = Event { action: Action::SystemAlarm, actor, conversation: None, detail };
        self.ledger.append(event).await.ok();
    }
}
