//! One decision in process: from the bytes of a tool's input to the verdict.

use std::hint::black_box;
use std::time::Instant;

use bakerst_guard::document::Node;
use bakerst_guard::{Facts, Passthrough, Policy, PolicySource, Registry, Step};
use bakerst_model::{Limits, ToolCall};

use super::Figure;
use crate::commands::explain::call_of;
use crate::failure::Failure;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let rounds = if full { 200_000 } else { 20_000 };
    let policy = built_in_with_room("{ sensitivity: medium }")?;
    let phrases = built_in_with_room("{ sensitivity: medium, model: false }")?;
    let limits = Limits::default();
    let (short, long) = (input(200), input(4096));
    let call = |input: &str| call_of("timezone_lookup", input.as_bytes(), None, &limits);
    let (short_p50, short_p99) = times(rounds, || decide(&policy, &call(black_box(&short))));
    let (long_p50, long_p99) = times(rounds, || decide(&policy, &call(black_box(&long))));
    let (short_phrases, _) = times(rounds, || decide(&phrases, &call(black_box(&short))));
    let (long_phrases, _) = times(rounds, || decide(&phrases, &call(black_box(&long))));
    let (short_read, _) = times(rounds, || call(black_box(&short)).is_ok());
    let (long_read, _) = times(rounds, || call(black_box(&long)).is_ok());
    let once = call(&short)?;
    Ok(vec![
        Figure::new("chain.200b.p50_ns", short_p50, "ns"),
        Figure::new("chain.200b.p99_ns", short_p99, "ns"),
        Figure::new("chain.200b.phrases_p50_ns", short_phrases, "ns"),
        Figure::new("chain.200b.read_p50_ns", short_read, "ns"),
        Figure::new("chain.4k.p50_ns", long_p50, "ns"),
        Figure::new("chain.4k.p99_ns", long_p99, "ns"),
        Figure::new("chain.4k.phrases_p50_ns", long_phrases, "ns"),
        Figure::new("chain.4k.read_p50_ns", long_read, "ns"),
        Figure::new("chain.off.p50_ns", off(&once), "ns"),
    ])
}

/// The built-in policy with these settings of `prompt-injection`, and a schema that leaves room for
/// long arguments.
fn built_in_with_room(injection: &str) -> Result<Policy, Failure> {
    let text = PolicySource::default_text().replace("maxLength: 200 ", "maxLength: 10000 ");
    let text = text.replace("{ sensitivity: medium }", injection);
    let limits = Limits::default();
    let compiled = Node::parse_yaml(&text, limits.config_bytes_max).and_then(|node| {
        let (guardrails, tools) = (node.get("guardrails"), node.get("tools"));
        let source = PolicySource::read(guardrails, tools, &Registry::default(), &limits)?;
        Policy::compile(source, limits.clone())
    });
    compiled.map_err(|fault| Failure::usage(fault.code, fault.message))
}

/// An input of `bytes` bytes: one argument in prose, so that every detector has to read it.
pub(super) fn input(bytes: usize) -> String {
    let prose = "The harbour master logged three arrivals before noon and noted the wind. ";
    let text: String = prose.chars().cycle().take(bytes.saturating_sub(11)).collect();
    format!("{{\"city\":\"{text}\"}}")
}

fn decide(policy: &Policy, call: &Result<ToolCall, Failure>) -> bool {
    let Ok(call) = call else { return false };
    matches!(policy.start(call, Facts::default()).step(), Step::Done(_))
}

/// Median and 99th percentile of one round, in nanoseconds.
fn times<T>(rounds: usize, mut round: impl FnMut() -> T) -> (f64, f64) {
    let mut nanos: Vec<u64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            black_box(round());
            u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
        })
        .collect();
    nanos.sort_unstable();
    let at = |share: usize| nanos.get(rounds * share / 100).copied().unwrap_or_default();
    (as_f64(at(50)), as_f64(at(99)))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn as_f64(nanos: u64) -> f64 {
    nanos as f64
}

/// Consumer mode is too fast for a clock: the median of batches, divided by their size.
fn off(call: &ToolCall) -> f64 {
    const BATCH: u32 = 1000;
    let hooks = Passthrough;
    let batch = || {
        (0..BATCH).for_each(|_| {
            let _ = black_box(hooks.before(black_box(call)));
        });
    };
    times(1000, batch).0 / f64::from(BATCH)
}
