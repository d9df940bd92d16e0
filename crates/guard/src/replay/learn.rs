//! A policy that allows what was seen, and little else: a file for a person to review.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bakerst_model::Verdict;
use serde_json::Value;

use super::RecordedCall;
use crate::verbs::risk_of_name;
use crate::{PolicySource, Risk};

/// Pairs of agent and tool that are told apart, arguments of each, and values of each argument:
/// all are chosen by outsiders.
const PAIRS_MAX: usize = 10_000;
const ARGUMENTS_MAX: usize = 64;
const VALUES_MAX: usize = 8;
const VALUE_BYTES_MAX: usize = 100;

/// Watches calls, and says what would allow them.
#[derive(Debug, Default)]
pub struct Learner {
    pairs: BTreeMap<(String, String), Seen>,
    calls: u64,
    left_out: u64,
    denied: u64,
}

#[derive(Debug, Default)]
struct Seen {
    calls: u64,
    /// How many calls each guardrail spoke against that is only listened to.
    against: BTreeMap<String, u64>,
    arguments: BTreeMap<String, Argument>,
}

/// What the values at one place had in common.
#[derive(Debug, Default)]
struct Argument {
    seen: u64,
    numbers: Option<(f64, f64)>,
    /// The folder that all paths lie in.
    folder: Option<String>,
    /// Where all addresses lead: scheme, host and port.
    hosts: BTreeSet<String>,
    values: BTreeSet<String>,
    /// Whether there is more than can be put into a rule.
    free: bool,
}

impl Learner {
    /// Takes a call in.
    pub fn see(&mut self, record: &RecordedCall<'_>) {
        self.calls += 1;
        // What was refused is not what an agent is for. Where everything only monitors, nothing was.
        if record.verdict == Verdict::Deny {
            self.denied += 1;
            return;
        }
        let Ok(call) = record.call() else {
            self.left_out += 1;
            return;
        };
        let key = (record.agent.to_string(), record.tool.to_string());
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let seen = self.pairs.entry(key).or_default();
        seen.calls += 1;
        for word in record.words().iter().filter(|word| word.verdict != Verdict::Allow) {
            *seen.against.entry(word.guardrail.to_string()).or_default() += 1;
        }
        if let Value::Object(fields) = call.input.expose() {
            for (name, value) in fields {
                if seen.arguments.len() < ARGUMENTS_MAX || seen.arguments.contains_key(name) {
                    seen.arguments.entry(name.clone()).or_default().see(value);
                }
            }
        }
    }

    /// The policy as a file. Tools that `known` declares keep their risk.
    #[must_use]
    pub fn propose(&self, known: &PolicySource) -> String {
        let mut text = format!(
            "# Proposed from {} recorded calls. {} were denied and are left out; {} could not be used (secrets\n\
             # taken out, cut, or too many kinds). It allows what was seen and nothing else. Review every line\n\
             # before you rely on it, and first of all those that say that a guardrail spoke against calls.\n\ntools:\n",
            self.calls, self.denied, self.left_out
        );
        let tools: BTreeSet<&str> = self.pairs.keys().map(|(_, tool)| tool.as_str()).collect();
        for tool in &tools {
            let declared = known.tools.get(*tool);
            let risk = declared.map_or_else(|| guess(tool), |entry| entry.risk);
            let from = if declared.is_some() { "as declared" } else { "guessed from its name" };
            let _ = writeln!(text, "  {}: {{ risk: {} }}  # {from}", quoted(tool), risk.as_str());
        }
        if tools.is_empty() {
            text.push_str("  {}\n");
        }
        let mut agents: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (agent, tool) in self.pairs.keys() {
            agents.entry(agent).or_default().push(quoted(tool));
        }
        if !agents.is_empty() {
            text.push_str("\nagents:\n");
        }
        for (agent, tools) in agents {
            let _ = writeln!(text, "  {}: {{ tools: [{}] }}", quoted(agent), tools.join(", "));
        }
        text.push_str("\nauthorization:\n  rego: |\n    package bakerst.authz\n\n    default allow := false\n");
        for ((agent, tool), seen) in &self.pairs {
            seen.write(agent, tool, &mut text);
        }
        text
    }
}

