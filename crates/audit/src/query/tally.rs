//! Counting records.

use std::collections::BTreeMap;

use super::view::View;

/// The most different values of one kind that are counted apart; the rest is counted together.
const VALUES_MAX: usize = 1_000;

/// How many records have each value of something.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    counted: BTreeMap<String, u64>,
    /// Those whose value was one too many.
    others: u64,
}

impl Counts {
    fn add(&mut self, value: &str, count: u64) {
        if let Some(counted) = self.counted.get_mut(value) {
            *counted += count;
        } else if self.counted.len() < VALUES_MAX {
            self.counted.insert(value.to_owned(), count);
        } else {
            self.others += count;
        }
    }

    /// Values and counts, the most frequent first.
    #[must_use]
    pub fn ranked(&self) -> Vec<(&str, u64)> {
        let mut ranked: Vec<_> =
            self.counted.iter().map(|(value, count)| (value.as_str(), *count)).collect();
        ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ranked
    }

    /// How many records had one of the values that are not counted apart.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    fn merge(&mut self, other: &Self) {
        other.counted.iter().for_each(|(value, count)| self.add(value, *count));
        self.others += other.others;
    }
}

/// How finely time is cut. A bucket is named by the start of a timestamp.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Bucket {
    /// `2026-02-24T09:30`
    Minute,
    /// `2026-02-24T09`
    #[default]
    Hour,
    /// `2026-02-24`
    Day,
}

impl Bucket {
    const fn digits(self) -> usize {
        match self {
            Self::Minute => 16,
            Self::Hour => 13,
            Self::Day => 10,
        }
    }
}

/// How many records there are of each kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    bucket: Bucket,
    /// How many were counted.
    pub records: u64,
    /// By the family of the event.
    pub categories: Counts,
    /// By what happened.
    pub actions: Counts,
    /// By the agent.
    pub agents: Counts,
    /// By the tool.
    pub tools: Counts,
    /// By what was decided.
    pub verdicts: Counts,
    /// By time.
    pub times: Counts,
}

impl Tally {
    /// Counts nothing yet.
    #[must_use]
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, ..Self::default() }
    }

    /// Counts a record.
    pub fn add(&mut self, view: &View<'_>) {
        let detail = view.detail();
        self.records += 1;
        self.categories.add(view.category(), 1);
        self.actions.add(view.action(), 1);
        if let Some(agent) = view.actor.agent().or(detail.agent().as_deref()) {
            self.agents.add(agent, 1);
        }
        if let Some(tool) = detail.tool() {
            self.tools.add(&tool, 1);
        }
        if let Some(verdict) = detail.verdict() {
            self.verdicts.add(&verdict, 1);
        }
        let at = view.timestamp();
        self.times.add(at.get(..self.bucket.digits()).unwrap_or(at), 1);
    }

    /// Counts what another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.records += other.records;
        self.categories.merge(&other.categories);
        self.actions.merge(&other.actions);
        self.agents.merge(&other.agents);
        self.tools.merge(&other.tools);
        self.verdicts.merge(&other.verdicts);
        self.times.merge(&other.times);
    }
}
