//! What one decision of the built-in chain costs, from the bytes of the input to the verdict.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what cannot be set up cannot be measured")]

use std::sync::Arc;

use bakerst_guard::document::Node;
use bakerst_guard::flow::{Conversation, FlowKey};
use bakerst_guard::{Check, Decision, Facts, Guardrail, Passthrough, Policy, PolicySource};
use bakerst_guard::{Registry, Step, Subject, Undecided};
use bakerst_model::{AgentId, ConversationId, Limits, ToolCall, ToolName, Untrusted};
use divan::{AllocProfiler, Bencher, black_box};
use serde_json::{Value, json};

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// An input of about `bytes` bytes: one argument in prose, so that every detector has to read it.
fn input(bytes: usize) -> String {
    let prose = "The harbour master logged three arrivals before noon and noted the wind. ";
    let text: String = prose.chars().cycle().take(bytes - 12).collect();
    format!("{{\"city\":\"{text}\"}}")
}

fn call(input: &str) -> ToolCall {
    let limits = Limits::default();
    let value =
        bakerst_model::json::parse(input.as_bytes(), limits.body_bytes_max, limits.json_depth_max);
    ToolCall {
        conversation: ConversationId::parse("conversation-1").unwrap(),
        user: None,
        agent: AgentId::unnamed(),
        tool: ToolName::parse("timezone_lookup").unwrap(),
        input: Untrusted::new(value.unwrap()),
        prompt: None,
    }
}

/// What makes the built-in policy one without the trained model.
const PHRASES_ONLY: [&str; 2] =
    ["{ sensitivity: medium }", "{ sensitivity: medium, model: false }"];

/// The built-in policy, with a schema that leaves room for long arguments.
fn policy() -> Policy {
    policy_of(&["", ""])
}

fn policy_of([replaced, by]: &[&str; 2]) -> Policy {
    let text = PolicySource::default_text().replace("maxLength: 200 ", "maxLength: 10000 ");
    let text = if replaced.is_empty() { text } else { text.replace(replaced, by) };
    compile(&text, &Registry::default())
}

fn compile(text: &str, registry: &Registry) -> Policy {
    let (node, limits) = (Node::parse_yaml(text, 1 << 20).unwrap(), Limits::default());
    let (guardrails, tools) = (node.get("guardrails"), node.get("tools"));
    let source = PolicySource::read(guardrails, tools, registry, &limits).unwrap();
    Policy::compile(source, limits).unwrap()
}

fn decide(policy: &Policy, call: &ToolCall) -> Decision {
    match policy.start(call, Facts::default()).step() {
        Step::Done(decision) => decision,
        Step::Need(_) => panic!("the benched call needs nobody"),
    }
}

#[divan::bench(args = [200, 4096])]
fn parse_and_decide(bencher: Bencher<'_, '_>, bytes: usize) {
    let (policy, input) = (policy(), input(bytes));
    bencher.bench_local(|| decide(&policy, &call(black_box(&input))));
}

/// The same without the trained model.
#[divan::bench(args = [200, 4096])]
fn parse_and_decide_by_phrases(bencher: Bencher<'_, '_>, bytes: usize) {
    let (policy, input) = (policy_of(&PHRASES_ONLY), input(bytes));
    bencher.bench_local(|| decide(&policy, &call(black_box(&input))));
}

#[divan::bench(args = [200, 4096])]
fn decide_only(bencher: Bencher<'_, '_>, bytes: usize) {
    let (policy, call) = (policy(), call(&input(bytes)));
    bencher.bench_local(|| decide(&policy, black_box(&call)));
}

/// The allocations printed here must not grow with the chain.
#[divan::bench(args = [1, 32])]
fn by_chain_length(bencher: Bencher<'_, '_>, length: usize) {
    let rails: String = (0..length).map(|i| format!("{{name: r{i}, kind: rust}},")).collect();
    let registry = (0..length).fold(Registry::default(), |registry, i| {
        registry.with(String::leak(format!("r{i}")), |_| Ok(Arc::new(Approves)))
    });
    let policy = compile(&format!("guardrails: {{chain: [{rails}]}}"), &registry);
    let call = call(&input(200));
    bencher.bench_local(|| decide(&policy, black_box(&call)));
}

struct Approves;

impl Guardrail for Approves {
    fn check(&self, _: &Subject<'_>) -> Result<Check, Undecided> {
        Ok(Check::Approve)
    }
}

/// What a short call costs around the chain: where its values come from, and what it brought back.
#[divan::bench(args = ["trace", "hear", "hear_new", "instructions", "sanitise"])]
fn short_call(bencher: Bencher<'_, '_>, step: &str) {
    let (policy, call) = (policy(), call(&input(200)));
    let answer = |text: &str| json!({ "content": [{ "type": "text", "text": text }] });
    let output = answer("Tokyo is at UTC+9 all year round and knows no summer time.");
    let mut heard = Conversation::new(FlowKey::new([7; 16]));
    let labels = policy.labels(&call.tool);
    let hear = |heard: &mut Conversation, output: &Value| {
        heard.hear_output(&call.tool, labels, call.input.expose(), output, None);
    };
    hear(&mut heard, &output);
    heard.take_changes();
    match step {
        "trace" => bencher.bench_local(|| heard.trace(black_box(call.input.expose()))),
        "hear" => bencher.bench_local(|| hear(&mut heard, black_box(&output))),
        "hear_new" => {
            let mut number = 0_u32;
            let next = || {
                number += 1;
                answer(&format!("It is {number} past noon in Tokyo, and no summer time."))
            };
            bencher.with_inputs(next).bench_local_refs(|output| hear(&mut heard, output));
        }
        "instructions" => bencher.bench_local(|| policy.instructions_in(black_box(&output))),
        _ => bencher
            .with_inputs(|| output.clone())
            .bench_local_values(|output| policy.sanitize(&call.tool, output, None)),
    }
}

#[divan::bench]
fn consumer_mode(bencher: Bencher<'_, '_>) {
    let call = call(&input(200));
    bencher.bench_local(|| Passthrough.before(black_box(&call)));
}
