//! A call as guardrails see it: itself, the facts, and its texts in one piece.

use std::cell::OnceCell;

use bakerst_detect::command::Reading;
use bakerst_model::ToolCall;
use serde_json::Value;

use crate::{CommandPlace, Facts};

/// Room for the texts of most calls.
const TEXT_BYTES: usize = 512;

/// What a guardrail judges.
#[derive(Debug)]
pub struct Subject<'c> {
    /// The call.
    pub call: &'c ToolCall,
    /// What the edge knows.
    pub facts: Facts,
    text: String,
    values_end: usize,
    command: OnceCell<Reading>,
}

impl<'c> Subject<'c> {
    /// Gathers the texts of a call's input, once for all guardrails.
    #[must_use]
    pub fn new(call: &'c ToolCall, facts: Facts) -> Self {
        let mut text = String::with_capacity(TEXT_BYTES);
        let input = call.input.expose();
        push_values(input, &mut text);
        let values_end = text.len();
        push_keys(input, &mut text);
        Self { call, facts, text, values_end, command: OnceCell::new() }
    }

    /// Every string value of the input, a line each, so that words which are split over several
    /// arguments still stand beside each other.
    #[must_use]
    pub fn values(&self) -> &str {
        self.text.get(..self.values_end).unwrap_or_default()
    }

    /// Every string value but those at `place`.
    pub(crate) fn values_besides(&self, place: &CommandPlace) -> String {
        let mut rest = self.call.input.expose().clone();
        place.clear(&mut rest);
        let mut text = String::new();
        push_values(&rest, &mut text);
        text
    }

    /// What the call's command would do. A tool has one place for it, so the first reading serves
    /// every guardrail.
    pub(crate) fn command(&self, place: &CommandPlace) -> &Reading {
        self.command.get_or_init(|| place.read(self.call.input.expose()))
    }

    /// Every string value and then every key of the input.
    #[must_use]
    pub fn texts(&self) -> &str {
        &self.text
    }
}

fn push_values(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => push_line(text, out),
        Value::Array(items) => items.iter().for_each(|item| push_values(item, out)),
        Value::Object(fields) => fields.values().for_each(|field| push_values(field, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn push_keys(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| push_keys(item, out)),
        Value::Object(fields) => fields.iter().for_each(|(key, field)| {
            push_line(key, out);
            push_keys(field, out);
        }),
        _ => {}
    }
}

fn push_line(text: &str, out: &mut String) {
    out.push_str(text);
    out.push('\n');
}
