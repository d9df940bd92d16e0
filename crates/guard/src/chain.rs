//! The chain itself: guardrails in order, one decision at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bakerst_model::{ApprovalId, Code, Digest, Reason, ToolCall, Verdict};
use serde::Serialize;

use crate::authorization::{Authority, AuthorizeNeed, Consulted, NoAnswer};
use crate::flow::FlowFacts;
use crate::rails::human_approval::Approver;
use crate::{Check, Facts, Guardrail, Mode, OnError, Subject, Undecided};

/// A guardrail with its name and how much its word counts.
pub(crate) struct Rail {
    pub(crate) name: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) on_error: OnError,
    pub(crate) judge: Judge,
}

/// Who gives a guardrail's word.
pub(crate) enum Judge {
    /// The guardrail itself, at once.
    Own(Arc<dyn Guardrail>),
    /// Somebody else, who has to be asked.
    World(Arc<dyn Consults>),
}

/// A guardrail that asks somebody else.
pub(crate) trait Consults: Send + Sync {
    /// What is asked about a call.
    fn question(&self, subject: &Subject<'_>) -> Result<AuthorizeNeed, Undecided>;

    /// The word that follows from the answer, and who gave it.
    fn conclude(&self, subject: &Subject<'_>, answer: &Consulted) -> (Check, Authority);
}

/// Compiled guardrails in order.
pub struct Chain {
    pub(crate) rails: Vec<Rail>,
    pub(crate) approver: Option<Approver>,
    pub(crate) policy: Digest,
}

/// One guardrail's word on a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Word {
    /// The guardrail.
    pub guardrail: Arc<str>,
    /// What it said.
    pub verdict: Verdict,
    /// Why, unless it had nothing against the call.
    pub reason: Option<Reason>,
    /// Whether it is only listened to, and does not count.
    pub monitored: bool,
    /// Who gave it, where it was not the guardrail itself.
    pub authority: Option<Authority>,
}

/// What the chain makes of a call in the end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// Every word that was heard, in order.
    pub trail: Vec<Word>,
    /// The request for approval that it hangs on.
    pub approval: Option<ApprovalId>,
    /// The policy that decided.
    pub policy: Digest,
    /// Where the call's values come from, if that was known.
    pub flow: Option<Arc<FlowFacts>>,
}

/// Where a run stands.
#[derive(Debug)]
pub enum Step {
    /// It is decided.
    Done(Decision),
    /// Only the world can tell; [`Run::supply`] or [`Run::resume`] takes the answer.
    Need(Query),
}

/// A question to the world.
#[derive(Debug, Eq, PartialEq)]
pub enum Query {
    /// What does a remote policy say? [`Run::supply`] takes the answer, and the run goes on.
    Authorize(AuthorizeNeed),
    /// What does a person say? [`Run::resume`] takes the answer, and the run ends.
    Approval(ApprovalNeed),
}

/// What a person is to be asked, and how.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ApprovalNeed {
    /// How long a person has, in seconds.
    pub timeout_seconds: u64,
    /// Whether silence becomes a denial; otherwise the request stays pending.
    pub auto_deny_on_timeout: bool,
}

/// The world's answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// A person said yes, to this very call.
    Granted(ApprovalId),
    /// A person has been asked and has yet to answer.
    Waiting(ApprovalId),
    /// It is a no, for this reason: denied, too late, another call's, nobody to ask.
    Refused(Option<ApprovalId>, Reason),
}

impl Chain {
    /// Begins with a call.
    #[must_use]
    pub fn start<'c>(&'c self, call: &'c ToolCall, facts: Facts) -> Run<'c> {
        Run {
            chain: self,
            subject: Subject::new(call, facts),
            trail: Vec::with_capacity(self.rails.len()),
            strictest: None,
            next: 0,
            answer: None,
            offline: false,
        }
    }

    /// How many guardrails' words count.
    #[must_use]
    pub fn enforcing(&self) -> usize {
        self.rails.iter().filter(|rail| rail.mode == Mode::Enforce).count()
    }
}

/// A call on its way through the chain.
pub struct Run<'c> {
    chain: &'c Chain,
    subject: Subject<'c>,
    trail: Vec<Word>,
    /// The place in the trail of the first of the strictest words that count.
    strictest: Option<usize>,
    next: usize,
    /// What the world said to the guardrail that is next.
    answer: Option<Consulted>,
    offline: bool,
}

impl<'c> Run<'c> {
    /// The same run where there is no network: what would be asked of a remote policy is answered
    /// by the built-in rules.
    #[must_use]
    pub fn offline(self) -> Self {
        Self { offline: true, ..self }
    }

    /// Hears one more guardrail; `None` once there is nothing more to hear, or the next one has to
    /// ask the world first.
    pub fn hear(&mut self) -> Option<&Word> {
        let rail = self.next_rail()?;
        let (check, authority) = match &rail.judge {
            Judge::Own(guardrail) => (guarded(|| guardrail.check(&self.subject)), None),
            Judge::World(world) => {
                let unasked = self.offline.then_some(Consulted::Silent(NoAnswer::NotAsked));
                let answer = self.answer.take().or(unasked)?;
                let (check, authority) = guarded(|| Ok(world.conclude(&self.subject, &answer)))
                    .map_or_else(|error| (Err(error), None), |(c, a)| (Ok(c), Some(a)));
                (check, authority)
            }
        };
        let (verdict, reason) = weigh(rail, check);
        self.note(rail, verdict, reason, authority);
        self.trail.last()
    }

