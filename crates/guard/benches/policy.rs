//! What agents, rules for arguments and pins cost.

#![expect(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_guard::args::{ArgRules, ResolvedPaths};
use bakerst_guard::document::Node;
use bakerst_guard::pins::{Listing, Lock, Screen, Wording};
use bakerst_guard::{Facts, Policy, PolicySource, Registry, Sections};
use bakerst_model::{
    AgentId, ConversationId, Limits, Reached, ServerIdentity, ToolCall, ToolName, Untrusted,
};
use divan::{Bencher, black_box};
use serde_json::{Value, json};

fn main() {
    divan::main();
}

/// One rule on one value.
#[divan::bench(args = [
    ("under:/workspace", "/workspace/src/../src/lib.rs"),
    ("host:*.example.com", "https://api.example.com/v1/items?page=2"),
    ("host:*.example.com", "https://bücher.example.com/"),
    ("<=100", "number"),
])]
fn one_rule(bencher: Bencher<'_, '_>, (rule, text): (&str, &str)) {
    let rules: ArgRules = serde_json::from_value(json!({ "/a": rule })).unwrap();
    let value = if text == "number" { json!(99) } else { json!(text) };
    let (input, resolved) = (json!({ "a": value }), ResolvedPaths::default());
    bencher.bench(|| rules.broken(black_box(&input), &resolved).count());
}

/// `tool-policy` alone, with many agents of which the last pattern matches.
#[divan::bench(args = [1, 1000])]
fn an_agent_among(bencher: Bencher<'_, '_>, agents: usize) {
    let agents: String =
        (0..agents).map(|n| format!("  team{n:04}-*: {{tools: [read_*]}}\n")).collect();
    let text = format!(
        "guardrails: {{chain: []}}\ntools: {{read_file: {{risk: read, args: {{/p: 'under:/w'}}}}}}\nagents:\n{agents}"
    );
    let (node, limits) = (Node::parse_yaml(&text, 1 << 20).unwrap(), Limits::default());
    let sections = Sections::of(&node);
    let source = PolicySource::read_sections(&sections, &Registry::default(), &limits).unwrap();
    let policy = Policy::compile(source, limits).unwrap();
    let call = ToolCall {
        conversation: ConversationId::parse("c").unwrap(),
        user: None,
        agent: AgentId::parse("team0000-7").unwrap(),
        tool: ToolName::parse("read_file").unwrap(),
        input: Untrusted::new(json!({"p": "/w/a/b"})),
        prompt: None,
    };
    bencher.bench(|| policy.verdict(black_box(&call), Facts::default()));
}

fn tools(count: usize) -> Value {
    let tool = |n: usize| {
        json!({"name": format!("tool_{n}"), "description": format!("Does thing number {n}, and nothing else."),
            "inputSchema": {"type": "object", "properties": {"path": {"type": "string", "description": "Where"}}}})
    };
    (0..count).map(tool).collect()
}

fn locked(count: usize) -> (Lock, Listing, Detector, ServerIdentity) {
    let detector = Detector::new(Sensitivity::Medium, &[]).unwrap();
    let server = ServerIdentity { name: "s".into(), reached: Reached::Unknown };
    let listing = Listing::read(tools(count), &Limits::default()).unwrap();
    let screen = Screen { lock: &Lock::default(), wording: Wording::Deny, detector: &detector };
    let (lock, _) = screen.pin(Some(&server), &listing, &[]);
    (lock, listing, detector, server)
}

/// A list as it was approved, held against its lock.
#[divan::bench(args = [100, 10_000], sample_count = 10)]
fn a_list_against_its_lock(bencher: Bencher<'_, '_>, count: usize) {
    let (lock, listing, detector, server) = locked(count);
    let screen = Screen { lock: &lock, wording: Wording::Deny, detector: &detector };
    bencher.bench_local(|| screen.judge(Some(&server), &listing).len());
}

/// A list that is read, its schemas compiled.
#[divan::bench(args = [100, 10_000], sample_count = 5)]
fn a_list_read(bencher: Bencher<'_, '_>, count: usize) {
    let limits = Limits::default();
    bencher
        .with_inputs(|| tools(count))
        .bench_local_values(|list| Listing::read(list, &limits).unwrap());
}

/// A lock that is read and checked.
#[divan::bench(args = [100, 10_000], sample_count = 5)]
fn a_lock_read(bencher: Bencher<'_, '_>, count: usize) {
    let (text, limits) = (locked(count).0.to_text(), Limits::default());
    bencher.bench_local(|| Lock::parse(&text, &limits).unwrap());
}
