//! What tools leave open.

use bakerst_model::Code;
use regex_syntax::hir::{Hir, HirKind};
use serde_json::Value;

use super::{Lint, Part, Written};
use crate::PolicySource;
use crate::args::Pointer;
use crate::config::{Risk, ToolEntry};
use crate::verbs::{risk_of_name, runs_commands};

pub(super) fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let tools = source.tools.iter();
    tools.flat_map(|(name, entry)| Tool { name, entry, source, written }.lint()).collect()
}

struct Tool<'p> {
    name: &'p str,
    entry: &'p ToolEntry,
    source: &'p PolicySource,
    written: &'p Written<'p>,
}

impl Tool<'_> {
    fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        lints.extend(self.lint_schema());
        lints.extend(self.lint_risk());
        lints.extend(self.lint_command());
        lints.extend(self.lint_args());
        lints.extend(self.lint_pin());
        lints
    }

    fn found(&self, code: Code, within: &[&str], message: String, fix: &str) -> Lint {
        let path = [&["tools", self.name], within].concat();
        Lint { code, at: self.written.spot(Part::Sections, &path), message, fix: fix.to_owned() }
    }

    fn schema(&self) -> Option<&Value> {
        let pinned = self.source.pins.as_ref().and_then(|pins| pins.lock().pin(self.name));
        let pinned = pinned.and_then(|pin| pin.definition.input_schema());
        self.entry.schema.as_ref().or(pinned)
    }

    fn lint_schema(&self) -> Vec<Lint> {
        let Some(schema) = self.schema() else {
            let message = format!("the tool `{}` takes any arguments", self.name);
            let fix = "declare its `schema`, so that fields nobody knows are refused";
            return vec![self.found(Code::LintNoSchema, &[], message, fix)];
        };
        let mut patterns = Vec::new();
        gather_patterns(schema, &mut patterns);
        let slow = patterns.into_iter().filter(|pattern| is_slow(pattern));
        slow.map(|pattern| {
            let shown: String = bakerst_model::Escaped(pattern).to_string().chars().take(80).collect();
            let message = format!("the pattern `{shown}` takes exponential time where it is read by trial and error");
            let fix = "write it without a repetition within a repetition: it is harmless here, and may not be for the server";
            self.found(Code::LintSlowPattern, &["schema"], message, fix)
        })
        .collect()
    }

    fn lint_risk(&self) -> Option<Lint> {
        if self.entry.risk == Risk::Destructive && self.entry.requires_approval == Some(false) {
            let message = format!("the destructive tool `{}` needs nobody's approval", self.name);
            let fix = "leave `requires_approval` out, or say in `args` what it may destroy";
            return Some(self.found(Code::LintNoApproval, &["requires_approval"], message, fix));
        }
        let (named, word) = risk_of_name(self.name)?;
        // A name that says it sends or runs something may still be harmless; one that destroys is not.
        if named != Risk::Destructive
            || self.entry.risk >= Risk::Sensitive
            || !self.entry.args.is_empty()
        {
            return None;
        }
        let risk = self.entry.risk.as_str();
        let message = format!(
            "the tool `{}` is declared `{risk}`, and `{word}` in its name says worse",
            self.name
        );
        let fix = "raise its `risk` to `destructive`, or say in `args` what it may touch";
        Some(self.found(Code::LintRiskTooLow, &["risk"], message, fix))
    }

    fn lint_command(&self) -> Option<Lint> {
        let limited = self.source.guardrails.command_allowlist.is_some();
        let (within, message, fix) = match &self.entry.command {
            Some(_) if !limited => (
                ["command"].as_slice(),
                format!("the tool `{}` may start any program", self.name),
                "list the programs that it needs in `guardrails.command_allowlist`",
            ),
            None if runs_commands(self.name) => (
                [].as_slice(),
                format!("the tool `{}` seems to run commands, and nothing reads them", self.name),
                "say where its input holds the command: `command: /command`",
            ),
            _ => return None,
        };
        Some(self.found(Code::LintCommandUnread, within, message, fix))
    }

    fn lint_args(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for (pointer, rule) in self.entry.args.iter() {
            let within = ["args", pointer.as_str()];
            if self.schema().is_some_and(|schema| !names(schema, pointer)) {
                let message = format!("the schema of `{}` has no `{pointer}`", self.name);
                let fix = "correct the place; as it is, every call breaks the rule";
                lints.push(self.found(Code::LintBlindRule, &within, message, fix));
            }
            if rule.is_wide() {
                let message = format!(
                    "the rule for `{pointer}` of `{}` leaves hardly anything out",
                    self.name
                );
                let fix = "name the hosts or folders that are needed";
                lints.push(self.found(Code::LintAllowsAll, &within, message, fix));
            }
        }
        lints
    }

    fn lint_pin(&self) -> Option<Lint> {
        let reason = self.source.pins.as_ref()?.objection(self.name)?;
        let fix = "`bakerst policy pin` shows it and approves it; until then its calls are denied";
        Some(self.found(Code::LintNotPinned, &[], reason.message.to_string(), fix))
    }
}

/// Whether a schema may know the place; where it cannot be told, it does.
fn names(schema: &Value, pointer: &Pointer) -> bool {
    let mut level = schema;
    for segment in pointer.segments() {
        let Value::Object(fields) = level else { return true };
        // What is said elsewhere, or leaves names open, may well know it.
        let open = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties", "if"];
        let more = fields.get("additionalProperties").is_some_and(|rule| rule != false);
        if more || open.iter().any(|key| fields.contains_key(*key)) {
            return true;
        }
        let inner = match fields.get("properties").and_then(Value::as_object) {
            Some(properties) => match properties.get(segment) {
                Some(inner) => inner,
                None => return segment == "*" && fields.contains_key("items"),
            },
            None => match fields.get("items") {
                Some(items) if segment == "*" || segment.parse::<usize>().is_ok() => items,
                _ => return true,
            },
        };
        level = inner;
    }
    true
}

/// Every regular expression of a schema.
fn gather_patterns<'s>(schema: &'s Value, into: &mut Vec<&'s str>) {
    match schema {
        Value::Object(fields) => {
            into.extend(fields.get("pattern").and_then(Value::as_str));
            let keys = fields.get("patternProperties").and_then(Value::as_object);
            into.extend(keys.into_iter().flat_map(|keys| keys.keys().map(String::as_str)));
            fields.values().for_each(|field| gather_patterns(field, into));
        }
        Value::Array(items) => items.iter().for_each(|item| gather_patterns(item, into)),
        _ => {}
    }
}

/// Whether a repetition without bound holds another one without bound.
fn is_slow(pattern: &str) -> bool {
    regex_syntax::parse(pattern).is_ok_and(|hir| repeats_within(&hir, false))
}

fn repeats_within(hir: &Hir, within: bool) -> bool {
    match hir.kind() {
        HirKind::Repetition(repetition) => {
            let unbounded = repetition.max.is_none_or(|max| max > 64);
            (within && unbounded) || repeats_within(&repetition.sub, within || unbounded)
        }
        HirKind::Capture(capture) => repeats_within(&capture.sub, within),
        HirKind::Concat(parts) => match within {
            // What must come between two rounds tells them apart, so they cannot be cut at will.
            true if parts.iter().any(is_fixed) => {
                parts.iter().any(|part| repeats_within(part, false))
            }
            within => parts.iter().any(|part| repeats_within(part, within)),
        },
        HirKind::Alternation(parts) => parts.iter().any(|part| repeats_within(part, within)),
        _ => false,
    }
}

fn is_fixed(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Literal(_))
}
