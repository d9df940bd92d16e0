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
        Self { start, end, rank: 0, weight, kind: Some(kind), rule, verified: false }
    }

    pub(crate) fn verified(self) -> Self {
        Self { verified: true, ..self }
    }
}
