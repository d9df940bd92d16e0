//! A request body as an agent may send it: read as the hook door reads it, judged by the built-in
//! chain, put into an event, and sanitised.
#![forbid(unsafe_code)]
#![no_main]

use std::sync::LazyLock;

use bakerst_gateway::hook::{read_after, read_audit, read_before};
use bakerst_guard::{Facts, Outcome, Policy, Step};
use bakerst_model::{
    Accountable as _, Actor, AgentId, Limits, Principal, Role, ToolCall, ToolName, Verdict, json,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::built_in().expect("it compiles"));
static LIMITS: LazyLock<Limits> = LazyLock::new(Limits::default);

fuzz_target!(|body: &[u8]| {
    let before = read_before(body, &LIMITS);
    let after = read_after(body, &LIMITS);
    let audit = read_audit(body, &LIMITS);
    let Ok(value) = json::parse(body, LIMITS.body_bytes_max, LIMITS.json_depth_max) else {
        let refused = before.is_err() && after.is_err() && audit.is_err();
        assert!(refused, "a door reads what is no strict JSON");
        return;
    };
    // What is accepted is what every other reader reads, and stays so when it is written again.
    assert_eq!(serde_json::from_slice::<Value>(body).ok().as_ref(), Some(&value));
    let again = json::parse(value.to_string().as_bytes(), usize::MAX, LIMITS.json_depth_max);
    assert_eq!(again.as_ref(), Ok(&value));
    if let Ok(before) = before
        && let Ok(call) = before.call.made_by(&agent())
    {
        judge(call);
    }
    if let Ok(after) = after {
        sanitize(after.result.into_inner());
    }
    sanitize(value);
});

fn agent() -> Principal {
    let bound = AgentId::parse("watson").expect("a plain word");
    Principal { name: "fuzz".into(), roles: [Role::Agent].into(), agent: Some(bound) }
}

fn sanitize(value: Value) {
    let tool = ToolName::parse("timezone_lookup").expect("a plain word");
    let clean = POLICY.sanitize(&tool, value.clone(), None);
    assert_eq!(clean.findings.is_empty(), clean.value == value, "changed, or not, without a word");
}

fn judge(call: ToolCall) {
    assert_eq!(call.agent.as_str(), "watson", "a bound token speaks for its agent alone");
    let mut run = POLICY.start(&call, Facts::default());
    match run.step() {
        Step::Need(_) => assert_eq!(run.verdict(), Verdict::Ask),
        Step::Done(decision) => {
            assert_eq!(decision.verdict, POLICY.verdict(&call, Facts::default()));
            let settled = POLICY.settle(call, decision, Actor::system());
            let event = match settled.expect("every decision can be put into an event") {
                Outcome::Permitted(permit) => permit.account(),
                Outcome::Asked(asked) => asked.account(),
                Outcome::Refused(refusal) => refusal.account(),
            };
            assert!(!event.detail.as_json().contains('\n'), "a record is one line");
        }
    }
}
