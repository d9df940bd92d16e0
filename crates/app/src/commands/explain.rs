//! `bakerst explain`: one call, every guardrail's word, and how long each took.

use std::time::{Duration, Instant};

use bakerst_gateway::follow_paths;
use bakerst_guard::{Facts, Step};
use bakerst_model::{
    AgentId, Clock, Code, ConversationId, Escaped, Limits, ToolCall, ToolName, Untrusted, Verdict,
};
use serde::Serialize;

use crate::cli::{Explain, Global};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};

pub(crate) fn run(explain: &Explain, global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    let policy = config.compile()?;
    let call =
        call_of(&explain.tool, explain.input.as_bytes(), explain.agent.as_deref(), &config.limits)?;
    let paths = follow_paths(policy.paths_to_resolve(&call));
    let facts = Facts { now: SystemClock.now(), paths, ..Facts::default() };
    let mut run = policy.start(&call, facts).offline();
    let (mut words, mut began) = (Vec::new(), Instant::now());
    while let Some(word) = run.hear() {
        words.push(Said {
            guardrail: word.guardrail.to_string(),
            verdict: word.verdict,
            code: word.reason.as_ref().map(|reason| reason.code.as_str()),
            reason: word.reason.as_ref().map(|reason| reason.message.to_string()),
            monitored: word.monitored,
            micros: micros(began.elapsed()),
        });
        began = Instant::now();
    }
    let (verdict, reason) = match run.step() {
        Step::Done(decision) => (decision.verdict, decision.reason.to_string()),
        Step::Need(_) => (Verdict::Ask, "a person would be asked".to_owned()),
    };
    let told = Explained { tool: explain.tool.clone(), verdict, reason, words };
    if global.json {
        print::json(&told);
    } else {
        told.print();
    }
    Ok(if verdict == Verdict::Allow { Exit::Ok } else { Exit::Refused })
}

/// A call from the command line or a file.
pub(crate) fn call_of(
    tool: &str,
    input: &[u8],
    agent: Option<&str>,
    limits: &Limits,
) -> Result<ToolCall, Failure> {
    let bad = |code, why: String| Failure::usage(code, why);
    let input = bakerst_model::json::parse(input, limits.body_bytes_max, limits.json_depth_max)
        .map_err(|e| bad(Code::BodyNotJson, format!("the input is not usable JSON: {e}")))?;
    Ok(ToolCall {
        conversation: ConversationId::parse("command-line")
            .map_err(|e| bad(Code::BadField, e.to_string()))?,
        user: None,
        agent: agent
            .map_or(Ok(AgentId::unnamed()), AgentId::parse)
            .map_err(|e| bad(Code::BadField, e.to_string()))?,
        tool: ToolName::parse(tool).map_err(|e| bad(Code::BadField, e.to_string()))?,
        input: Untrusted::new(input),
        prompt: None,
    })
}

fn micros(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1e7).round() / 10.0
}

#[derive(Serialize)]
struct Explained {
    tool: String,
    verdict: Verdict,
    reason: String,
    words: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    guardrail: String,
    verdict: Verdict,
    code: Option<&'static str>,
    reason: Option<String>,
    monitored: bool,
    micros: f64,
}

impl Explained {
    fn print(&self) {
        let style = Style::for_stdout();
        print::line(format!("call {}", Escaped(&self.tool)));
        for Said { guardrail, verdict, code, reason, monitored, micros } in &self.words {
            let why = reason.as_deref().unwrap_or("nothing against it");
            let code = code.map(|code| format!("{code} ")).unwrap_or_default();
            let aside = if *monitored { style.dim(" (only monitored)") } else { String::new() };
            let verdict = style.verdict(&format!("{:5}", verdict.as_str()));
            print::line(format!("  {guardrail:20} {verdict} {micros:8.1} µs  {code}{why}{aside}"));
        }
        print::line(format!("verdict {}: {}", style.verdict(self.verdict.as_str()), self.reason));
    }
}
