//! A configuration file: its path, its text, and how a fault in it is shown.

use std::path::{Path, PathBuf};

use bakerst_guard::PolicySource;
use bakerst_guard::document::{Fault, Node, Position};
use bakerst_model::{Code, Limits};

use super::written::Text;
use crate::failure::{Failure, Place};

/// A text that configuration is read from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    path: Option<PathBuf>,
    text: String,
    /// How many lines and columns of the file stand before the text, when it is quoted in one.
    offset: (u32, u32),
}

impl Source {
    pub(super) fn built_in() -> Self {
        Self { path: None, text: PolicySource::default_text().to_owned(), offset: (0, 0) }
    }

    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let bytes_max = Limits::default().config_bytes_max;
        let unreadable = |why: String| {
            let message = format!("cannot read `{}`: {why}", path.display());
            Failure::usage(Code::ConfigUnreadable, message)
        };
        let length = std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.len();
        if length > bytes_max as u64 {
            return Err(unreadable(format!("{length} bytes are more than {bytes_max}")));
        }
        let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            unreadable(format!("byte {} is not valid UTF-8", e.utf8_error().valid_up_to()))
        })?;
        Ok(Self { path: Some(path.to_owned()), text, offset: (0, 0) })
    }

    pub(super) fn beside(&self, path: &Path) -> Result<Self, Failure> {
        Self::read(&self.path_beside(path))
    }

    /// A path as it is meant in this text: beside its file.
    pub(super) fn path_beside(&self, path: &Path) -> PathBuf {
        let folder = self.path.as_deref().and_then(Path::parent);
        folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    pub(super) fn parse(&self) -> Result<Node, Failure> {
        let bytes_max = Limits::default().config_bytes_max;
        Node::parse_yaml(&self.text, bytes_max).map_err(|fault| self.failure(fault))
    }

    /// The mapping with `chain` in it, from a bare file or a ConfigMap.
    pub(super) fn guardrails_text(&self) -> Result<Text, Failure> {
        let node = self.parse()?;
        let source = match node.get("kind").and_then(Node::as_text) {
            Some("ConfigMap") => self.config_map_entry(&node)?,
            _ => return Ok(Text { source: self.clone(), node }),
        };
        let node = source.parse()?;
        Ok(Text { source, node })
    }

    /// The file that a ConfigMap carries under `data."guardrails.yaml"`.
    pub(super) fn config_map_entry(&self, node: &Node) -> Result<Self, Failure> {
        let entry = node.get("data").and_then(|data| data.get("guardrails.yaml"));
        let Some((text, at)) = entry.and_then(|entry| Some((entry.as_text()?, entry.at()))) else {
            let message = "the ConfigMap has no text under `data.\"guardrails.yaml\"`";
            return Err(self.failure(Fault::new(Code::ConfigValue, message).at(node.at())));
        };
        let offset = self.quoted_at(at, text);
        Ok(Self { path: self.path.clone(), text: text.to_owned(), offset })
    }

    /// Where a quoted text begins: the first line, from `at` on, that ends in its first line.
    fn quoted_at(&self, at: Position, quoted: &str) -> (u32, u32) {
        let (Some(first), skipped) = (quoted.lines().next(), at.line.saturating_sub(1)) else {
            return (at.line, 0);
        };
        for (line, place) in self.text.lines().skip(skipped as usize).zip(skipped..) {
            if let Some(indent) = line.strip_suffix(first).filter(|i| i.trim().is_empty()) {
                return (place, u32::try_from(indent.chars().count()).unwrap_or_default());
            }
        }
        (skipped, 0)
    }

    pub(super) fn failure(&self, fault: Fault) -> Failure {
        let Fault { code, at, message, hint } = fault;
        let mut failure = Failure::usage(code, message);
        failure.hint = hint;
        failure.place = at.map(|at| self.place(at));
        failure
    }

    /// A place in the text, as a place in the file.
    pub(super) fn place(&self, Position { line, column }: Position) -> Place {
        Place {
            file: self.path.as_deref().map_or("built-in".into(), |path| path.display().to_string()),
            line: line + self.offset.0,
            column: column + self.offset.1,
            text: self.source_line(line),
        }
    }

    fn source_line(&self, line: u32) -> String {
        let indent = " ".repeat(self.offset.1 as usize);
        let text = self.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        let shown: String = text.chars().take(200).collect();
        format!("{indent}{}", bakerst_model::Escaped(&shown.replace('\t', " ")))
    }
}
