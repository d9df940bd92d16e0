//! A request body as an agent may send it: read strictly, judged by the built-in chain, recorded,
//! and sanitised as if it were a result.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use bakerst_guard::{Facts, Policy, Step};
use bakerst_model::{
    Accountable as _, Actor, AgentId, ConversationId, Limits, ToolCall, ToolName, Untrusted,
    Verdict, json,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::built_in().expect("it compiles"));

fuzz_target!(|body: &[u8]| {
    let limits = Limits::default();
    let Ok(value) = json::parse(body, limits.body_bytes_max, limits.json_depth_max) else {
        return;
    };
    // What is accepted is what every other reader reads, and stays so when it is written again.
    assert_eq!(serde_json::from_slice::<Value>(body).ok().as_ref(), Some(&value));
    let written = value.to_string();
    assert_eq!(
        json::parse(written.as_bytes(), usize::MAX, limits.json_depth_max).as_ref(),
        Ok(&value)
    );
    judge(&value);
    let clean = POLICY.sanitize(value.clone());
    assert_eq!(clean.findings.is_empty(), clean.value == value, "changed, or not, without a word");
});

fn judge(value: &Value) {
    let name = value.get("toolName").and_then(Value::as_str).unwrap_or("command_execute");
    let Ok(tool) = ToolName::parse(name) else { return };
    let call = ToolCall {
        conversation: ConversationId::parse("fuzz").expect("a plain word"),
        user: None,
        agent: AgentId::unnamed(),
        tool,
        input: Untrusted::new(value.get("toolInput").unwrap_or(value).clone()),
        prompt: None,
    };
    let mut run = POLICY.start(&call, Facts::default());
    match run.step() {
        Step::Need(_) => assert_eq!(run.verdict(), Verdict::Ask),
        Step::Done(decision) => {
            assert_eq!(decision.verdict, POLICY.verdict(&call, Facts::default()));
            let settled = POLICY.settle(call, decision, Actor::system());
            let event = match settled.expect("every decision can be put into an event") {
                bakerst_guard::Outcome::Permitted(permit) => permit.account(),
                bakerst_guard::Outcome::Asked(asked) => asked.account(),
                bakerst_guard::Outcome::Refused(refusal) => refusal.account(),
            };
            assert!(!event.detail.as_json().contains('\n'), "a record is one line");
        }
    }
}
