//! What a rule reports.

use super::kind::{Kind, RuleId};

/// How much a rule knows: at one place, the rule that knows more names the finding.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Weight {
    /// A token's own form.
    Form,
    /// A form that is checked, or that its surroundings name.
    Checked,
    /// A name before a value of any form.
    Named,
}

/// One match of one rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Where the last of the matches ends that overlap it and were joined to it.
    pub(crate) reach: usize,
    /// The place of a policy's own rule in its list, or of the kinds.
    pub(crate) rank: usize,
    pub(crate) weight: Weight,
    /// None for a policy's own rule.
    pub(crate) kind: Option<Kind>,
    pub(crate) rule: RuleId,
    pub(crate) verified: bool,
}

impl Found {
    pub(crate) fn new(kind: Kind, rule: &'static str, start: usize, end: usize) -> Self {
        let (weight, rule) = (Weight::Checked, RuleId(rule));
        Self { start, end, reach: end, rank: 0, weight, kind: Some(kind), rule, verified: false }
    }

    /// Takes in a later match of the same kind that overlaps it, as settling would, so that a
    /// text full of them needs no memory for each.
    pub(crate) fn join(&mut self, later: &Self) -> bool {
        let joins = self.kind == later.kind
            && self.rank == later.rank
            && self.start < later.start
            && later.start < self.reach;
        if joins {
            self.reach = self.reach.max(later.reach);
        }
        joins
    }

    pub(crate) fn verified(self) -> Self {
        Self { verified: true, ..self }
    }
}
