//! What a sound policy may still get wrong: rules that never match, that are hidden by others, or
//! that leave open what their author surely meant to close.
//!
//! A lint is no fault: the policy loads, and does what it says. It only may not say what was meant.

use bakerst_model::Code;

use crate::PolicySource;
use crate::document::{Node, Position};

mod agents;
mod chain;
mod tools;

/// Something that a policy's author should look at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lint {
    /// The stable code.
    pub code: Code,
    /// Where, when it is one place.
    pub at: Option<Spot>,
    /// What it is, in one sentence without a full stop.
    pub message: String,
    /// How to mend it.
    pub fix: String,
}

/// A place in one of the texts that a policy is written in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Spot {
    /// Which text.
    pub part: Part,
    /// Where in it.
    pub at: Position,
}

/// The texts that a policy is written in; often they are one file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// The text with the chain.
    Guardrails,
    /// The text with all other sections.
    Sections,
}

/// A policy as it was written, for places.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written<'n> {
    /// The mapping with `chain` in it.
    pub guardrails: Option<&'n Node>,
    /// The mapping of all sections.
    pub sections: Option<&'n Node>,
}

impl Written<'_> {
    /// Where something stands that is found by names: the innermost of them that there is.
    fn spot(&self, part: Part, path: &[&str]) -> Option<Spot> {
        let mut node = self.node(part)?;
        let mut at = node.at();
        for name in path {
            let Some(inner) = node.get(name) else { break };
            at = node.place_of(name).unwrap_or(inner.at());
            node = inner;
        }
        Some(Spot { part, at })
    }

    fn node(&self, part: Part) -> Option<&Node> {
        match part {
            Part::Guardrails => self.guardrails,
            Part::Sections => self.sections,
        }
    }

    /// Where the element of a list stands.
    fn item(&self, part: Part, path: &[&str], place: usize) -> Option<Spot> {
        let list = path.iter().try_fold(self.node(part)?, |node, name| node.get(name))?;
        let item = list.items().ok()?.get(place)?;
        Some(Spot { part, at: item.at() })
    }
}

/// What there is to say about a policy, in the order in which it is written.
#[must_use]
pub fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let mut lints = tools::lint(source, written);
    lints.extend(chain::lint(source, written));
    lints.extend(agents::lint(source, written));
    lints.sort_by_key(|lint| lint.at);
    lints
}
