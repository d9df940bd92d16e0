//! Pinned tools: what servers said of their tools when a person looked, and whether they still say
//! it.
//!
//! A server may describe a tool one way until it is approved and another way from then on, and the
//! agent obeys what it reads. So a [`Lock`] keeps what was approved, word by word, and
//! [`Screen`] holds a server's list against it: what is not, or no longer, what was approved is
//! hidden from agents, and its calls are denied.

use std::sync::Arc;

use bakerst_model::{Code, Digest, Reason};
use serde::{Deserialize, Serialize};

use crate::document::{Fault, Node};
use crate::glob::Glob;

mod change;
mod listing;
mod lock;
mod lookalike;
mod screen;
mod words;

pub use change::{AddedWords, Change};
pub use listing::{Listing, Unusable};
pub use lock::{Held, Lock, LockError, Pin};
pub use screen::{Judged, Screen, State};

/// Whether a tool may be described in other words than those that were approved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// It may not.
    #[default]
    Deny,
    /// It may, with a warning, where the words hold no instruction and no destination, and nothing
    /// else has changed.
    Warn,
}

/// The section `pins`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinsSection {
    /// The lock, beside the configuration.
    pub file: String,
    /// Whether tools may be described in other words.
    #[serde(default)]
    pub wording: Wording,
    /// The tools that must be pinned.
    #[serde(default = "every_tool")]
    pub tools: Vec<Glob>,
    /// The lock that is meant, so that no other can take its place.
    #[serde(default)]
    pub digest: Option<String>,
}

fn every_tool() -> Vec<Glob> {
    Glob::parse("*").into_iter().collect()
}

/// The pins that are in force.
#[derive(Clone, Debug, Serialize)]
pub struct Pins {
    file: String,
    wording: Wording,
    tools: Vec<Glob>,
    digest: Digest,
    #[serde(skip)]
    lock: Arc<Lock>,
}

impl Pins {
    /// Joins what a configuration says with the lock that it names.
    ///
    /// # Errors
    /// When the configuration means another lock.
    pub fn new(node: &Node, lock: Arc<Lock>) -> Result<Self, Fault> {
        let PinsSection { file, wording, tools, digest } = node.read()?;
        let found = lock.digest();
        match digest {
            Some(meant) if Digest::parse_hex(&meant) != Some(found) => {
                let message =
                    format!("`{file}` is not the lock that is meant: its digest is {found}");
                let at = node.get("digest").map_or(node.at(), Node::at);
                Err(Fault::new(Code::LockElsewhere, message).at(at))
            }
            _ => Ok(Self { file, wording, tools, digest: found, lock }),
        }
    }

    /// Where the configuration says that the lock is.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The lock.
    #[must_use]
    pub fn lock(&self) -> &Arc<Lock> {
        &self.lock
    }

    /// Whether tools may be described in other words.
    #[must_use]
    pub fn wording(&self) -> Wording {
        self.wording
    }

    /// What the lock has against calls of a tool.
    #[must_use]
    pub fn objection(&self, tool: &str) -> Option<Reason> {
        match self.lock.pin(tool) {
            Some(pin) => pin.held.as_ref().map(Held::reason),
            None if self.tools.iter().any(|glob| glob.matches(tool)) => {
                let tool = bakerst_model::Escaped(tool);
                let message = format!("the tool `{tool}` is not in the lock: nobody approved it");
                Some(Reason::new(Code::ToolNotPinned, message))
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
