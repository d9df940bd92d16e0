//! The forms of `eval`: what a row holds, and what is said about it.

use bakerst_detect::command::Lang;
use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_detect::redact::{Kind, RedactionFinding, Redactor, Rule};
use bakerst_gateway::follow_paths;
use bakerst_guard::rails::destructive_gate::DestructiveGate;
use bakerst_guard::{Check, Facts, Policy};
use bakerst_model::Verdict;
use serde_json::{Map, Value, json};

use super::flows;
use crate::cli::EvalForm;
use crate::commands::explain::call_of;
use crate::config::Config;
use crate::failure::Failure;

/// Judges rows of one form.
pub(super) enum Evaluator<'c> {
    Injection(Box<Detector>),
    Redaction(Redactor),
    Commands(Box<DestructiveGate>),
    Calls(Box<Policy>, &'c Config),
    Flows(Box<Policy>, &'c Config),
}

type Row = Map<String, Value>;

impl<'c> Evaluator<'c> {
    pub(super) fn new(form: EvalForm, config: &'c Config) -> Result<Self, Failure> {
        let unusable = |e: bakerst_detect::pattern::PatternError| {
            Failure::usage(bakerst_model::Code::ConfigValue, e.to_string())
        };
        match form {
            EvalForm::Injection => {
                let detector = Detector::new(Sensitivity::Medium, &[]).map_err(unusable)?;
                Ok(Self::Injection(Box::new(detector)))
            }
            EvalForm::Redaction => {
                Ok(Self::Redaction(Redactor::new(&Kind::ALL.map(Rule::Kind)).map_err(unusable)?))
            }
            EvalForm::Calls => Ok(Self::Calls(Box::new(config.compile()?), config)),
            EvalForm::Commands => {
                let gate = DestructiveGate::of(&config.policy).map_err(unusable)?;
                Ok(Self::Commands(Box::new(gate)))
            }
            EvalForm::Flows => Ok(Self::Flows(Box::new(config.compile()?), config)),
        }
    }

    pub(super) fn answer(&self, row: &Row) -> Result<Row, String> {
        let answer = match self {
            Self::Injection(detector) => judge_injection(detector, text_of(row)?),
            Self::Redaction(redactor) => judge_redaction(redactor, text_of(row)?),
            Self::Commands(gate) => judge_command(gate, row)?,
            Self::Calls(policy, config) => judge_call(policy, config, row)?,
            Self::Flows(policy, config) => flows::judge(policy, &config.limits, row)?,
        };
        match answer {
            Value::Object(answer) => Ok(answer),
            _ => Err("it has no answer".to_owned()),
        }
    }
}

fn text_of(row: &Row) -> Result<&str, String> {
    row.get("text").and_then(Value::as_str).ok_or_else(|| "it has no text under `text`".to_owned())
}

fn judge_injection(detector: &Detector, text: &str) -> Value {
    let assessment = detector.assess(text);
    let findings = assessment.findings.iter().map(|found| {
        let span = [code_points(text, found.span.start), code_points(text, found.span.end)];
        json!({ "kind": found.kind.name(), "rule": found.rule, "span": span, "weight": found.weight })
    });
    let findings: Vec<_> = findings.collect();
    json!({ "score": assessment.score, "blocked": assessment.blocked, "findings": findings })
}

fn judge_redaction(redactor: &Redactor, text: &str) -> Value {
    let redaction = redactor.redact(text);
    let spans = redaction.findings.iter().map(|found| {
        let (start, end) = (found.span.start, found.span.end);
        json!([code_points(text, start), code_points(text, end), type_of(found, text)])
    });
    let spans: Vec<_> = spans.collect();
    json!({ "text": redaction.text, "spans": spans })
}

/// A finding's type: `SECRET:rule` for what gives access, and a word of its own for each kind of
/// personal data.
fn type_of(found: &RedactionFinding, text: &str) -> String {
    match found.kind {
        None => "CUSTOM".to_owned(),
        Some(kind) if kind.is_secret() => format!("SECRET:{}", found.rule),
        Some(Kind::MacAddress) => "MAC".to_owned(),
        Some(Kind::IpAddress) => {
            let address = text.get(found.span.clone()).unwrap_or_default();
            if address.contains(':') { "IPV6".to_owned() } else { "IPV4".to_owned() }
        }
        Some(kind) => kind.as_str().to_uppercase(),
    }
}

/// A command by itself, as if it were the argument of a tool that runs commands.
fn judge_command(gate: &DestructiveGate, row: &Row) -> Result<Value, String> {
    let lang = row.get("lang").and_then(Value::as_str).map_or(Lang::default(), Lang::parse);
    let checks = gate.judge_command(text_of(row)?, lang);
    let verdict = checks.iter().map(verdict_of).max().unwrap_or(Verdict::Allow);
    let reasons = checks.iter().filter_map(|check| match check {
        Check::Approve => None,
        Check::Reject(reason) | Check::Escalate(reason) => Some(reason.to_string()),
    });
    Ok(json!({ "verdict": verdict, "reasons": reasons.collect::<Vec<_>>() }))
}

fn verdict_of(check: &Check) -> Verdict {
    match check {
        Check::Approve => Verdict::Allow,
        Check::Escalate(_) => Verdict::Ask,
        Check::Reject(_) => Verdict::Deny,
    }
}

fn judge_call(policy: &Policy, config: &Config, row: &Row) -> Result<Value, String> {
    let tool = row.get("tool").and_then(Value::as_str).ok_or("it has no tool under `tool`")?;
    let input = row.get("input").map_or_else(|| "{}".to_owned(), Value::to_string);
    let agent = row.get("agent").and_then(Value::as_str);
    let call = call_of(tool, input.as_bytes(), agent, &config.limits).map_err(|e| e.message)?;
    let paths = follow_paths(policy.paths_to_resolve(&call));
    Ok(flows::judge_call(policy, &call, Facts { paths, ..Facts::default() }))
}

/// Offsets are given in code points, as other languages count them.
fn code_points(text: &str, bytes: usize) -> usize {
    text.get(..bytes).unwrap_or(text).chars().count()
}
