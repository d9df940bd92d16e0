//! What a policy may say, what it says of itself, and how a run goes on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Answer, Facts, Mode, Policy, PolicySource, Registry, Step};
use bakerst_model::{
    AgentId, ApprovalId, Code, ConversationId, Limits, Reason, ToolCall, ToolName, Untrusted,
    Verdict,
};
use serde_json::{Value, json};

fn policy(text: &str) -> Result<Policy, Fault> {
    let (node, limits) = (Node::parse_yaml(text, 1 << 20)?, Limits::default());
    let source = PolicySource::read(
        node.get("guardrails"),
        node.get("tools"),
        &Registry::default(),
        &limits,
    )?;
    Policy::compile(source, limits)
}

fn call(tool: &str, input: Value) -> ToolCall {
    ToolCall {
        conversation: ConversationId::parse("c-1").unwrap(),
        user: None,
        agent: AgentId::unnamed(),
        tool: ToolName::parse(tool).unwrap(),
        input: Untrusted::new(input),
        prompt: None,
    }
}

/// The verdict, and the codes of all words that were not in favour.
fn judged(policy: &Policy, tool: &str, input: Value) -> String {
    let call = call(tool, input);
    let mut run = policy.start(&call, Facts::default());
    let (verdict, trail) = match run.step() {
        Step::Done(decision) if decision.trail.is_empty() => return decision.reason.to_string(),
        Step::Done(decision) => (decision.verdict, decision.trail),
        Step::Need(_) => (Verdict::Ask, run.trail().to_vec()),
    };
    let codes = trail.iter().filter_map(|word| {
        let code = word.reason.as_ref()?.code;
        Some(if word.monitored { format!(" ({code})") } else { format!(" {code}") })
    });
    format!("{verdict}{}", codes.collect::<String>())
}

#[track_caller]
fn check_fault(text: &str, want: &str) {
    let fault = policy(text).err().map(|fault| fault.to_string());
    assert_eq!(fault.as_deref(), Some(want));
}

/// The chain of the hooks' own documentation, as it stands there.
const DOCUMENTED: &str = include_str!("tables/documented.yaml");

#[test]
fn the_built_in_policy_agrees_with_its_examples_and_asks_before_it_destroys() {
    let policy = Policy::built_in().unwrap();
    assert_eq!(judged(&policy, "timezone_lookup", json!({"city": "Tokyo"})), "allow");
    for tool in ["filesystem_delete", "restart_deployment"] {
        let input = json!({"path": "x", "name": "y"});
        let input = match tool {
            "filesystem_delete" => json!({"path": input["path"]}),
            _ => json!({"name": input["name"]}),
        };
        assert_eq!(judged(&policy, tool, input), "ask GRD-031 GRD-040");
    }
    assert_eq!(policy.warnings(), Vec::<String>::new());
}

