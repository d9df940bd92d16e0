//! What one policy allows that another does not, told from the policies alone as far as that goes.

use std::collections::BTreeSet;

use bakerst_model::Escaped;
use serde::Serialize;
use serde_json::Value;

use crate::config::RailConfig;
use crate::{Mode, Policy, RailEntry, Risk, ToolEntry};

/// What can be said about two policies without a call.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Comparison {
    /// What the second allows, or no longer asks about, that the first does.
    pub allows: Vec<String>,
    /// What differs in a way that only calls can tell.
    pub unclear: Vec<String>,
}

/// Compares two policies.
#[must_use]
pub fn compare(a: &Policy, b: &Policy) -> Comparison {
    let mut comparison = Comparison::default();
    comparison.tools(a, b);
    comparison.thresholds(a, b);
    comparison.programs(a, b);
    comparison.agents(a, b);
    comparison.guardrails(a, b);
    comparison
}

impl Comparison {
    fn tools(&mut self, a: &Policy, b: &Policy) {
        let closed = |policy: &Policy| enforced(policy, "tool-policy").is_some();
        if closed(a) && !closed(b) {
            self.allows
                .push("tools that it does not declare: `tool-policy` is not in force".into());
        }
        let listed = |policy: &Policy| policy.source().tools.clone();
        let (ours, theirs) = (listed(a), listed(b));
        for (name, entry) in &theirs {
            let shown = Escaped(name).to_string();
            match ours.get(name) {
                None if closed(a) => {
                    let risk = entry.risk.as_str();
                    self.allows.push(format!(
                        "the tool `{shown}` (risk `{risk}`), which is not declared before"
                    ));
                }
                Some(before) => self.tool(&shown, before, entry),
                None => {}
            }
        }
    }

    fn tool(&mut self, name: &str, before: &ToolEntry, after: &ToolEntry) {
        let asks =
            |entry: &ToolEntry| entry.requires_approval.unwrap_or(entry.risk == Risk::Destructive);
        if asks(before) && !asks(after) {
            self.allows.push(format!("the tool `{name}` without a person's approval"));
        }
        if before.command.is_some() && after.command.is_none() {
            self.allows.push(format!("commands of the tool `{name}`, which are no longer read"));
        } else if written(&before.command) != written(&after.command) {
            self.unclear.push(format!("the place of the command of `{name}` is another"));
        }
        match (&before.schema, &after.schema) {
            (Some(_), None) => {
                self.allows
                    .push(format!("any arguments of the tool `{name}`: it has no schema any more"));
            }
            (Some(before), Some(after)) if before != after => {
                self.unclear.push(format!("the schema of `{name}` is another"));
            }
            _ => {}
        }
        let rest = |entry: &ToolEntry| {
            let mut entry = entry.clone();
            (entry.requires_approval, entry.command, entry.schema) = (None, None, None);
            written(&entry)
        };
        if rest(before) != rest(after) {
            self.unclear.push(format!("the tool `{name}` is declared otherwise"));
        }
    }

    fn thresholds(&mut self, a: &Policy, b: &Policy) {
        for limit in &a.source().guardrails.thresholds {
            let mut after = b.source().guardrails.thresholds.iter();
            let (tool, arg) = (Escaped(&limit.tool), Escaped(&limit.arg));
            let same =
                |other: &&crate::Threshold| other.tool == limit.tool && other.arg == limit.arg;
            match after.find(same) {
                None => self.allows.push(format!(
                    "any amount at `{arg}` of `{tool}`: the threshold of {} is gone",
                    limit.over
                )),
                Some(after) if after.over > limit.over => self.allows.push(format!(
                    "amounts at `{arg}` of `{tool}` from {} to {}",
                    limit.over, after.over
                )),
                Some(_) => {}
            }
        }
    }

    fn programs(&mut self, a: &Policy, b: &Policy) {
        let list = |policy: &Policy| policy.source().guardrails.command_allowlist.clone();
        match (list(a), list(b)) {
            (Some(_), None) => {
                self.allows.push("commands of any program: `command_allowlist` is gone".into());
            }
            (Some(before), Some(after)) => {
                let before: BTreeSet<_> = before.into_iter().collect();
                let new = after.into_iter().filter(|program| !before.contains(program));
                self.allows.extend(
                    new.map(|program| format!("the program `{}` in commands", Escaped(&program))),
                );
            }
            (None, _) => {}
        }
    }

    fn agents(&mut self, a: &Policy, b: &Policy) {
        let (before, after) = (written(&a.source().agents), written(&b.source().agents));
        let (Some(Value::Object(before)), Some(Value::Object(after))) = (&before, &after) else {
            if before != after {
                self.unclear.push("which agents there are".into());
            }
            return;
        };
        let listed = |entry: &Value| -> BTreeSet<String> {
            let tools = entry.get("tools").and_then(Value::as_array).into_iter().flatten();
            tools.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        for (agent, entry) in after {
            let Some(known) = before.get(agent) else {
                self.unclear.push(format!("the agent `{}` has rules of its own", Escaped(agent)));
                continue;
            };
            let had = listed(known);
            let new: Vec<_> =
                listed(entry).into_iter().filter(|tool| !had.contains(tool)).collect();
            self.allows.extend(
                new.iter().map(|tool| {
                    format!("the agent `{}` to call `{}`", Escaped(agent), Escaped(tool))
                }),
            );
            if new.is_empty() && known != entry {
                self.unclear
                    .push(format!("the rules of the agent `{}` are others", Escaped(agent)));
            }
        }
        for agent in before.keys().filter(|agent| !after.contains_key(*agent)) {
            self.unclear
                .push(format!("the agent `{}` has no rules of its own any more", Escaped(agent)));
        }
    }

    fn guardrails(&mut self, a: &Policy, b: &Policy) {
        for entry in &a.source().guardrails.chain {
            let name = entry.name.as_str();
            // This one has been looked at with the tools, and these two judge no call.
            let apart = ["tool-policy", "human-approval", "output-sanitization"];
            let (Some(before), false) = (enforced(a, name), apart.contains(&name)) else {
                continue;
            };
            match enforced(b, name) {
                None => self
                    .allows
                    .push(format!("what `{name}` would ask about or deny: it is not in force")),
                Some(after) if written(&before.config) != written(&after.config) => {
                    self.unclear.push(format!("the settings of `{name}` are others"));
                }
                Some(after) if before.on_error != after.on_error => {
                    self.unclear.push(format!("what becomes of calls that `{name}` cannot judge"));
                }
                Some(_) => {}
            }
        }
        let person = |policy: &Policy| enforced(policy, "human-approval").is_some();
        if !person(a) && person(b) {
            self.allows.push("calls that a person approves: there is somebody to ask now".into());
        }
        let (before, after) = (&a.source().authorization, &b.source().authorization);
        if written(before) != written(after) && enforced(b, "authorization").is_some() {
            self.unclear.push("the authorization policy is another".into());
        }
    }
}

/// An entry of the chain whose word counts.
fn enforced<'p>(policy: &'p Policy, name: &str) -> Option<&'p RailEntry> {
    let mut chain = policy.source().guardrails.chain.iter();
    chain.find(|entry| {
        let set_up = match entry.config {
            RailConfig::Authorization(_) => policy.source().authorization.is_some(),
            _ => true,
        };
        entry.name == name && entry.enabled && entry.mode == Mode::Enforce && set_up
    })
}

fn written(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}
