//! Holds what a call touches against where its values come from. It is the guard that holds when
//! detectors fail: it does not ask whether a text means harm, only who wrote what is about to be done.

mod arguments;

use std::collections::HashMap;
use std::sync::Arc;

use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::arguments::Argument;
use crate::config::{PolicySource, ToolEntry};
use crate::flow::{FlowFacts, Labels, Origin};
use crate::{Check, Guardrail, Subject, Undecided};

/// How many reasons one answer gives.
const REASONS_MAX: usize = 3;

/// What follows where values come from the wrong place.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where a destination is not the user's.
    destinations: Reaction,
    /// Where what is private could leave the user's hands.
    trifecta: Reaction,
    /// Where instructions were found in an output.
    instructions: Reaction,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Reaction {
    /// A person decides.
    #[default]
    Ask,
    /// The call is refused.
    Deny,
}

/// The guardrail.
#[derive(Debug)]
pub struct FlowControl {
    tools: HashMap<Arc<str>, Tool>,
    config: Config,
}

/// What flow control knows of a tool.
#[derive(Debug)]
struct Tool {
    labels: Labels,
    schema: Option<Value>,
    command: Option<String>,
    destinations: Vec<String>,
    harmless: Vec<String>,
}

impl Tool {
    fn new(entry: &ToolEntry) -> Self {
        Self {
            labels: Labels::of(entry),
            schema: entry.schema.clone(),
            command: entry.command.as_ref().map(|place| place.pointer().to_owned()),
            destinations: entry.destinations.clone(),
            harmless: entry.harmless.clone(),
        }
    }

    fn unknown() -> Self {
        Self {
            labels: Labels::UNKNOWN,
            schema: None,
            command: None,
            destinations: Vec::new(),
            harmless: Vec::new(),
        }
    }
}

impl FlowControl {
    pub(crate) fn new(config: &Config, source: &PolicySource) -> Self {
        let tools = source.tools.iter();
        let tools = tools.map(|(name, entry)| (Arc::from(name.as_str()), Tool::new(entry)));
        Self { tools: tools.collect(), config: config.clone() }
    }

    fn judge(&self, tool: &Tool, flow: &FlowFacts, input: &Value) -> Vec<(Reaction, Reason)> {
        // A tool that only reads can but carry out what is private, to where others have said.
        let leaks = flow.private && flow.untrusted;
        if !(tool.labels.sensitive || leaks) {
            return Vec::new();
        }
        let arguments: Vec<Argument<'_>> =
            flow.arguments.iter().filter_map(|fact| Argument::of(fact, tool, input)).collect();
        if !tool.labels.sensitive {
            let carries = arguments.iter().find_map(|argument| argument.carries_out(flow));
            return carries.map(|why| (self.config.trifecta, why)).into_iter().collect();
        }
        let mut reasons = Vec::new();
        let wrong =
            arguments.iter().filter_map(|argument| argument.is_not_the_users(flow, tool.labels));
        reasons.extend(wrong.map(|why| (self.config.destinations, why)));
        let anchored = arguments.iter().any(Argument::is_destination_of_the_user);
        if !anchored {
            let title = arguments.iter().find_map(Argument::is_a_copied_title);
            reasons.extend(title.map(|why| (self.config.destinations, why)));
        }
        if flow.cut && (flow.untrusted || !flow.prompt) {
            let message = "it has more arguments than can be followed";
            reasons.push((self.config.destinations, Reason::new(Code::FlowDestination, message)));
        }
        let destinations = || arguments.iter().filter(|argument| argument.is_destination());
        let chosen = destinations().next().is_some()
            && destinations().all(Argument::is_destination_of_the_user);
        // Numbers and what the user wrote carry nothing private out.
        let carries = flow.cut || arguments.iter().any(Argument::can_carry);
        if tool.labels.sends && flow.private && flow.untrusted && !chosen && carries {
            reasons.push((self.config.trifecta, Code::FlowTrifecta.into()));
        }
        if let Some(tool) = &flow.instructions {
            let message = format!(
                "the output of `{}` held instructions to the model, and nobody has cleared that",
                Escaped(tool.as_str())
            );
            reasons.push((self.config.instructions, Reason::new(Code::FlowInstructions, message)));
        }
        reasons
    }
}

impl Guardrail for FlowControl {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let Some(flow) = &subject.facts.flow else { return Ok(Check::Approve) };
        let unknown = Tool::unknown();
        let tool = self.tools.get(subject.call.tool.as_str()).unwrap_or(&unknown);
        let mut reasons = self.judge(tool, flow, subject.call.input.expose());
        // What denies comes first, and gives the code.
        reasons.sort_by_key(|(reaction, _)| *reaction == Reaction::Ask);
        let Some((reaction, first)) = reasons.first() else { return Ok(Check::Approve) };
        let mut messages: Vec<&str> = Vec::new();
        for (_, reason) in &reasons {
            if !messages.contains(&reason.message.as_ref()) && messages.len() < REASONS_MAX {
                messages.push(&reason.message);
            }
        }
        let reason = Reason::new(first.code, messages.join("; "));
        Ok(match reaction {
            Reaction::Ask => Check::Escalate(reason),
            Reaction::Deny => Check::Reject(reason),
        })
    }
}

/// Whether a value's origin is somebody who may name destinations.
fn is_chosen(origin: Origin) -> bool {
    matches!(origin, Origin::User | Origin::Trusted)
}
