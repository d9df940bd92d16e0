//! The texts that a policy was read from, for whoever has more to say about it than that it loads.

use std::path::Path;

use bakerst_guard::cases::PolicyCase;
use bakerst_guard::document::Node;
use bakerst_guard::lint::{self, Part, Spot};
use bakerst_model::Limits;

use super::source::Source;
use crate::failure::{Failure, Place};

/// A text and the tree in it.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) source: Source,
    pub(super) node: Node,
}

/// The texts of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// The one with the sections.
    pub(super) sections: Text,
    /// The one with the chain, where there is one.
    pub(super) guardrails: Option<Text>,
}

impl Written {
    /// The trees, to look places up in.
    pub(crate) fn nodes(&self) -> lint::Written<'_> {
        lint::Written {
            guardrails: self.guardrails.as_ref().map(|text| &text.node),
            sections: Some(&self.sections.node),
        }
    }

    /// The tests that stand in the configuration itself.
    pub(crate) fn policy_tests(&self, limits: &Limits) -> Result<Vec<Case>, Failure> {
        match self.sections.node.get("policy_tests") {
            None => Ok(Vec::new()),
            Some(tests) => cases(&self.sections.source, tests, limits),
        }
    }

    /// A place as a person finds it.
    pub(crate) fn place(&self, Spot { part, at }: Spot) -> Option<Place> {
        let text = match part {
            Part::Guardrails => self.guardrails.as_ref()?,
            Part::Sections => &self.sections,
        };
        Some(text.source.place(at))
    }
}

/// A test of the policy, and where it stands.
pub(crate) type Case = (Place, PolicyCase);

/// The tests of a file: a list, or one under `tests`.
pub(crate) fn read_policy_tests(file: &Path, limits: &Limits) -> Result<Vec<Case>, Failure> {
    let source = Source::read(file)?;
    let node = source.parse()?;
    match node.get("tests") {
        None => cases(&source, &node, limits),
        Some(tests) => {
            node.fields(&["tests"]).map_err(|fault| source.failure(fault))?;
            cases(&source, tests, limits)
        }
    }
}

fn cases(source: &Source, node: &Node, limits: &Limits) -> Result<Vec<Case>, Failure> {
    let cases = PolicyCase::read_list(node, limits).map_err(|fault| source.failure(fault))?;
    Ok(cases.into_iter().map(|case| (source.place(case.at), case)).collect())
}