impl Seen {
    fn write(&self, agent: &str, tool: &str, text: &mut String) {
        let against: String = (self.against.iter())
            .map(|(guardrail, calls)| format!(", `{guardrail}` against {calls} of them"))
            .collect();
        let _ = write!(
            text,
            "\n    # {} calls{against}\n    allow if {{\n        input.agent == {}\n        input.tool == {}\n",
            self.calls,
            quoted(agent),
            quoted(tool)
        );
        let names: Vec<_> = self.arguments.keys().map(|name| quoted(name)).collect();
        let besides = match names.is_empty() {
            true => String::new(),
            false => format!(" - {{{}}}", names.join(", ")),
        };
        if self.arguments.len() < ARGUMENTS_MAX {
            let _ = writeln!(text, "        count(object.keys(input.args){besides}) == 0");
        }
        for (place, (name, argument)) in self.arguments.iter().enumerate() {
            let optional = argument.seen < self.calls;
            argument.write(&format!("input.args[{}]", quoted(name)), optional, place, text);
        }
        text.push_str("    }\n");
    }
}

impl Argument {
    fn see(&mut self, value: &Value) {
        self.seen += 1;
        match value {
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::MAX);
                let (least, most) = self.numbers.unwrap_or((number, number));
                self.numbers = Some((least.min(number), most.max(number)));
            }
            Value::String(text) => self.see_text(text),
            Value::Bool(_) => self.see_value(value.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => self.free = true,
        }
    }

    fn see_text(&mut self, text: &str) {
        if let Some(host) = host_of(text) {
            self.hosts.insert(host.to_owned());
            self.free |= self.hosts.len() > VALUES_MAX;
        } else if text.starts_with('/') {
            let folder = text.rfind('/').and_then(|end| text.get(..=end)).unwrap_or("/");
            let known = self.folder.get_or_insert_with(|| folder.to_owned());
            *known = common_folder(known, folder);
            self.free |= text.contains("..");
        } else {
            self.see_value(quoted(text));
        }
    }

    fn see_value(&mut self, value: String) {
        self.free |= value.len() > VALUE_BYTES_MAX
            || self.values.len() >= VALUES_MAX && !self.values.contains(&value);
        if !self.free {
            self.values.insert(value);
        }
    }

    /// Conditions that hold what was seen; none where that is nothing in common.
    fn write(&self, place: &str, optional: bool, number: usize, text: &mut String) {
        let kinds = [
            self.numbers.is_some(),
            self.folder.is_some(),
            !self.hosts.is_empty(),
            !self.values.is_empty(),
        ];
        let only_kind = kinds.into_iter().filter(|kind| *kind).count() == 1;
        if self.free || optional || !only_kind {
            let why = if optional { "not in every call" } else { "nothing in common" };
            let _ = writeln!(text, "        # {place}: seen {} times, {why}", self.seen);
            return;
        }
        let seen = self.seen;
        if let Some((least, most)) = self.numbers {
            let _ = writeln!(
                text,
                "        {place} >= {least}  # {seen} times\n        {place} <= {most}"
            );
        }
        if let Some(folder) = &self.folder {
            let _ =
                writeln!(text, "        startswith({place}, {})  # {seen} times", quoted(folder));
            let _ = writeln!(text, "        not contains({place}, \"..\")");
        }
        if !self.hosts.is_empty() {
            let hosts: Vec<_> = self.hosts.iter().map(|host| quoted(&format!("{host}/"))).collect();
            let _ = writeln!(
                text,
                "        some base{number} in {{{}}}  # {seen} times",
                hosts.join(", ")
            );
            let _ =
                writeln!(text, "        startswith(concat(\"\", [{place}, \"/\"]), base{number})");
        }
        if !self.values.is_empty() {
            let values: Vec<_> = self.values.iter().map(String::as_str).collect();
            let _ = writeln!(text, "        {place} in {{{}}}  # {seen} times", values.join(", "));
        }
    }
}

/// A text as JSON, YAML and Rego all write it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Scheme, host and port of an address, where it has nothing before its host.
fn host_of(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest.get(..end).filter(|host| !host.is_empty() && host.chars().all(plain))?;
    let whole = scheme.len() + 3 + host.len();
    scheme.chars().all(|c| c.is_ascii_alphanumeric()).then(|| text.get(..whole)).flatten()
}

fn common_folder(a: &str, b: &str) -> String {
    let shared = a.split_inclusive('/').zip(b.split_inclusive('/'));
    let shared: String = shared.take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    if shared.ends_with('/') { shared } else { "/".to_owned() }
}

/// A name that says nothing stands for a tool that matters.
fn guess(tool: &str) -> Risk {
    risk_of_name(tool).map_or(Risk::Sensitive, |(risk, _)| risk)
}
