//! Instructions to the model in what a tool returned.

use std::ops::Range;

use bakerst_detect::injection::Assessment;
use bakerst_model::{Escaped, ToolCall};
use serde::Serialize;
use serde_json::Value;

use crate::flow::Conversation;
use crate::way::Way;
use crate::{Mode, Policy};

/// How much of what was found is quoted.
const QUOTED_MAX: usize = 80;
/// Room for the texts of most outputs.
const TEXT_BYTES: usize = 512;

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
        let text = text_of(output);
        let assessment: Assessment = detector.assess(&text);
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
            path: path_at(output, found.span.start),
            kind: found.kind.name(),
            rule: found.rule.clone(),
            score: assessment.score,
            quoted: self.quoted(&text, found.span.clone()),
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

/// The texts of an output in one piece, a line each, so that instructions which are spread over
/// several fields are still read together.
fn text_of(output: &Value) -> String {
    let mut all = String::with_capacity(TEXT_BYTES);
    each_text(output, &mut Way::default(), &mut |_, text| {
        all.push_str(text);
        all.push('\n');
    });
    all
}

/// Where in an output the text stands that has this place in all of them together.
fn path_at(output: &Value, place: usize) -> String {
    let (mut path, mut start) = (String::new(), 0);
    each_text(output, &mut Way::default(), &mut |way, text| {
        if start <= place {
            way.as_str().clone_into(&mut path);
        }
        start += text.len() + 1;
    });
    path
}

/// Every text of an output and every name of a field, with the way to it.
fn each_text(value: &Value, way: &mut Way, see: &mut impl FnMut(&Way, &str)) {
    match value {
        Value::String(text) => see(way, text),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                let from = way.enter_place(place);
                each_text(item, way, see);
                way.back(from);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let from = way.enter(name);
                see(way, name);
                each_text(field, way, see);
                way.back(from);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
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
