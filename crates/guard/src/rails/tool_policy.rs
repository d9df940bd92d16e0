//! Default deny: which tools there are, how risky they are, and where a person decides.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bakerst_detect::command::Programs;
use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{PolicySource, Risk, Threshold, ToolEntry};
use crate::{Check, CommandPlace, Guardrail, Subject, Undecided};

/// Nothing to set yet: the tools stand under `tools`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// The guardrail.
#[derive(Debug)]
pub struct ToolPolicy {
    tools: HashMap<Arc<str>, Tool>,
    allowlist: Option<Vec<String>>,
}

#[derive(Debug)]
struct Tool {
    asks: bool,
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
        Self { tools: tools.collect(), allowlist: source.guardrails.command_allowlist.clone() }
    }
}

impl Tool {
    fn new(entry: &ToolEntry, thresholds: Vec<Threshold>) -> Self {
        Self {
            asks: entry.requires_approval.unwrap_or(entry.risk == Risk::Destructive),
            thresholds,
            command: entry.command.clone(),
        }
    }
}

impl Guardrail for ToolPolicy {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let name = subject.call.tool.as_str();
        let Some(tool) = self.tools.get(name) else {
            let message = format!("the policy does not know the tool `{}`", Escaped(name));
            return Ok(Check::Reject(Reason::new(Code::UnknownTool, message)));
        };
        let input = subject.call.input.expose();
        let command = match (&tool.command, &self.allowlist) {
            (Some(place), Some(allowlist)) => {
                check_programs(&subject.command(place).programs, allowlist)
            }
            _ => Check::Approve,
        };
        if command != Check::Approve {
            return Ok(command);
        }
        if tool.asks {
            let message = format!("a person must approve the tool `{}`", Escaped(name));
            return Ok(Check::Escalate(Reason::new(Code::ApprovalRequired, message)));
        }
        let over = tool.thresholds.iter().find_map(|threshold| check_threshold(threshold, input));
        Ok(over.map_or(Check::Approve, Check::Escalate))
    }
}

/// Every program that the command would start must be on the list; where that cannot be told, a
/// person decides.
fn check_programs(programs: &Programs, allowlist: &[String]) -> Check {
    let programs = match programs {
        Programs::Known(programs) => programs,
        Programs::CannotTell(why) => {
            let message = format!("it cannot be told which programs the command would run: {why}");
            return Check::Escalate(Reason::new(Code::CommandUnreadable, message));
        }
    };
    match programs.iter().find(|program| !allowlist.contains(program)) {
        None => Check::Approve,
        Some(program) => {
            let message = format!("`{}` is not on the command allowlist", Escaped(program));
            Check::Reject(Reason::new(Code::CommandNotListed, message))
        }
    }
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
