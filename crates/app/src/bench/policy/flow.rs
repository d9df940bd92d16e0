//! Flow control in a conversation that has heard a great deal.

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bakerst_guard::document::Node;
use bakerst_guard::flow::{Conversation, FlowKey};
use bakerst_guard::{Facts, Policy, PolicySource, Registry, Step};
use bakerst_model::{Limits, ToolCall};
use serde_json::Value;

use super::Figure;
use crate::commands::explain::call_of;
use crate::failure::Failure;

const OUTPUTS: u64 = 10_000;
const OUTPUT_BYTES: usize = 4096;
const PROMPT: &str =
    "Answer the mail of ann@example.org and pay the bill that she sent, but no more than 120";

/// Flow control by itself, so that nothing else is measured with it.
const POLICY: &str = "
guardrails:
  chain:
    - { name: tool-policy, enabled: false }
    - name: flow-control
    - name: human-approval
tools:
  read_mail: { risk: read, reads: [private, untrusted] }
  list_contacts: { risk: read, reads: private }
  send_mail: { risk: sensitive, sends: external }
";

const CALL: &str = r#"{"recipients":["ann@example.org","harbour.master@port.example"],
    "subject":"Your bill of the third of May","body":"Dear Ann, I have paid what you asked for. The receipt is at https://bank.example/receipts/2291 if you need it.",
    "account":"GB29NWBK60161331926819"}"#;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let rounds = if full { 50_000 } else { 5_000 };
    let policy = policy()?;
    let limits = Limits::default();
    let call = call_of("send_mail", CALL.as_bytes(), None, &limits)?;
    let mail = call_of("read_mail", b"{}", None, &limits)?;
    let contacts = call_of("list_contacts", b"{}", None, &limits)?;
    let mut conversation = Conversation::new(FlowKey::new(*b"a bench's own ke"));
    conversation.hear_prompt(PROMPT);
    let (empty, _) = times(rounds, || decide(&policy, &conversation, &call));
    let mut hearing = Vec::new();
    for number in 0..OUTPUTS {
        let from = if number % 20 == 0 { &contacts } else { &mail };
        let output = Value::from(output(number));
        let began = Instant::now();
        policy.hear_output(&mut conversation, from, &output);
        black_box(conversation.take_changes());
        hearing.push(began.elapsed().as_secs_f64() * 1e6);
    }
    hearing.sort_by(f64::total_cmp);
    let hear = hearing.get(hearing.len() / 2).copied().unwrap_or_default();
    let (p50, p99) = times(rounds, || decide(&policy, &conversation, &call));
    Ok(vec![
        Figure::new("flow.10k.p50_us", p50, "us"),
        Figure::new("flow.10k.p99_us", p99, "us"),
        Figure::new("flow.10k.state_mb", mebibytes(conversation.bytes()), "MiB"),
        Figure::new("flow.empty.p50_us", empty, "us"),
        Figure::new("flow.hear_4k.p50_us", hear, "us"),
    ])
}

fn policy() -> Result<Policy, Failure> {
    let limits = Limits::default();
    let compiled = Node::parse_yaml(POLICY, limits.config_bytes_max).and_then(|node| {
        let (guardrails, tools) = (node.get("guardrails"), node.get("tools"));
        let source = PolicySource::read(guardrails, tools, &Registry::default(), &limits)?;
        Policy::compile(source, limits.clone())
    });
    compiled.map_err(|fault| Failure::usage(fault.code, fault.message))
}

fn decide(policy: &Policy, conversation: &Conversation, call: &ToolCall) -> bool {
    let flow = Some(Arc::new(conversation.trace(black_box(call).input.expose())));
    matches!(policy.start(call, Facts { flow, ..Facts::default() }).step(), Step::Need(_))
}

/// A mail as there are many: prose that repeats, and names, addresses and numbers that do not.
fn output(number: u64) -> String {
    let mut text = String::with_capacity(OUTPUT_BYTES + 128);
    let mut state = number;
    while text.len() < OUTPUT_BYTES {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let _ = write!(
            text,
            "The harbour master logged three arrivals before noon. From {:x}@{:x}.example, invoice {}: ",
            state >> 40,
            state >> 20 & 0xff_ffff,
            state >> 44,
        );
    }
    text.truncate(OUTPUT_BYTES);
    text
}

/// Median and 99th percentile, in microseconds.
fn times(rounds: usize, mut round: impl FnMut() -> bool) -> (f64, f64) {
    let mut micros: Vec<f64> = (0..rounds)
        .map(|_| {
            let began = Instant::now();
            black_box(round());
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    micros.sort_by(f64::total_cmp);
    let at = |share: usize| micros.get(rounds * share / 100).copied().unwrap_or_default();
    (at(50), at(99))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn mebibytes(bytes: usize) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
