//! What changed, by agent and tool.

use std::collections::BTreeMap;

use bakerst_model::Verdict;
use serde::Serialize;

use super::{RecordedCall, Redecided, Unknown};

/// As many groups are told apart; what else there is, is one more. Agents and tools are named by
/// outsiders.
const GROUPS_MAX: usize = 10_000;

/// Counts of what changed and of what could not be told.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// Decisions that were looked at.
    pub decisions: u64,
    /// Those that would be the same.
    pub same: u64,
    /// Those that could not be taken again, by reason.
    pub unknown: BTreeMap<Unknown, u64>,
    /// Those that would be others, by agent, tool and what becomes of them.
    pub changed: Vec<Group>,
    #[serde(skip)]
    places: BTreeMap<(String, String, Change), usize>,
}

/// From which verdict to which.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Change {
    /// What was said.
    pub from: Verdict,
    /// What would be said.
    pub to: Verdict,
}

/// Decisions of one agent about one tool that would change alike.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// The agent.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// What becomes of them.
    #[serde(flatten)]
    pub change: Change,
    /// How many there are.
    pub decisions: u64,
    /// The first of them, by its place in the log.
    pub first: u64,
    /// Why the first would be decided so.
    pub reason: String,
}

impl Tally {
    /// Counts one record that was taken again, under the policy that was and one that would be.
    pub fn count(&mut self, record: &RecordedCall<'_>, from: Verdict, to: Redecided) {
        self.decisions += 1;
        let (to, reason) = match to {
            Redecided::Unknown(why) => return *self.unknown.entry(why).or_default() += 1,
            Redecided::Verdict(to, _) if to == from => return self.same += 1,
            Redecided::Verdict(to, reason) => (to, reason),
        };
        let change = Change { from, to };
        let mut key = (record.agent.to_string(), record.tool.to_string(), change);
        if self.places.len() >= GROUPS_MAX && !self.places.contains_key(&key) {
            key = ("…".to_owned(), "…".to_owned(), change);
        }
        if let Some(group) = self.places.get(&key).and_then(|place| self.changed.get_mut(*place)) {
            group.decisions += 1;
            return;
        }
        let (agent, tool) = (key.0.clone(), key.1.clone());
        self.places.insert(key, self.changed.len());
        let (first, reason) = (record.seq, reason.to_string());
        self.changed.push(Group { agent, tool, change, decisions: 1, first, reason });
    }

    /// Counts a record that could not be read.
    pub fn count_unreadable(&mut self, why: Unknown) {
        self.decisions += 1;
        *self.unknown.entry(why).or_default() += 1;
    }

    /// How many decisions would be less strict.
    #[must_use]
    pub fn loosened(&self) -> u64 {
        let loosened = self.changed.iter().filter(|group| group.change.to < group.change.from);
        loosened.map(|group| group.decisions).sum()
    }
}
