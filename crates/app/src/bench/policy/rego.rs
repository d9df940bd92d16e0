//! One decision in Rego: four rules and a regular expression, beside the same chain without it.

use std::hint::black_box;
use std::time::Instant;

use bakerst_guard::document::Node;
use bakerst_guard::{Facts, Policy, PolicySource, Registry, Sections, Step};
use bakerst_model::{Limits, ToolCall};

use crate::bench::Figure;
use crate::commands::explain::call_of;
use crate::failure::Failure;

const POLICY: &str = r#"
guardrails: { chain: [] }
tools: { send_message: { risk: write } }
authorization:
  rego: |
    package bakerst.authz
    default allow := false
    allow if { input.agent == "ops"; startswith(input.args.path, "/workspace/") }
    deny contains msg if {
        regex.match(`(?i)\bpassword\b`, input.args.text)
        msg := sprintf("%s would send a password", [input.agent])
    }
    ask contains "over a hundred" if input.args.amount > 100
"#;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let limits = Limits::default();
    let rounds = if full { 200_000 } else { 20_000 };
    let text =
        "The harbour master logged three arrivals before noon and noted the wind. ".repeat(2);
    let input = format!("{{\"path\":\"/workspace/notes.md\",\"amount\":3,\"text\":\"{text}\"}}");
    let call = call_of("send_message", input.as_bytes(), Some("ops"), &limits)?;
    let with = policy(POLICY)?;
    let without = policy(POLICY.split("authorization:").next().unwrap_or_default())?;
    Ok(vec![
        Figure::new("rego.p50_us", median(&with, &call, rounds), "µs"),
        Figure::new("rego.without_p50_us", median(&without, &call, rounds), "µs"),
    ])
}

pub(super) fn policy(text: &str) -> Result<Policy, Failure> {
    let limits = Limits::default();
    let compiled = Node::parse_yaml(text, limits.config_bytes_max).and_then(|node| {
        let sections = Sections::of(&node);
        let source = PolicySource::read_sections(&sections, &Registry::default(), &limits)?;
        Policy::compile(source, limits.clone())
    });
    compiled.map_err(|fault| Failure::usage(fault.code, fault.message))
}

/// Microseconds from the call to the decision.
fn median(policy: &Policy, call: &ToolCall, rounds: usize) -> f64 {
    let mut nanos: Vec<u64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            let step = policy.start(black_box(call), Facts::default()).step();
            black_box(matches!(step, Step::Done(_)));
            u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    nanos.sort_unstable();
    let middle = nanos.get(rounds / 2).copied().unwrap_or_default();
    u32::try_from(middle).map_or(f64::MAX, f64::from) / 1e3
}
