//! Default deny: which tools there are, which agent may call them and with what, how risky they
//! are, and where a person decides.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bakerst_detect::command::Programs;
use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agents::{AgentBook, AgentEntry, Leave, Outside};
use crate::args::{ArgRules, BrokenRule, Otherwise};
use crate::config::{PolicySource, Risk, Threshold, ToolEntry};
use crate::pins::Pins;
use crate::{Check, CommandPlace, Guardrail, Subject, Undecided};

/// Nothing to set yet: the tools stand under `tools`, and what agents may do under `agents`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The guardrail.
#[derive(Debug)]
pub struct ToolPolicy {
    tools: HashMap<Arc<str>, Tool>,
    /// Nothing where the policy speaks of no agents: then all may call all tools.
    agents: Option<AgentBook>,
    pins: Option<Pins>,
    allowlist: Option<Vec<String>>,
}

#[derive(Debug)]
struct Tool {
    risk: Risk,
    asks: bool,
    args: ArgRules,
    thresholds: Vec<Threshold>,
    /// Where the input holds a command.
    command: Option<CommandPlace>,
}

impl ToolPolicy {
    pub(crate) fn new(source: &PolicySource) -> Self {
        let thresholds = &source.guardrails.thresholds;
        let tools = BTreeMap::iter(&source.tools).map(|(name, entry)| {
            let own = thresholds.iter().filter(|threshold| threshold.tool == *name);
            (Arc::from(name.as_str()), Tool::new(entry, own.cloned().collect()))
        });
        Self {
            tools: tools.collect(),
            agents: source.agents.as_ref().map(crate::agents::Agents::book),
            pins: source.pins.clone(),
            allowlist: source.guardrails.command_allowlist.clone(),
        }
    }

    /// What there is against a call, in the order in which it is looked for.
    fn objections(&self, subject: &Subject<'_>) -> Vec<Check> {
        let call = subject.call;
        let (name, input) = (call.tool.as_str(), call.input.expose());
        let Some(tool) = self.tools.get(name) else {
            let message = format!("the policy does not know the tool `{}`", Escaped(name));
            return vec![Check::Reject(Reason::new(Code::UnknownTool, message))];
        };
        let pinned = self.pins.as_ref().and_then(|pins| pins.objection(name));
        if let Some(reason) = pinned.or_else(|| subject.facts.listed.clone()) {
            return vec![Check::Reject(reason)];
        }
        let mut found = Vec::new();
        match self.agents.as_ref().map(|book| book.find(&call.agent)) {
            None => {}
            Some(None) => {
                let agent = Escaped(call.agent.as_str());
                let message = format!("the policy does not know the agent `{agent}`");
                return vec![Check::Reject(Reason::new(Code::UnknownAgent, message))];
            }
            Some(Some(entry)) => found.extend(check_agent(entry, tool, subject)),
        }
        found.extend(tool.args.broken(input, &subject.facts.paths).map(follow));
        if let (Some(place), Some(allowlist)) = (&tool.command, &self.allowlist) {
            found.extend(check_programs(&subject.command(place).programs, allowlist));
        }
        if tool.asks {
            let message = format!("a person must approve the tool `{}`", Escaped(name));
            found.push(Check::Escalate(Reason::new(Code::ApprovalRequired, message)));
        }
        let over = tool.thresholds.iter().filter_map(|threshold| check_threshold(threshold, input));
        found.extend(over.map(Check::Escalate));
        found
    }
}

impl Tool {
    fn new(entry: &ToolEntry, thresholds: Vec<Threshold>) -> Self {
        Self {
            risk: entry.risk,
            asks: entry.requires_approval.unwrap_or(entry.risk == Risk::Destructive),
            args: entry.args.clone(),
            thresholds,
            command: entry.command.clone(),
        }
    }
}

impl Guardrail for ToolPolicy {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let found = self.objections(subject);
        // Of several objections a denial counts; a person who is asked could not lift it.
        let denial = found.iter().position(|check| matches!(check, Check::Reject(_)));
        Ok(found.into_iter().nth(denial.unwrap_or_default()).unwrap_or(Check::Approve))
    }
}

/// What an agent's entry has against a call.
fn check_agent(entry: &AgentEntry, tool: &Tool, subject: &Subject<'_>) -> Vec<Check> {
    let call = subject.call;
    let (name, input) = (call.tool.as_str(), call.input.expose());
    let words = |why: &str| {
        let (agent, tool) = (Escaped(call.agent.as_str()), Escaped(name));
        Reason::new(Code::ToolNotForAgent, format!("the tool `{tool}` {why} the agent `{agent}`"))
    };
    let mut found = Vec::new();
    match (entry.leave(name, tool.risk), entry.outside) {
        (Leave::Given, _) => {}
        (Leave::NotGiven, Outside::Ask) => found.push(Check::Escalate(words("was not given to"))),
        (Leave::NotGiven, Outside::Deny) => return vec![Check::Reject(words("was not given to"))],
        (Leave::Denied, _) => return vec![Check::Reject(words("is denied to"))],
        (Leave::TooRisky, _) => return vec![Check::Reject(words("is too risky for"))],
    }
    for rules in entry.args_of(name) {
        found.extend(rules.broken(input, &subject.facts.paths).map(follow));
    }
    found.extend(entry.reaches_out(input).map(Check::Reject));
    if entry.asks(name, tool.risk) {
        let (agent, tool) = (Escaped(call.agent.as_str()), Escaped(name));
        let message = format!("a person must approve the tool `{tool}` for the agent `{agent}`");
        found.push(Check::Escalate(Reason::new(Code::ApprovalRequired, message)));
    }
    found
}

fn follow(BrokenRule { reason, otherwise }: BrokenRule) -> Check {
    match otherwise {
        Otherwise::Deny => Check::Reject(reason),
        Otherwise::Ask => Check::Escalate(reason),
    }
}

/// Every program that the command would start must be on the list; where that cannot be told, a
/// person decides.
fn check_programs(programs: &Programs, allowlist: &[String]) -> Option<Check> {
    let programs = match programs {
        Programs::Known(programs) => programs,
        Programs::CannotTell(why) => {
            let message = format!("it cannot be told which programs the command would run: {why}");
            return Some(Check::Escalate(Reason::new(Code::CommandUnreadable, message)));
        }
    };
    let program = programs.iter().find(|program| !allowlist.contains(program))?;
    let message = format!("`{}` is not on the command allowlist", Escaped(program));
    Some(Check::Reject(Reason::new(Code::CommandNotListed, message)))
}

fn check_threshold(threshold: &Threshold, input: &Value) -> Option<Reason> {
    let Threshold { tool: _, arg, over } = threshold;
    match input.pointer(arg).and_then(Value::as_f64) {
        Some(amount) if amount <= *over => None,
        Some(amount) => {
            let message = format!("`{arg}` is {amount}, which is over {over}");
            Some(Reason::new(Code::OverThreshold, message))
        }
        None => {
            let message = format!("`{arg}` is missing or no number, and is limited to {over}");
            Some(Reason::new(Code::ThresholdUnreadable, message))
        }
    }
}
