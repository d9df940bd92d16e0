//! What is known about where a call's values come from: what flow control decides by, what the log
//! keeps, and what a decision can be made again from.

use bakerst_model::ToolName;
use serde::{Deserialize, Serialize};

/// Where a value comes from, as far as it can be told.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is too short to tell, or one of few values that there are: a date, a small number.
    Unclear,
    /// The user wrote it.
    User,
    /// A trusted tool returned it.
    Trusted,
    /// The user or trusted tools wrote each word of it, though not together.
    Pieced,
    /// At least half of it stands in an output that others may have written.
    Untrusted,
    /// Nobody wrote it, so far as is known: the model made it.
    Own,
}

/// Where one argument comes from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ArgumentFact {
    /// The argument, as a JSON pointer; empty for what short arguments say together.
    pub at: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How much of it stands in untrusted outputs, in hundredths.
    pub copied: u8,
    /// The tool whose output has most of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolName>,
    /// The link within the argument that this is about, by its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<(usize, usize)>,
}

/// What is known when a call is judged.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct FlowFacts {
    /// Whether the user's request is known.
    pub prompt: bool,
    /// Whether the conversation has seen what others may have written.
    pub untrusted: bool,
    /// Whether it has seen what must not leak.
    pub private: bool,
    /// The tool whose output held instructions, until a person clears that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<ToolName>,
    /// Whether there was more than is remembered: what is not known is then untrusted.
    pub full: bool,
    /// Whether the call has more arguments than are looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// The arguments.
    pub arguments: Vec<ArgumentFact>,
}

/// How many arguments a record tells of, and how long their pointers may be.
const RECORDED_MAX: usize = 32;
const POINTER_BYTES_MAX: usize = 200;

impl FlowFacts {
    /// As much of it as a record keeps: arguments that speak against the call first. Where some are
    /// left out, it says so.
    pub(crate) fn recorded(&self) -> Self {
        let mut arguments: Vec<&ArgumentFact> = self.arguments.iter().collect();
        arguments.sort_by_key(|fact| std::cmp::Reverse(fact.origin));
        let kept: Vec<_> = arguments
            .into_iter()
            .filter(|fact| fact.at.len() <= POINTER_BYTES_MAX)
            .take(RECORDED_MAX)
            .cloned()
            .collect();
        Self {
            prompt: self.prompt,
            untrusted: self.untrusted,
            private: self.private,
            instructions: self.instructions.clone(),
            full: self.full,
            cut: self.cut || kept.len() < self.arguments.len(),
            arguments: kept,
        }
    }
}
