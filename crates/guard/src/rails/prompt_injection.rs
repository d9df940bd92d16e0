//! Refuses inputs that read like instructions to a model.

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_detect::pattern::PatternError;
use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};

use crate::config::{PatternEntry, compiled};
use crate::{Check, Guardrail, Subject, Undecided};

/// How readily, and what else to look for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    sensitivity: Level,
    patterns: Vec<PatternEntry>,
    /// Whether the trained model is heard beside the phrases and rules.
    model: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { sensitivity: Level::default(), patterns: Vec::new(), model: true }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    #[default]
    Medium,
    High,
}

impl Config {
    /// How many entries its longest list has.
    pub(crate) fn longest_list(&self) -> usize {
        self.patterns.len()
    }
}

/// The guardrail.
#[derive(Debug)]
pub struct PromptInjection {
    detector: Detector,
}

impl PromptInjection {
    pub(crate) fn new(config: &Config) -> Result<Self, PatternError> {
        let sensitivity = match config.sensitivity {
            Level::Low => Sensitivity::Low,
            Level::Medium => Sensitivity::Medium,
            Level::High => Sensitivity::High,
        };
        let patterns = compiled(&config.patterns);
        let detector = match config.model {
            true => Detector::new(sensitivity, &patterns)?,
            false => Detector::phrases_only(sensitivity, &patterns)?,
        };
        Ok(Self { detector })
    }
}

impl Guardrail for PromptInjection {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let texts = subject.texts();
        let Some(found) = self.detector.first_finding(texts) else { return Ok(Check::Approve) };
        let quoted: String = texts.get(found.span).unwrap_or_default().chars().take(80).collect();
        let message =
            format!("the input reads like an instruction to the model: `{}`", Escaped(&quoted));
        Ok(Check::Reject(Reason::new(Code::InjectionPhrase, message)))
    }
}
