//! The texts that a policy was read from, for whoever has more to say about it than that it loads.

use bakerst_guard::document::Node;
use bakerst_guard::lint::{self, Part, Spot};

use super::source::Source;
use crate::failure::Place;

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

    /// A place as a person finds it.
    pub(crate) fn place(&self, Spot { part, at }: Spot) -> Option<Place> {
        let text = match part {
            Part::Guardrails => self.guardrails.as_ref()?,
            Part::Sections => &self.sections,
        };
        Some(text.source.place(at))
    }
}
