//! What a guardrail is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bakerst_detect::injection::judge::ModelFiles;
use bakerst_model::{Code, Reason, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Subject;
use crate::args::ResolvedPaths;
use crate::document::{Fault, Node};
use crate::flow::FlowFacts;

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
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// The time of the call.
    pub now: UnixMillis,
    /// Where the call's values come from. A call that stands by itself, such as a policy's example,
    /// has no conversation that could tell; whoever serves agents always says.
    pub flow: Option<Arc<FlowFacts>>,
    /// Where paths in the call lead on this machine, for rules that ask.
    pub paths: ResolvedPaths,
    /// What its server's list of tools has shown against the tool, where the call came through one.
    pub listed: Option<Reason>,
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

/// Reads a model's files from a folder, none longer than so many bytes, or says why it cannot.
pub type ModelReader = fn(&Path, usize) -> Result<ModelFiles, String>;

/// What a policy may name that is not in it: the custom guardrails for `kind: rust`, and the texts
/// and models in files, which somebody at the edge reads.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    rails: Vec<(&'static str, Maker)>,
    models: Option<ModelReader>,
    texts: BTreeMap<PathBuf, Arc<str>>,
}

impl Registry {
    /// The same registry with one more guardrail.
    #[must_use]
    pub fn with(mut self, name: &'static str, make: Maker) -> Self {
        self.rails.push((name, make));
        self
    }

    /// The same registry with somebody who reads models' files.
    #[must_use]
    pub fn reading_models(self, read: ModelReader) -> Self {
        Self { models: Some(read), ..self }
    }

    /// The same registry with one more text, under the name by which a policy calls it.
    #[must_use]
    pub fn with_text(mut self, path: PathBuf, text: impl Into<Arc<str>>) -> Self {
        self.texts.insert(path, text.into());
        self
    }

    pub(crate) fn text(&self, path: &Path) -> Option<Arc<str>> {
        self.texts.get(path).cloned()
    }

    pub(crate) fn model_files(
        &self,
        folder: &Path,
        bytes_max: usize,
    ) -> Result<ModelFiles, String> {
        let read = self.models.ok_or("nobody here reads files")?;
        read(folder, bytes_max)
    }

    pub(crate) fn make(&self, name: &str, config: &Node) -> Result<Arc<dyn Guardrail>, Fault> {
        match self.rails.iter().find(|(known, _)| *known == name) {
            Some((_, make)) => make(config),
            None => {
                let known: Vec<_> = self.rails.iter().map(|(known, _)| *known).collect();
                Err(Fault::unknown_name("custom guardrail", name, &known))
            }
        }
    }
}
