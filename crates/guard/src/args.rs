//! What a policy says about the arguments of a call: a small language, read once and typed.
//!
//! A rule stands beside the place that it is about, a JSON pointer in which `*` means each element:
//!
//! ```yaml
//! args: { /path: "under:/workspace", /to/*: "mail:example.com", /amount: "<=100" }
//! ```
//!
//! A value that is missing or of another kind breaks the rule, as one that is out of bounds does:
//! what a rule cannot see it cannot vouch for.

use std::collections::BTreeMap;

use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub mod address;
pub mod host;
pub mod number;
pub mod path;
mod pointer;
mod rule;

pub use path::ResolvedPaths;
pub use pointer::Pointer;
pub use rule::{ArgRule, Otherwise};

/// The rules about the arguments of a tool.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct ArgRules(BTreeMap<Pointer, ArgRule>);

/// How a value breaks a rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Broken {
    /// There is none, or it is of another kind.
    Unreadable(String),
    /// It is out of bounds.
    Refused(String),
}

/// A rule that a call breaks, and what follows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BrokenRule {
    /// Why.
    pub reason: Reason,
    /// What follows.
    pub otherwise: Otherwise,
}

impl ArgRules {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every place and its rule.
    pub fn iter(&self) -> impl Iterator<Item = (&Pointer, &ArgRule)> {
        self.0.iter()
    }

    /// The rules that `input` breaks.
    pub fn broken<'r>(
        &'r self,
        input: &'r Value,
        resolved: &'r ResolvedPaths,
    ) -> impl Iterator<Item = BrokenRule> + use<'r> {
        self.0.iter().filter_map(move |(pointer, rule)| {
            let broken = rule.check(pointer, input, resolved).err()?;
            let (code, why) = match broken {
                Broken::Unreadable(why) => (Code::ArgumentUnreadable, why),
                Broken::Refused(why) => (Code::ArgumentRefused, why),
            };
            let message = format!("`{}` {why}", Escaped(pointer.as_str()));
            Some(BrokenRule { reason: Reason::new(code, message), otherwise: rule.otherwise() })
        })
    }

    /// Whether any rule wants to know where paths lead on this machine.
    #[must_use]
    pub fn resolves(&self) -> bool {
        self.0.values().any(ArgRule::resolves)
    }

    /// The paths in `input` whose rule wants to know where they lead on this machine, and the
    /// folders that they must lead into.
    pub fn paths_to_resolve(&self, input: &Value, into: &mut Vec<String>) {
        for (pointer, rule) in &self.0 {
            rule.paths_to_resolve(pointer, input, into);
        }
    }

    /// Two rules, one of these and one of `other`, that no value could keep at once.
    #[must_use]
    pub fn contradiction<'r>(&'r self, other: &'r Self) -> Option<(&'r Pointer, String)> {
        other.0.iter().find_map(|(pointer, theirs)| {
            let ours = self.0.get(pointer)?;
            Some((pointer, ours.contradiction(theirs)?))
        })
    }
}

#[cfg(test)]
mod tests;