#[test]
fn a_schema_that_would_not_be_understood_is_refused() {
    let text = |schema: &str| {
        format!(
            "guardrails: {{chain: [{{name: schema-validation}}]}}\ntools: {{t: {{risk: read, schema: {schema}}}}}"
        )
    };
    check_fault(
        &text(r#"{"$schema": "http://json-schema.org/draft-04/schema#"}"#),
        "line 2, column 12: CFG-004 the schema of `t` cannot be used: `$schema` is `http://json-schema.org/draft-04/schema#`, expected 2020-12 or draft-07",
    );
    for outside in ["https://evil.example/s.json", "file:///etc/passwd", "other.json#/x"] {
        let fault = policy(&text(&format!(r#"{{"$ref": "{outside}"}}"#))).err().unwrap();
        assert!(fault.message.contains("points outside the schema"), "{fault}");
    }
}

#[test]
fn only_the_worlds_answer_ends_an_ask() {
    let policy = policy(DOCUMENTED).unwrap();
    let (command, id) = (call("command_execute", json!({"command": "df"})), ApprovalId(7));
    let resumed = |answer| {
        let mut run = policy.start(&command, Facts::default());
        assert!(matches!(run.step(), Step::Need(_)));
        run.resume(answer)
    };
    let granted = resumed(Answer::Granted(id));
    assert_eq!(
        (granted.verdict, granted.approval, granted.trail.len()),
        (Verdict::Allow, Some(id), 4)
    );
    let waiting = resumed(Answer::Waiting(id));
    assert_eq!((waiting.verdict, waiting.reason.code), (Verdict::Ask, Code::FlaggedTool));
    let refused = resumed(Answer::Refused(Some(id), Reason::from(Code::ApprovalDenied)));
    assert_eq!((refused.verdict, refused.reason.code), (Verdict::Deny, Code::ApprovalDenied));
}

#[test]
fn no_answer_turns_a_denial_into_anything_else() {
    let policy = policy(DOCUMENTED).unwrap();
    let unknown = call("unheard_of", json!({}));
    let mut run = policy.start(&unknown, Facts::default());
    while run.hear().is_some() {}
    assert_eq!(run.resume(Answer::Granted(ApprovalId(1))).verdict, Verdict::Deny);
}

#[test]
fn what_a_policy_may_not_say_is_refused_where_it_says_it() {
    let chain = |entry: &str| format!("guardrails:\n  chain:\n    - {entry}\n");
    check_fault(
        &chain("{name: promt-injection}"),
        "line 3, column 14: CFG-003 unknown guardrail `promt-injection` (did you mean `prompt-injection`?)",
    );
    check_fault(
        &chain("{name: authorization}"),
        "CFG-004 `authorization` is in the chain, but there is no section `authorization`",
    );
    check_fault(
        &chain("{name: own, kind: rego}"),
        "line 3, column 14: CFG-004 there is no policy in it: expected `policy`, `file` or `files`",
    );
    check_fault(
        &chain("{name: own, kind: http}"),
        "line 3, column 14: CFG-005 guardrails of this `kind` is not built yet (leave it out: it would not be enforced)",
    );
    check_fault(
        &chain("{name: prompt-injection, config: {sensitivty: high}}"),
        "line 3, column 41: CFG-003 unknown field `sensitivty` (did you mean `sensitivity`?)",
    );
    check_fault(
        &chain("{name: prompt-injection, mode: off}"),
        "line 3, column 38: CFG-004 unknown value `off` (expected one of: enforce, monitor)",
    );
    check_fault(
        &chain("{name: prompt-injection, enabeld: false}"),
        "line 3, column 32: CFG-003 unknown field `enabeld` (did you mean `enabled`?)",
    );
    check_fault(
        &chain("{name: destructive-gate, config: {flagged_patterns: [{regex: '('}]}}"),
        "line 3, column 59: CFG-004 `(` is not a usable regular expression: unclosed group",
    );
    check_fault(
        "guardrails:\n  chain:\n    - {name: tool-policy}\n    - {name: tool-policy}\n",
        "line 4, column 7: CFG-004 the guardrail `tool-policy` is in the chain twice",
    );
    let many = "x, ".repeat(1001);
    check_fault(
        &chain(&format!("{{name: destructive-gate, config: {{flagged_patterns: [{many}]}}}}")),
        "line 3, column 7: CFG-004 1001 patterns are more than `patterns_max` allows (1000)",
    );
    check_fault(
        "guardrails: {chain: []}\ntools: {t: {risk: reed}}",
        "line 2, column 19: CFG-004 unknown value `reed` (did you mean `read`?)",
    );
}

#[test]
fn a_policy_that_contradicts_its_examples_does_not_load() {
    let text = |list: &str| {
        format!(
            "guardrails: {{chain: [{{name: human-approval}}], {list}}}\ntools: {{t: {{risk: read}}}}"
        )
    };
    assert!(policy(&text("must_allow: [{tool: t}], must_deny: [{tool: u}]")).is_ok());
    check_fault(
        &text("must_deny: [{tool: u}, {tool: t}]"),
        "CFG-006 `must_deny`, example 2: `t` gets allow, not deny GRD-000 the call is allowed",
    );
    check_fault(
        &text("must_ask: [{tool: t}]"),
        "CFG-006 `must_ask`, example 1: `t` gets allow, not ask GRD-000 the call is allowed",
    );
}

#[test]
fn the_fingerprint_covers_every_setting_and_no_spelling() {
    let digest = |text: &str| policy(text).unwrap().digest();
    let plain = "guardrails: {chain: [{name: prompt-injection}]}";
    let spelt = "guardrails:\n  chain:\n  - name: prompt-injection\n    enabled: true\n    mode: enforce\n    config: {sensitivity: medium}\n";
    assert_eq!(digest(plain), digest(spelt));
    assert_ne!(digest(plain), digest(&spelt.replace("medium", "low")));
}

#[test]
fn what_is_less_guarded_than_usual_is_said() {
    let text = "guardrails: {chain: [{name: prompt-injection, mode: monitor}, {name: tool-policy, enabled: false}]}";
    let said = policy(text).unwrap().warnings();
    assert_eq!(
        said,
        [
            "no guardrail enforces anything",
            "`prompt-injection` only monitors",
            "`tool-policy` is switched off",
            "`human-approval` is not in force: what would be asked is denied",
            "`output-sanitization` is not in force: outputs pass as they are",
        ]
    );
}

#[test]
fn modes_order_nothing_but_verdicts_do() {
    assert!(Verdict::Allow < Verdict::Ask && Verdict::Ask < Verdict::Deny);
    assert_eq!(Mode::default(), Mode::Enforce);
}
