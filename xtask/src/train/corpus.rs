//! The texts that training starts from: the shared corpus, and small ones of the repository.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// One labelled text.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) attack: bool,
    pub(super) source: String,
    pub(super) kind: String,
}

/// Reads a file of one JSON object a line.
pub(super) fn read(path: &Path) -> Result<Vec<Row>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| row(line).with_context(|| path.display().to_string()))
        .collect()
}

fn row(line: &str) -> Result<Row> {
    let value: Value = serde_json::from_str(line)?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Ok(Row {
        text: field("text").context("a row without `text`")?,
        attack: field("label").context("a row without `label`")? == "injection",
        source: field("source").unwrap_or_default(),
        kind: field("kind").unwrap_or_default(),
    })
}

impl Row {
    /// A plain task slipped into data carries no mark: it is neither learned nor counted.
    pub(super) fn is_markless(&self) -> bool {
        self.kind.starts_with("indirect_task")
    }

    /// What a tool gives back, as against what a person asks.
    pub(super) fn is_tool_output(&self) -> bool {
        !self.attack && !matches!(self.kind.as_str(), "benign_prompt" | "notinject" | "hard_benign")
    }

    /// Whether it comes from the repository's own innocent texts.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.source.as_str(), "mined" | "messages")
    }

    /// The place of the kind among the detector's.
    pub(super) fn kind_index(&self) -> Option<usize> {
        match self.kind.as_str() {
            "jailbreak" => Some(1),
            "exfiltration" => Some(2),
            "tool_poisoning" => Some(3),
            _ if self.attack => Some(0),
            _ => None,
        }
    }
}
