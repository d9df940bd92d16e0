//! What if: recorded decisions, taken again under another policy.
//!
//! A record holds what a decision needs: who called what with which arguments, what was known of
//! where they come from, and every guardrail's word. Whether the arguments are all there is known
//! for certain, since the record also holds the digest that approvals bind to. What cannot be
//! decided again is counted, with the reason, and never guessed.

mod compare;
mod learn;
mod record;
mod tally;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bakerst_model::{Code, Digest, Reason, Verdict};
use serde::Serialize;

use crate::config::RailConfig;
use crate::{Facts, Policy, Query, Step};

pub use compare::{Comparison, compare};
pub use learn::Learner;
pub use record::RecordedCall;
pub use tally::{Change, Group, Tally};

/// Takes recorded decisions again under one policy.
pub struct Replay<'p> {
    policy: &'p Policy,
    /// The policy of the records whose words may be taken over, and the guardrails that are the
    /// same in both.
    same: Option<(Digest, BTreeSet<&'p str>)>,
}

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
            Self::FlowMissing => "the record does not say where the values came from",
            Self::PathsMissing => "the record does not say where the paths led",
            Self::Remote => "a remote policy would have to be asked",
            Self::Unreadable => "the record cannot be read as a decision",
        })
    }
}

impl<'p> Replay<'p> {
    /// Takes decisions again under `policy`. Of records that were made under `from`, the words of
    /// guardrails that are the same in both, and look at nothing but the input, are taken over.
    #[must_use]
    pub fn new(policy: &'p Policy, from: Option<&Policy>) -> Self {
        let same = from.map(|from| (from.digest(), same_guardrails(policy, from)));
        Self { policy, same }
    }

    /// Takes one decision again.
    #[must_use]
    pub fn redecide(&self, record: &RecordedCall<'_>) -> Redecided {
        let call = match record.call() {
            Ok(call) => call,
            Err(why) => return Redecided::Unknown(why),
        };
        if self.policy.follows_flows() && record.flow.is_none() {
            return Redecided::Unknown(Unknown::FlowMissing);
        }
        if !self.policy.paths_to_resolve(&call).is_empty() {
            return Redecided::Unknown(Unknown::PathsMissing);
        }
        let flow = record.flow.clone().map(Arc::new);
        let mut run = self.policy.start(&call, Facts { now: record.at, flow, ..Facts::default() });
        let same = self.same.as_ref().filter(|(digest, _)| record.is_by(digest));
        if let Some((_, same)) = same {
            while let Some(name) = run.next_name() {
                match record.word(name).filter(|_| same.contains(name)) {
                    Some(verdict) => run.recall(verdict, Code::InjectionPhrase.into()),
                    None if run.hear().is_none() => break,
                    None => {}
                }
            }
        }
        match run.step() {
            Step::Done(decision) => Redecided::Verdict(decision.verdict, decision.reason),
            Step::Need(Query::Authorize(_)) => Redecided::Unknown(Unknown::Remote),
            Step::Need(Query::Approval(_)) => {
                let asking =
                    run.trail().iter().find(|word| !word.monitored && word.reason.is_some());
                let reason = asking.and_then(|word| word.reason.clone());
                let reason = reason.unwrap_or_else(|| Code::ApprovalRequired.into());
                Redecided::Verdict(Verdict::Ask, reason)
            }
        }
    }
}

/// Guardrails that look at the input alone, with the same settings in both policies. Reading a text
/// for injections costs more than all else together.
fn same_guardrails<'p>(policy: &'p Policy, from: &Policy) -> BTreeSet<&'p str> {
    let written = |config: &RailConfig| serde_json::to_value(config).ok();
    let chain = policy.source().guardrails.chain.iter();
    let same = chain.filter(|entry| {
        let RailConfig::PromptInjection(_) = &entry.config else { return false };
        from.source().guardrails.chain.iter().any(|other| {
            other.enabled
                && other.name == entry.name
                && other.on_error == entry.on_error
                && written(&other.config) == written(&entry.config)
        })
    });
    same.map(|entry| entry.name.as_str()).collect()
}
