//! How much a text reads like instructions to a model.
//!
//! A text is read once as it stands and again for every disguise that it gives a hint of
//! ([`crate::normalise`]). Each reading is scored window by window by a small trained model that
//! also sees which rules fired; the worst window counts. The policy's own patterns always count.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::normalise::Layer;
use crate::pattern::{Pattern, PatternError, PatternSet};

mod assess;
mod description;
pub mod features;
mod found;
pub mod judge;
pub mod lexicon;
pub mod model;
mod output;
mod phrases;
mod rules;
mod scan;
pub mod tokens;
pub mod training;
#[cfg(feature = "transformer")]
pub mod transformer;

use judge::{JudgeError, SecondJudge};
use model::{Model, ModelError};

/// How readily a text is called an injection.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sensitivity {
    /// Only what can hardly mean anything else: one false alarm in a thousand tool outputs.
    Low,
    /// What seldom means anything else: one in two hundred.
    #[default]
    Medium,
    /// What often means nothing else: three in a hundred.
    High,
}

/// What an attack is after.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum InjectionKind {
    /// To put another task in place of the agent's.
    #[default]
    Injection,
    /// To talk the model out of its limits.
    Jailbreak,
    /// To carry data out, by a picture, a link or a call.
    Exfiltration,
    /// To steer the agent from a tool's description or schema.
    ToolPoisoning,
}

impl InjectionKind {
    /// Every kind, in the order that the model counts them.
    pub const ALL: [Self; model::KINDS] =
        [Self::Injection, Self::Jailbreak, Self::Exfiltration, Self::ToolPoisoning];

    /// The name that reports and logs use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Injection => "injection",
            Self::Jailbreak => "jailbreak",
            Self::Exfiltration => "exfiltration",
            Self::ToolPoisoning => "tool-poisoning",
        }
    }
}

/// What was found in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct InjectionFinding {
    /// What it is after.
    pub kind: InjectionKind,
    /// What fired: a rule of ours, `model`, or `pattern N` for the policy's own.
    pub rule: String,
    /// Where, in bytes of the original text.
    pub span: Range<usize>,
    /// What it was hidden under.
    pub layer: Layer,
    /// How much it weighs, between nothing and one.
    pub weight: f32,
}

/// What is thought of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// How likely it is an attack, between nothing and one.
    pub score: f32,
    /// Whether that is enough at the detector's sensitivity.
    pub blocked: bool,
    /// What speaks for it, heaviest first.
    pub findings: Vec<InjectionFinding>,
    /// Why a second judge could not tell. A text that is not blocked is then not cleared either.
    pub undecided: Option<JudgeError>,
}

/// A compiled detector.
#[derive(Debug)]
pub struct Detector {
    sensitivity: Sensitivity,
    patterns: PatternSet,
    phrases: AhoCorasick,
    /// The longest word of each phrase: a plain text without any of them holds no phrase.
    anchors: AhoCorasick,
    model: Option<Model>,
    second: Option<SecondJudge>,
}

impl Detector {
    /// A detector of the given sensitivity, which also looks for the policy's own `patterns`.
    ///
    /// # Errors
    /// When one of `patterns` cannot be used, or when the model that comes with this crate fails
    /// its self-test.
    pub fn new(sensitivity: Sensitivity, patterns: &[Pattern]) -> Result<Self, PatternError> {
        let model = Model::embedded().map_err(|e: ModelError| PatternError::Regex {
            pattern: "built-in model".into(),
            why: e.to_string(),
        })?;
        Self::with_model(sensitivity, patterns, model)
    }

    /// The same with another model.
    ///
    /// # Errors
    /// When one of `patterns` cannot be used.
    pub fn with_model(
        sensitivity: Sensitivity,
        patterns: &[Pattern],
        model: Model,
    ) -> Result<Self, PatternError> {
        Ok(Self { model: Some(model), ..Self::phrases_only(sensitivity, patterns)? })
    }

    /// A detector without a model: rules and patterns alone, for where every microsecond counts.
    ///
    /// # Errors
    /// When one of `patterns` cannot be used.
    pub fn phrases_only(
        sensitivity: Sensitivity,
        patterns: &[Pattern],
    ) -> Result<Self, PatternError> {
        let built_in = |e: aho_corasick::BuildError| PatternError::Regex {
            pattern: "built in".into(),
            why: e.to_string(),
        };
        let listed = phrases::up_to(sensitivity);
        let anchors = listed.iter().filter_map(|p| p.split(' ').max_by_key(|word| word.len()));
        let anchors = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(anchors)
            .map_err(built_in)?;
        let phrases = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(&listed)
            .map_err(built_in)?;
        Ok(Self {
            sensitivity,
            patterns: PatternSet::new(patterns)?,
            phrases,
            anchors,
            model: None,
            second: None,
        })
    }

    /// The same detector with a judge that is heard on what the built-in model lets pass.
    ///
    /// It hears the pieces that the model thinks worst of, so it does nothing beside
    /// [`phrases_only`](Self::phrases_only).
    #[must_use]
    pub fn with_second(self, second: SecondJudge) -> Self {
        Self { second: Some(second), ..self }
    }

    /// A sign of an injection in what an agent hands to a tool, if there is one.
    ///
    /// An argument seldom quotes an attack to talk about it, as a tool's output may, so here a
    /// plain phrase is enough; only what holds none is assessed.
    ///
    /// # Errors
    /// When a second judge could not tell, and nobody else found anything.
    pub fn first_finding(&self, text: &str) -> Result<Option<InjectionFinding>, JudgeError> {
        if let Some(found) = self.first_phrase(text) {
            return Ok(Some(found));
        }
        let assessment = self.assess(text);
        match (assessment.blocked, assessment.undecided) {
            (true, _) => Ok(assessment.findings.into_iter().next()),
            (false, Some(why)) => Err(why),
            (false, None) => Ok(None),
        }
    }

    fn first_phrase(&self, text: &str) -> Option<InjectionFinding> {
        // Only letters that take no room can split a word, and none of those is ASCII.
        if text.is_ascii() && !self.anchors.is_match(text) {
            return None;
        }
        let folded = phrases::Folded::of(text);
        let found = self.phrases.find_iter(folded.text()).find(|found| folded.is_bounded(found))?;
        Some(InjectionFinding {
            kind: InjectionKind::Injection,
            rule: folded.text().get(found.range())?.trim().to_owned(),
            span: folded.original(found.range()),
            layer: Layer::Plain,
            weight: 1.0,
        })
    }
}

#[cfg(test)]
mod tests;
