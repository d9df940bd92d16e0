//! What a tool does, as its policy says.

use serde::{Deserialize, Serialize};

use crate::config::{Risk, ToolEntry};

/// Where a tool's output comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// From where others may write: mail, web pages, files, tickets.
    Untrusted,
    /// From what must not leak.
    Private,
    /// From where nobody but the user and the operator can write.
    Trusted,
}

/// One source, or several.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged, expecting = "expected `untrusted`, `private` or `trusted`, or a list of them")]
pub enum Reads {
    /// One.
    One(Source),
    /// Several.
    Many(Vec<Source>),
}

impl Reads {
    fn has(&self, source: Source) -> bool {
        match self {
            Self::One(one) => *one == source,
            Self::Many(many) => many.contains(&source),
        }
    }
}

/// Whereto a tool carries what it is given.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sends {
    /// Out of the user's own hands: to other people, accounts, sites.
    External,
    /// Nowhere.
    None,
}

/// What a tool does, every default filled in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Labels {
    /// Whether others may have written what it returns.
    pub untrusted: bool,
    /// Whether what it returns must not leak.
    pub private: bool,
    /// Whether it carries what it is given to others, or may, as far as is said.
    pub sends: bool,
    /// Whether its calls are held against where their values come from.
    pub sensitive: bool,
    /// Whether its being sensitive is more than a guess from `risk: write`.
    pub declared: bool,
}

impl Labels {
    /// Of a tool that the policy does not know.
    pub(crate) const UNKNOWN: Self =
        Self { untrusted: true, private: false, sends: true, sensitive: true, declared: true };

    /// Of a tool as it is declared. What is not said is taken for the worse, as far as a person
    /// can live with it: an output is untrusted, and whatever is not merely read is sensitive.
    pub(crate) fn of(entry: &ToolEntry) -> Self {
        let reads = |source| entry.reads.as_ref().is_some_and(|reads| reads.has(source));
        let (private, trusted) = (reads(Source::Private), reads(Source::Trusted));
        let untrusted = reads(Source::Untrusted) || !(private || trusted);
        let says_nothing = entry.sends.is_none() && entry.writes.is_none();
        let sends = match entry.sends {
            Some(sends) => sends == Sends::External,
            None => says_nothing && entry.risk != Risk::Read,
        };
        let touches = matches!(entry.risk, Risk::Sensitive | Risk::Destructive);
        let writes = entry.writes.unwrap_or(touches);
        let declared = entry.sends == Some(Sends::External) || writes;
        Self { untrusted, private, sends, sensitive: declared || sends || touches, declared }
    }
}
