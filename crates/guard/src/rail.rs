//! What a guardrail is.

use std::sync::Arc;

use bakerst_model::{Code, Reason, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Subject;
use crate::document::{Fault, Node};

/// One check on every call.
///
/// A guardrail sees the call and the facts and answers at once: it cannot await, read a clock or
/// ask anybody. It may hold state that was compiled from its configuration, and no other.
pub trait Guardrail: Send + Sync {
    /// Judges one call.
    ///
    /// # Errors
    /// When it cannot tell; the chain then does what `on_error` says, and never allows.
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided>;
}

/// A guardrail's word on one call.
#[must_use]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Check {
    /// Nothing against it.
    Approve,
    /// It must not be made.
    Reject(Reason),
    /// A person must say so first.
    Escalate(Reason),
}

impl Check {
    /// Rejects on a custom guardrail's own words.
    pub fn reject(message: impl Into<String>) -> Self {
        Self::Reject(Reason::new(Code::CustomRefused, message.into()))
    }

    /// Escalates on a custom guardrail's own words.
    pub fn escalate(message: impl Into<String>) -> Self {
        Self::Escalate(Reason::new(Code::CustomRefused, message.into()))
    }
}

/// Why a guardrail could not tell.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Undecided(pub String);

/// What the edge knows and a guardrail may use.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// The time of the call.
    pub now: UnixMillis,
}

/// Whether a guardrail's word counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It counts.
    #[default]
    Enforce,
    /// It is recorded and does not count.
    Monitor,
}

/// What becomes of a call that a guardrail cannot judge.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// It is refused.
    #[default]
    Deny,
    /// A person is asked.
    Ask,
}

/// Makes a custom guardrail from its `config`.
pub type Maker = fn(&Node) -> Result<Arc<dyn Guardrail>, Fault>;

/// The custom guardrails that a chain may name with `kind: rust`.
#[derive(Clone, Debug, Default)]
pub struct Registry(Vec<(&'static str, Maker)>);

impl Registry {
    /// The same registry with one more guardrail.
    #[must_use]
    pub fn with(mut self, name: &'static str, make: Maker) -> Self {
        self.0.push((name, make));
        self
    }

    pub(crate) fn make(&self, name: &str, config: &Node) -> Result<Arc<dyn Guardrail>, Fault> {
        match self.0.iter().find(|(known, _)| *known == name) {
            Some((_, make)) => make(config),
            None => {
                let known: Vec<_> = self.0.iter().map(|(known, _)| *known).collect();
                Err(Fault::unknown_name("custom guardrail", name, &known))
            }
        }
    }
}
