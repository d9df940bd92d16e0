//! Refuses inputs that read like instructions to a model.

use bakerst_detect::injection::{Assessment, Detector, Sensitivity};
use bakerst_detect::pattern::PatternError;
use bakerst_model::{Code, Escaped, Limits, Reason};
use serde::{Deserialize, Serialize};

use crate::config::{PatternEntry, compiled};
use crate::document::{Fault, Node};
use crate::{Check, Guardrail, Registry, Subject, Undecided};
use transformer::Transformer;

mod transformer;

/// How readily, and what else to look for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    sensitivity: Level,
    patterns: Vec<PatternEntry>,
    /// Whether the trained model is heard beside the phrases and rules.
    model: bool,
    /// A second model, heard on what the first lets pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    transformer: Option<Transformer>,
}

impl Default for Config {
    fn default() -> Self {
        Self { sensitivity: Level::default(), patterns: Vec::new(), model: true, transformer: None }
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
    /// Reads the settings, and has the files read that they name.
    pub(crate) fn read(node: &Node, registry: &Registry, limits: &Limits) -> Result<Self, Fault> {
        let mut config: Self = node.read()?;
        let Some(transformer) = &mut config.transformer else { return Ok(config) };
        let at = node.get("transformer").map_or(node.at(), Node::at);
        if !config.model {
            let message = "`transformer` is heard beside the built-in model, and `model` is off";
            return Err(Fault::new(Code::ConfigValue, message).at(at));
        }
        transformer.load(registry, limits).map_err(|fault| fault.at(at))?;
        Ok(config)
    }

    /// How many entries its longest list has.
    pub(crate) fn longest_list(&self) -> usize {
        self.patterns.len()
    }
}

/// The guardrail.
#[derive(Debug)]
pub struct PromptInjection {
    pub(crate) detector: Detector,
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
        let second = config.transformer.as_ref().and_then(Transformer::judge);
        Ok(Self {
            detector: match second {
                Some(second) => detector.with_second(second.clone()),
                None => detector,
            },
        })
    }
}

impl PromptInjection {
    /// What reads like instructions in what a tool returned.
    pub(crate) fn assess(&self, text: &str) -> Assessment {
        self.detector.assess_output(text)
    }
}

impl Guardrail for PromptInjection {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let texts = subject.texts();
        let found = self.detector.first_finding(texts);
        let found = found.map_err(|why| Undecided(format!("the transformer {why}")))?;
        let Some(found) = found else { return Ok(Check::Approve) };
        let quoted: String = texts.get(found.span).unwrap_or_default().chars().take(80).collect();
        let message =
            format!("the input reads like an instruction to the model: `{}`", Escaped(&quoted));
        Ok(Check::Reject(Reason::new(Code::InjectionPhrase, message)))
    }
}
