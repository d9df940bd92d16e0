//! What if: recorded decisions, taken again under another policy.
//!
//! A record holds what a decision needs: who called what with which arguments, what was known of
//! where they come from, and every guardrail's word. Whether the arguments are all there is known
//! for certain, since the record also holds the digest that approvals bind to. What cannot be
//! decided again is counted, with the reason, and never guessed.

mod common;
mod compare;
mod learn;
mod record;
mod tally;

use std::fmt;
use std::sync::Arc;

use bakerst_model::{Code, Reason, ToolCall, Verdict};
use serde::Serialize;

use self::common::Common;
use crate::{Facts, Policy, Query, Run, Step};

pub use compare::{Comparison, compare};
pub use learn::Learner;
pub use record::RecordedCall;
pub use tally::{Change, Group, Tally};

/// Takes recorded decisions again under one policy.
pub struct Replay<'p> {
    policy: &'p Policy,
    /// What it has in common with the policy that decided.
    common: Option<Common<'p>>,
    /// Gets inputs out of what is sealed.
    open: Option<Opener<'p>>,
    /// The guardrails that want to know where values come from.
    flow_readers: Vec<&'p str>,
}

/// Gets an input out of what a record has sealed, where there is a key for it.
pub type Opener<'p> = &'p dyn Fn(&str) -> Option<String>;

/// What comes of taking a decision again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Redecided {
    /// The verdict, before anybody is asked, and why.
    Verdict(Verdict, Reason),
    /// It cannot be told.
    Unknown(Unknown),
}

/// Why a recorded decision cannot be taken again.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The record does not hold the whole input.
    InputCut,
    /// What the record holds of the input is not what was decided upon: secrets were taken out.
    InputRedacted,
    /// What the record tells is sealed for a person, and their key is not there.
    Veiled,
    /// The policy follows values, and the record does not say where they came from.
    FlowMissing,
    /// The policy wants to know where paths lead on the machine of that time.
    PathsMissing,
    /// The policy asks a remote OPA.
    Remote,
    /// The record cannot be read as a decision.
    Unreadable,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InputCut => "the record does not hold the whole input",
            Self::InputRedacted => "secrets were taken out of the input",
            Self::Veiled => "it is sealed for a person whose key is not there",
            Self::FlowMissing => "the record does not say where the values came from",
            Self::PathsMissing => "the record does not say where the paths led",
            Self::Remote => "a remote policy would have to be asked",
            Self::Unreadable => "the record cannot be read as a decision",
        })
    }
}

impl<'p> Replay<'p> {
    /// Takes decisions again under `policy`. Of records that were made under `from`, the words of
    /// guardrails that would say the same again are taken over.
    #[must_use]
    pub fn new(policy: &'p Policy, from: Option<&Policy>) -> Self {
        let chain = policy.source().guardrails.chain.iter();
        let readers = chain.filter(|entry| {
            entry.enabled && policy.follows_flows() && common::reads_flow(&entry.config)
        });
        let flow_readers = readers.map(|entry| entry.name.as_str()).collect();
        let common = from.map(|from| Common::of(policy, from));
        Self { policy, common, open: None, flow_readers }
    }

    /// The same, with inputs that records hold sealed opened by `open`. What they say stays out of
    /// the reasons that are given.
    #[must_use]
    pub fn opening(self, open: Opener<'p>) -> Self {
        Self { open: Some(open), ..self }
    }

    /// Takes one decision again.
    #[must_use]
    pub fn redecide(&self, record: &RecordedCall<'_>) -> Redecided {
        match record.call() {
            Ok(call) => self.redecide_call(record, &call),
            Err(why @ (Unknown::InputCut | Unknown::InputRedacted)) => {
                let again = self.redecide_by_words(record).or_else(|| self.redecide_sealed(record));
                again.unwrap_or(Redecided::Unknown(why))
            }
            Err(why) => Redecided::Unknown(why),
        }
    }

    /// Takes a decision again whose input is not known, if nobody would look at that.
    fn redecide_by_words(&self, record: &RecordedCall<'_>) -> Option<Redecided> {
        let words = self.common.as_ref()?.with(record)?;
        let call = record.call_without_input().ok()?;
        let mut run = self.policy.start(&call, Facts { now: record.at, ..Facts::default() });
        while let Some(name) = run.next_name() {
            let word = record.word(name).filter(|_| words.hold_for(name))?;
            run.recall(word.verdict, word.reason());
        }
        Some(concluded(&mut run))
    }

    fn redecide_sealed(&self, record: &RecordedCall<'_>) -> Option<Redecided> {
        let call = record.unsealed(self.open?)?;
        Some(match self.redecide_call(record, &call) {
            Redecided::Verdict(verdict, Reason { code, message }) => {
                let message = self.policy.loggable_text(&message).into_owned();
                Redecided::Verdict(verdict, Reason::new(code, message))
            }
            unknown @ Redecided::Unknown(_) => unknown,
        })
    }

    fn redecide_call(&self, record: &RecordedCall<'_>, call: &ToolCall) -> Redecided {
        let words = self.common.as_ref().and_then(|common| common.with(record));
        let known = |name: &str| {
            let held = words.is_some_and(|words| words.hold_for(name));
            record.word(name).filter(|_| held)
        };
        let flow = match self.flow_readers.iter().all(|name| known(name).is_some()) {
            true => None,
            false => match record.flow() {
                Ok(Some(flow)) => Some(Arc::new(flow)),
                Ok(None) => return Redecided::Unknown(Unknown::FlowMissing),
                Err(why) => return Redecided::Unknown(why),
            },
        };
        if known("tool-policy").is_none() && !self.policy.paths_to_resolve(call).is_empty() {
            return Redecided::Unknown(Unknown::PathsMissing);
        }
        let mut run = self.policy.start(call, Facts { now: record.at, flow, ..Facts::default() });
        while let Some(name) = run.next_name() {
            match known(name) {
                Some(word) => run.recall(word.verdict, word.reason()),
                None if run.hear().is_none() => break,
                None => {}
            }
        }
        concluded(&mut run)
    }
}

/// What the chain makes of a call before anybody is asked.
fn concluded(run: &mut Run<'_>) -> Redecided {
    match run.step() {
        Step::Done(decision) => Redecided::Verdict(decision.verdict, decision.reason),
        Step::Need(Query::Authorize(_)) => Redecided::Unknown(Unknown::Remote),
        Step::Need(Query::Approval(_)) => {
            let asking = run.trail().iter().find(|word| !word.monitored && word.reason.is_some());
            let reason = asking.and_then(|word| word.reason.clone());
            let reason = reason.unwrap_or_else(|| Code::ApprovalRequired.into());
            Redecided::Verdict(Verdict::Ask, reason)
        }
    }
}
