//! What changed in a tool's description, and whether that is mere wording.

use std::collections::BTreeSet;

use bakerst_detect::injection::Detector;
use bakerst_model::{Escaped, ToolDefinition};
use serde::Serialize;
use serde_json::Value;

use super::words::{Parts, added, is_destination};

/// What is not as it was approved.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Change {
    /// The fields that changed beyond their wording.
    pub fields: Vec<String>,
    /// Words that were added, text by text.
    pub words: Vec<AddedWords>,
    /// Texts that lost words and gained none.
    pub shortened: Vec<String>,
    /// Whether it is another server that says so.
    pub server: bool,
}

/// Words that were added to one text, escaped for printing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AddedWords {
    /// Which text.
    pub place: String,
    /// The words, in runs.
    pub added: Vec<String>,
    /// What reads like instructions to a model among them.
    pub instructions: Vec<String>,
    /// Addresses, hosts, people, places and other tools among them.
    pub destinations: Vec<String>,
}

impl Change {
    /// What became of `old`; `others` are the names of tools that words could point to.
    #[must_use]
    pub fn between(
        old: &ToolDefinition,
        new: &ToolDefinition,
        others: &BTreeSet<&str>,
        detector: &Detector,
    ) -> Self {
        let (was, is) = (Parts::of(old.fields()), Parts::of(new.fields()));
        let mut change =
            Self { fields: differing(&was.structure, &is.structure), ..Self::default() };
        for (place, text) in &is.texts {
            let before = was.texts.get(place).map_or("", String::as_str);
            let runs = added(before, text);
            if !runs.is_empty() {
                change.words.push(AddedWords::judge(place, before, text, &runs, others, detector));
            } else if before != text {
                change.shortened.push(place.clone());
            }
        }
        let gone = was.texts.keys().filter(|place| !is.texts.contains_key(*place));
        change.shortened.extend(gone.cloned());
        change
    }

    /// Whether only words changed, and none of them instructs or points anywhere.
    #[must_use]
    pub fn is_wording(&self) -> bool {
        let harmless =
            |words: &AddedWords| words.instructions.is_empty() && words.destinations.is_empty();
        self.fields.is_empty() && !self.server && self.words.iter().all(harmless)
    }

    /// All of it in one sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        if self.server {
            parts.push("its server is another".to_owned());
        }
        if !self.fields.is_empty() {
            parts.push(format!("changed: {}", self.fields.join(", ")));
        }
        let all = |pick: fn(&AddedWords) -> &Vec<String>| -> Vec<&str> {
            self.words.iter().flat_map(|words| pick(words).iter().map(String::as_str)).collect()
        };
        let (instructions, destinations) = (all(|w| &w.instructions), all(|w| &w.destinations));
        if !instructions.is_empty() {
            parts.push(format!("new instructions: {}", instructions.join(", ")));
        }
        if !destinations.is_empty() {
            parts.push(format!("new destinations: {}", destinations.join(", ")));
        }
        if !self.words.is_empty() || !self.shortened.is_empty() {
            parts.push("worded differently".to_owned());
        }
        let summary: String = parts.join("; ").chars().take(400).collect();
        summary
    }
}

impl AddedWords {
    fn judge(
        place: &str,
        before: &str,
        text: &str,
        runs: &[&str],
        others: &BTreeSet<&str>,
        detector: &Detector,
    ) -> Self {
        let known: BTreeSet<String> = detector
            .assess_description(before)
            .findings
            .into_iter()
            .map(|found| found.rule)
            .collect();
        let assessment = detector.assess_description(text);
        let instructions = assessment.findings.iter().filter(|found| !known.contains(&found.rule));
        let mut instructions: Vec<String> = instructions
            .map(|found| {
                let quoted: String =
                    text.get(found.span.clone()).unwrap_or_default().chars().take(80).collect();
                format!("`{}` ({})", Escaped(&quoted), found.kind.name())
            })
            .collect();
        if instructions.is_empty() && assessment.blocked && known.is_empty() {
            instructions.push("the text as a whole".to_owned());
        }
        let words = runs.iter().flat_map(|run| run.split_whitespace());
        let bare = |word: &&str| {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
            is_destination(word) || others.contains(bare)
        };
        let destinations: BTreeSet<String> =
            words.filter(bare).map(|word| format!("`{}`", Escaped(word))).collect();
        Self {
            place: place.to_owned(),
            added: runs.iter().map(|run| Escaped(run).to_string()).collect(),
            instructions,
            destinations: destinations.into_iter().collect(),
        }
    }
}

fn differing(was: &Value, is: &Value) -> Vec<String> {
    let (Value::Object(was), Value::Object(is)) = (was, is) else { return Vec::new() };
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differ = keys.into_iter().filter(|key| was.get(*key) != is.get(*key));
    differ.map(|key| format!("`{}`", Escaped(key))).collect()
}