    /// The guardrail that is to be heard next.
    pub(crate) fn next_name(&self) -> Option<&'c str> {
        self.next_rail().map(|rail| &*rail.name)
    }

    /// Takes what the next guardrail said to this very call before, instead of hearing it again.
    pub(crate) fn recall(&mut self, verdict: Verdict, reason: Option<Reason>) {
        if let Some(rail) = self.next_rail() {
            self.note(rail, verdict, reason, None);
        }
    }

    fn note(
        &mut self,
        rail: &Rail,
        verdict: Verdict,
        reason: Option<Reason>,
        authority: Option<Authority>,
    ) {
        let monitored = rail.mode == Mode::Monitor;
        if !monitored && verdict > self.verdict() {
            self.strictest = Some(self.trail.len());
        }
        self.next += 1;
        let guardrail = rail.name.clone();
        self.trail.push(Word { guardrail, verdict, reason, monitored, authority });
    }

    /// Takes the world's answer to [`Query::Authorize`]; [`Run::step`] goes on with it.
    pub fn supply(&mut self, answer: Consulted) {
        self.answer = Some(answer);
    }

    /// Hears all that is left to hear, and concludes.
    pub fn step(&mut self) -> Step {
        while self.hear().is_some() {}
        if let Some(Judge::World(world)) = self.next_rail().map(|rail| &rail.judge) {
            match guarded(|| world.question(&self.subject)) {
                Ok(need) => return Step::Need(Query::Authorize(need)),
                Err(Undecided(why)) => self.supply(Consulted::Silent(NoAnswer::Garbled(why))),
            }
            return self.step();
        }
        match (self.verdict(), &self.chain.approver) {
            _ if self.trail.is_empty() => Step::Done(self.decide(Code::EmptyChain.into(), None)),
            (Verdict::Allow, _) => Step::Done(self.decide(Code::Allowed.into(), None)),
            (Verdict::Deny, _) => Step::Done(self.decide(self.deciding_reason(), None)),
            (Verdict::Ask, None) => Step::Done(self.decide(Code::NobodyToAsk.into(), None)),
            (Verdict::Ask, Some(approver)) => Step::Need(Query::Approval(approver.need())),
        }
    }

    /// Concludes with a person's answer. Whatever is still to be heard is heard first.
    pub fn resume(&mut self, answer: Answer) -> Decision {
        self.offline = true;
        while self.hear().is_some() {}
        if self.verdict() != Verdict::Ask {
            // Nothing was asked, so no answer can change what was heard.
            return self.decide(self.deciding_reason(), None);
        }
        match answer {
            Answer::Granted(id) => self.decide(Code::Allowed.into(), Some(id)),
            Answer::Waiting(id) => {
                let asking = self.deciding_reason();
                let message = format!("{}; `{id}` waits for a person", asking.message);
                self.decided(Verdict::Ask, Reason::new(asking.code, message), Some(id))
            }
            Answer::Refused(id, reason) => self.decided(Verdict::Deny, reason, id),
        }
    }

    /// The words heard so far.
    #[must_use]
    pub fn trail(&self) -> &[Word] {
        &self.trail
    }

    /// The strictest word so far that counts.
    pub fn verdict(&self) -> Verdict {
        let word = self.strictest.and_then(|place| self.trail.get(place));
        word.map_or(Verdict::Allow, |word| word.verdict)
    }

    fn next_rail(&self) -> Option<&'c Rail> {
        self.chain.rails.get(self.next).filter(|_| self.verdict() != Verdict::Deny)
    }

    fn deciding_reason(&self) -> Reason {
        let word = self.strictest.and_then(|place| self.trail.get(place));
        word.and_then(|word| word.reason.clone()).unwrap_or_else(|| Code::Allowed.into())
    }

    fn decide(&mut self, reason: Reason, approval: Option<ApprovalId>) -> Decision {
        let verdict = if reason.code == Code::Allowed { Verdict::Allow } else { Verdict::Deny };
        self.decided(verdict, reason, approval)
    }

    fn decided(
        &mut self,
        verdict: Verdict,
        reason: Reason,
        approval: Option<ApprovalId>,
    ) -> Decision {
        let trail = std::mem::take(&mut self.trail);
        let flow = self.subject.facts.flow.clone();
        Decision { verdict, reason, trail, approval, policy: self.chain.policy, flow }
    }
}

/// Lets a guardrail speak. One that panics could not decide.
fn guarded<T>(speak: impl FnOnce() -> Result<T, Undecided>) -> Result<T, Undecided> {
    let spoken = catch_unwind(AssertUnwindSafe(speak));
    spoken.unwrap_or_else(|_| Err(Undecided("it panicked".into())))
}

/// The verdict that follows. A guardrail that fails never lets a call through.
fn weigh(rail: &Rail, check: Result<Check, Undecided>) -> (Verdict, Option<Reason>) {
    match check {
        Ok(Check::Approve) => (Verdict::Allow, None),
        Ok(Check::Escalate(reason)) => (Verdict::Ask, Some(reason)),
        Ok(Check::Reject(reason)) => (Verdict::Deny, Some(reason)),
        Err(Undecided(why)) => {
            let verdict = match rail.on_error {
                OnError::Deny => Verdict::Deny,
                OnError::Ask => Verdict::Ask,
            };
            let message = format!("the guardrail `{}` could not decide: {why}", rail.name);
            (verdict, Some(Reason::new(Code::Undecided, message)))
        }
    }
}
