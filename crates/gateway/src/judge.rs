//! What every door asks of the chain: a decision, recorded before anybody hears of it.

use std::sync::OnceLock;
use std::time::Duration;

use bakerst_guard::approval::{ApprovalRequest, BookError, Claim};
use bakerst_guard::{Answer, ApprovalNeed, Asked, Decision, Outcome, Permit, Policy, Query};
use bakerst_guard::{Refusal, Run, Step};
use bakerst_model::{Actor, ApprovalId, Code, Digest, Escaped, Reason, Recorded, ToolCall};
use tokio::time::Instant;

use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::mcp::Listed;
use crate::problem::Problem;

/// How a call is put, beside what it is.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'a> {
    /// The request for approval that it comes back for.
    pub(crate) approval: Option<ApprovalId>,
    /// How long the caller waits for a person.
    pub(crate) wait: Option<Duration>,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// Where they ask, for the log.
    pub(crate) path: &'a str,
    /// The tool as its server lists it, where the call comes through one.
    pub(crate) listed: Option<Listed<'a>>,
    /// Where it is written down for which request for approval they wait.
    pub(crate) awaits: Option<&'a OnceLock<ApprovalId>>,
}

/// A decision that is in the log.
#[derive(Debug)]
pub(crate) enum Ruled {
    /// The call may be made, once, as it is.
    Permitted(Recorded<Permit>),
    /// A person is being asked.
    Asked(Recorded<Asked>),
    /// The call must not be made.
    Refused(Recorded<Refusal>),
}

/// How far a run comes without a person.
enum Heard {
    /// It is decided.
    Done(Decision),
    /// A person must say so.
    Person(ApprovalNeed),
}

/// What a person is asked.
enum Question {
    /// They were asked before.
    Open(ApprovalId),
    /// They are asked now.
    New(ApprovalRequest),
}

impl Gateway {
    /// Decides about a call, records the decision, and only then says what it is.
    pub(crate) async fn decide(
        &self,
        call: ToolCall,
        asking: Asking<'_>,
    ) -> Result<Ruled, Problem> {
        let actor = Actor {
            agent: Some(call.agent.clone()),
            user: call.user.clone(),
            ..asking.caller.actor()
        };
        // Whoever comes back for an answer was counted before.
        if asking.approval.is_none() {
            self.within_rates(&call, asking.caller, &actor).await?;
        }
        let mut policy = self.policy();
        let decision = {
            let facts = self.facts(&policy, &call, asking).await?;
            let mut run = policy.start(&call, facts);
            match self.heard(&mut run).await {
                Heard::Done(decision) => decision,
                Heard::Person(need) => {
                    let question = match asking.approval {
                        Some(id) => Question::Open(id),
                        None => {
                            let now = self.clock.now();
                            Question::New(policy.approval_request(&call, &run, &need, now))
                        }
                    };
                    // Rare, and so kept out of what every call carries with it.
                    let answer = self.person(question, call.binding(), &actor, asking);
                    let answer = Box::pin(answer).await?;
                    run.resume(answer)
                }
            }
        };
        let granted = decision.approval.filter(|_| decision.reason.code == Code::Allowed);
        let decision = match granted {
            // A person took their time, and the policy may be another by now.
            Some(id) => {
                policy = self.policy();
                Box::pin(self.again(&policy, &call, asking, id)).await?
            }
            None => decision,
        };
        self.conclude(&policy, call, decision, actor).await
    }

    /// Hears every guardrail; whom they have to ask is asked.
    async fn heard(&self, run: &mut Run<'_>) -> Heard {
        loop {
            match run.step() {
                Step::Done(decision) => return Heard::Done(decision),
                Step::Need(Query::Approval(need)) => return Heard::Person(need),
                Step::Need(Query::Authorize(need)) => run.supply(self.opa.ask(&need).await),
            }
        }
    }

    /// Decides once more, now that a person has agreed: what the policy in force denies stays
    /// denied.
    async fn again(
        &self,
        policy: &Policy,
        call: &ToolCall,
        asking: Asking<'_>,
        id: ApprovalId,
    ) -> Result<Decision, Problem> {
        let facts = self.facts(policy, call, asking).await?;
        let mut run = policy.start(call, facts);
        Ok(match self.heard(&mut run).await {
            Heard::Done(decision) => decision,
            Heard::Person(_) => run.resume(Answer::Granted(id)),
        })
    }

    /// What a person says to a call of this binding.
    async fn person(
        &self,
        question: Question,
        binding: Digest,
        actor: &Actor,
        asking: Asking<'_>,
    ) -> Result<Answer, Problem> {
        let id = match question {
            Question::Open(id) => Ok(id),
            Question::New(request) => {
                self.open_approval(request, actor).await?.map(|approval| approval.id)
            }
        };
        if let (Ok(id), Some(awaits)) = (&id, asking.awaits) {
            awaits.get_or_init(|| *id);
        }
        match id {
            Ok(id) => self.hear(id, binding, asking).await,
            Err(error) => Ok(refused(None, &error)),
        }
    }

    /// Records a decision.
    pub(crate) async fn conclude(
        &self,
        policy: &Policy,
        call: ToolCall,
        decision: Decision,
        actor: Actor,
    ) -> Result<Ruled, Problem> {
        let settled = policy.settle(call, decision, actor);
        let settled = settled.map_err(|e| Problem::new(Code::Undecided, e.to_string()))?;
        let ruled = match settled {
            Outcome::Permitted(permit) => Ruled::Permitted(self.ledger.record(permit).await?),
            Outcome::Asked(asked) => Ruled::Asked(self.ledger.record(asked).await?),
            Outcome::Refused(refusal) => Ruled::Refused(self.ledger.record(refusal).await?),
        };
        self.decided.count(&ruled);
        Ok(ruled)
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
