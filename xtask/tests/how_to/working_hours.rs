//! Money is sent in working hours; at other times a person is asked.

use std::sync::Arc;

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Check, Guardrail, Subject, Undecided};
use bakerst_model::Code;
use serde::Deserialize;

/// Which tools, and between which hours of the day in UTC.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    tools: Vec<String>,
    from: u64,
    until: u64,
}

struct WorkingHours(Config);

impl Guardrail for WorkingHours {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let Self(Config { tools, from, until }) = self;
        let tool = subject.call.tool.as_str();
        let hour = subject.facts.now.0 / 3_600_000 % 24;
        if !tools.iter().any(|listed| listed == tool) || (*from..*until).contains(&hour) {
            return Ok(Check::Approve);
        }
        Ok(Check::escalate(format!("`{tool}` is for {from} to {until} o'clock, and it is {hour}")))
    }
}

/// Makes one from its `config`. What is wrong is reported with line and column.
pub(crate) fn make(config: &Node) -> Result<Arc<dyn Guardrail>, Fault> {
    let config: Config = config.read()?;
    if config.from >= config.until || config.until > 24 {
        let message = "`from` must be before `until`, and `until` at most 24";
        return Err(Fault::new(Code::ConfigValue, message));
    }
    Ok(Arc::new(WorkingHours(config)))
}
