//! Instructions to the model in what a tool returned.

use std::ops::Range;

use bakerst_detect::injection::Assessment;
use bakerst_model::{Escaped, ToolCall};
use serde::Serialize;
use serde_json::Value;

use crate::flow::Conversation;
use crate::{Mode, Policy};

/// How much of what was found is quoted.
const QUOTED_MAX: usize = 80;

/// What reads like instructions to the model in an output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Instructions {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What they are after, in a word; `undecided` where a judge could not tell.
    pub kind: &'static str,
    /// What fired.
    pub rule: String,
    /// How sure that is, between nothing and one.
    pub score: f32,
    /// How they begin, escaped.
    pub quoted: String,
    /// Whether this is only noted, and has no consequence.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
}

impl Policy {
    /// What reads like instructions to the model in an output, if `prompt-injection` is in the chain.
    #[must_use]
    pub fn instructions_in(&self, output: &Value) -> Option<Instructions> {
        let (mode, detector) = self.detector.as_ref()?;
        let mut texts = Texts::default();
        texts.gather(output, &mut String::new());
        let assessment: Assessment = detector.assess(&texts.text);
        let monitored = *mode == Mode::Monitor;
        if let Some(why) = assessment.undecided.as_ref().filter(|_| !assessment.blocked) {
            // Nobody has cleared it, so it counts; a person may.
            return Some(Instructions {
                path: String::new(),
                kind: "undecided",
                rule: format!("the transformer {why}"),
                score: assessment.score,
                quoted: String::new(),
                monitored,
            });
        }
        let found = assessment.findings.first().filter(|_| assessment.blocked)?;
        Some(Instructions {
            path: texts.path_at(found.span.start),
            kind: found.kind.name(),
            rule: found.rule.clone(),
            score: assessment.score,
            quoted: self.quoted(&texts.text, found.span.clone()),
            monitored,
        })
    }

    /// How a place of a text begins, escaped, and without the secrets that the text holds there.
    fn quoted(&self, text: &str, place: Range<usize>) -> String {
        // The whole text is read: a secret that the place cuts in two is one all the same.
        let secrets = self.log_redactor.redact(text).findings;
        let (mut quoted, mut at) = (String::new(), place.start);
        for secret in secrets.iter().filter(|secret| secret.span.end > place.start) {
            let until = secret.span.start.clamp(at, place.end.max(at));
            quoted.push_str(text.get(at..until).unwrap_or_default());
            at = at.max(until);
            if secret.span.start >= place.end {
                break;
            }
            quoted.push_str(&secret.placeholder);
            at = at.max(secret.span.end);
        }
        quoted.push_str(text.get(at..place.end.max(at)).unwrap_or_default());
        Escaped(quoted.chars().take(QUOTED_MAX).collect::<String>().as_str()).to_string()
    }
}

impl Policy {
    /// Lets a conversation hear what a call returned, and says what instructions were in it.
    pub fn hear_output(
        &self,
        conversation: &mut Conversation,
        call: &ToolCall,
        output: &Value,
    ) -> Option<Instructions> {
        let found = self.instructions_in(output);
        let counts = found.as_ref().filter(|found| !found.monitored);
        let words =
            counts.map(|found| format!("{} ({}): {}", found.kind, found.rule, found.quoted));
        let labels = self.labels(&call.tool);
        conversation.hear_output(&call.tool, labels, call.input.expose(), output, words);
        found
    }
}

/// The texts of an output in one piece, so that instructions which are spread over several fields
/// are still read together, and where each begins.
#[derive(Default)]
struct Texts {
    text: String,
    places: Vec<(usize, String)>,
}

impl Texts {
    fn gather(&mut self, value: &Value, at: &mut String) {
        let length = at.len();
        match value {
            Value::String(text) => self.push(text, at),
            Value::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    at.push('/');
                    at.push_str(&place.to_string());
                    self.gather(item, at);
                    at.truncate(length);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    at.push('/');
                    at.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    self.push(name, at);
                    self.gather(field, at);
                    at.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn push(&mut self, text: &str, at: &str) {
        self.places.push((self.text.len(), at.to_owned()));
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn path_at(&self, at: usize) -> String {
        let after = self.places.partition_point(|(start, _)| *start <= at);
        let place = after.checked_sub(1).and_then(|place| self.places.get(place));
        place.map(|(_, path)| path.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bakerst_detect::injection::judge::{Judge, JudgeError, SecondJudge};
    use bakerst_detect::injection::{Detector, Sensitivity};
    use serde_json::json;

    use super::*;
    use crate::rails::prompt_injection::PromptInjection;

    #[derive(Debug)]
    struct Speechless;

    impl Judge for Speechless {
        fn name(&self) -> &'static str {
            "speechless"
        }

        fn score(&self, _: &str) -> Result<f32, JudgeError> {
            Err(JudgeError::Run("out of memory".to_owned()))
        }
    }

    #[test]
    fn an_output_that_a_judge_cannot_tell_is_not_cleared() {
        let judge = SecondJudge { judge: Arc::new(Speechless), threshold: 0.5, pieces_max: 1 };
        let detector = Detector::new(Sensitivity::Medium, &[]).unwrap().with_second(judge);
        let guardrail = Arc::new(PromptInjection { detector });
        let mut policy = Policy::built_in().unwrap();
        let output = json!({ "text": "The weather is fine." });
        assert_eq!(policy.instructions_in(&output), None);
        policy.detector = Some((Mode::Enforce, guardrail));
        let found = policy.instructions_in(&output).unwrap();
        assert_eq!(found.kind, "undecided");
        assert_eq!(found.rule, "the transformer could not score a text: out of memory");
    }
}
