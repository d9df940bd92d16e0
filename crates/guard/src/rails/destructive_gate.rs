//! Flags tools and words that destroy.

use bakerst_detect::pattern::{PatternError, PatternSet};
use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};

use crate::config::{PatternEntry, compiled};
use crate::{Check, Guardrail, Subject, Undecided};

/// What is flagged, and what follows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    flagged_tools: Vec<String>,
    flagged_patterns: Vec<PatternEntry>,
    action: Action,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    RequireApproval,
    Deny,
}

/// The guardrail.
#[derive(Debug)]
pub struct DestructiveGate {
    tools: Vec<String>,
    patterns: PatternSet,
    action: Action,
}

impl DestructiveGate {
    pub(crate) fn new(config: &Config) -> Result<Self, PatternError> {
        Ok(Self {
            tools: config.flagged_tools.clone(),
            patterns: PatternSet::new(&compiled(&config.flagged_patterns))?,
            action: config.action,
        })
    }
}

impl Guardrail for DestructiveGate {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let tool = subject.call.tool.as_str();
        let reason = if self.tools.iter().any(|flagged| flagged == tool) {
            let message = format!("the tool `{}` is flagged as destructive", Escaped(tool));
            Reason::new(Code::FlaggedTool, message)
        } else if let Some(found) = self.patterns.first_match(subject.values()) {
            let words = subject.values().get(found.span).unwrap_or_default();
            let quoted: String = words.chars().take(80).collect();
            let message = format!("the input holds the flagged pattern `{}`", Escaped(&quoted));
            Reason::new(Code::FlaggedPattern, message)
        } else {
            return Ok(Check::Approve);
        };
        Ok(match self.action {
            Action::RequireApproval => Check::Escalate(reason),
            Action::Deny => Check::Reject(reason),
        })
    }
}
