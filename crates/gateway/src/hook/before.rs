//! May this call be made?

use std::time::Duration;

use bakerst_guard::approval::{BookError, Claim};
use bakerst_guard::{Answer, Decision, Outcome, Passthrough, Policy, Query, Step};
use bakerst_model::{Actor, ApprovalId, Code, Digest, Escaped, Reason, ToolCall};
use tokio::time::Instant;

use super::{Before, read_before};
use crate::exchange::Exchange;
use crate::gateway::{Enforcement, Gateway};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{HookAnswer, UnguardedAnswer};

/// `POST /v1/guard/before`.
pub(crate) async fn before(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, path, query, body, .. } = exchange;
    let wait = query.wait(&gateway.limits)?;
    let Before { call, approval } = read_before(&body, &gateway.limits)?;
    let call = gateway.attribute(call, &caller, path).await?;
    match gateway.enforcement {
        Enforcement::Off => Reply::json(&UnguardedAnswer::from(Passthrough.before(&call))),
        Enforcement::On => {
            let asking = Asking { approval, wait, caller: &caller, path };
            Reply::json(&gateway.decide(call, asking).await?)
        }
    }
}

/// How a call is put, beside what it is.
#[derive(Clone, Copy)]
struct Asking<'a> {
    approval: Option<ApprovalId>,
    wait: Option<Duration>,
    caller: &'a Caller,
    path: &'a str,
}

impl Gateway {
    /// Decides about a call, records the decision, and only then says what it is.
    async fn decide(&self, call: ToolCall, asking: Asking<'_>) -> Result<HookAnswer, Problem> {
        let actor = Actor {
            agent: Some(call.agent.clone()),
            user: call.user.clone(),
            ..asking.caller.actor()
        };
        let mut policy = self.policy();
        let decision = {
            let mut run = policy.start(&call, self.facts());
            match run.step() {
                Step::Done(decision) => decision,
                Step::Need(Query::Approval(need)) => {
                    let id = match asking.approval {
                        Some(id) => Ok(id),
                        None => {
                            let now = self.clock.now();
                            let request = policy.approval_request(&call, &run, &need, now);
                            let opened = self.open_approval(request, &actor).await?;
                            opened.map(|approval| approval.id)
                        }
                    };
                    let answer = match id {
                        Ok(id) => self.hear(id, call.binding(), asking).await?,
                        Err(error) => refused(None, &error),
                    };
                    run.resume(answer)
                }
            }
        };
        let granted = decision.approval.filter(|_| decision.reason.code == Code::Allowed);
        let decision = match granted {
            // A person took their time, and the policy may be another by now.
            Some(id) => {
                policy = self.policy();
                again(&policy, &call, self.facts(), id)
            }
            None => decision,
        };
        self.conclude(&policy, call, decision, actor).await
    }

    /// Records a decision and turns it into its answer.
    async fn conclude(
        &self,
        policy: &Policy,
        call: ToolCall,
        decision: Decision,
        actor: Actor,
    ) -> Result<HookAnswer, Problem> {
        let settled = policy.settle(call, decision, actor);
        let settled = settled.map_err(|e| Problem::new(Code::Undecided, e.to_string()))?;
        Ok(match settled {
            Outcome::Permitted(permit) => HookAnswer::allowed(self.ledger.record(permit).await?),
            Outcome::Asked(asked) => HookAnswer::asked(&self.ledger.record(asked).await?),
            Outcome::Refused(refusal) => HookAnswer::refused(&self.ledger.record(refusal).await?),
        })
    }

    /// What a person says to the call of this binding: at once what is known, or, where the
    /// caller waits, what becomes known in time.
    async fn hear(
        &self,
        id: ApprovalId,
        binding: Digest,
        asking: Asking<'_>,
    ) -> Result<Answer, Problem> {
        let first = self.claim(id, binding).await;
        let (Some(wait), Answer::Waiting(_)) = (asking.wait, &first) else { return Ok(first) };
        // Where all seats are taken, nobody waits: the question stays open.
        let Some(seat) = self.desk.seat(id) else { return Ok(first) };
        let until = Instant::now() + wait;
        loop {
            // Listening begins before the claim, so that no answer falls between the two.
            let rung = seat.bell.notified();
            let answer = self.claim(id, binding).await;
            let Answer::Waiting(_) = answer else { return Ok(answer) };
            tokio::select! {
                () = rung => self.recheck(asking.caller, asking.path).await?,
                () = tokio::time::sleep_until(until) => return Ok(answer),
                () = self.closing() => return Ok(answer),
            }
        }
    }

    /// Comes back for an approval. One that is granted is used up by this.
    async fn claim(&self, id: ApprovalId, binding: Digest) -> Answer {
        match self.desk.book.claim(id, binding, self.clock.now()).await {
            Ok(Claim::Granted { .. }) => Answer::Granted(id),
            Ok(Claim::Waiting) => Answer::Waiting(id),
            Ok(Claim::Denied { by, note }) => {
                let note = note.map(|note| format!(": {}", Escaped(&note))).unwrap_or_default();
                let message = format!("`{by}` denied `{id}`{note}");
                Answer::Refused(Some(id), Reason::new(Code::ApprovalDenied, message))
            }
            Ok(Claim::Expired) => Answer::Refused(Some(id), Code::ApprovalExpired.into()),
            Ok(Claim::Mismatch) => Answer::Refused(Some(id), Code::ApprovalMismatch.into()),
            Err(error) => refused(Some(id), &error),
        }
    }
}

fn refused(id: Option<ApprovalId>, error: &BookError) -> Answer {
    Answer::Refused(id, Reason::new(error.code(), error.to_string()))
}

/// Decides once more, now that a person has agreed: what the policy in force denies stays denied.
fn again(
    policy: &Policy,
    call: &ToolCall,
    facts: bakerst_guard::Facts,
    id: ApprovalId,
) -> Decision {
    let mut run = policy.start(call, facts);
    match run.step() {
        Step::Done(decision) => decision,
        Step::Need(_) => run.resume(Answer::Granted(id)),
    }
}
