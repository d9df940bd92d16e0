//! Rego through one door: a policy, a call, and what must come out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::sync::Arc;

use bakerst_guard::authorization::{Consulted, NoAnswer, Opinion, Rego, RegoTest};
use bakerst_guard::document::{Fault, Node};
use bakerst_guard::flow::FlowFacts;
use bakerst_guard::{Answer, Facts, Policy, PolicySource, Query, Registry, Sections, Step};
use bakerst_model::{
    AgentId, ApprovalId, Code, ConversationId, Limits, ToolCall, ToolName, UnixMillis, Untrusted,
    UserId, Verdict,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A chain in which authorization alone speaks.
const TOOLS: &str = "
guardrails: {chain: [{name: human-approval}]}
tools: {look: {risk: read}, note: {risk: write}, pay: {risk: sensitive}, wipe: {risk: destructive, requires_approval: false}}
";

fn source(text: &str, limits: &Limits) -> Result<PolicySource, Fault> {
    let node = Node::parse_yaml(text, 1 << 20)?;
    let sections = Sections::of(&node);
    let registry = Registry::default()
        .with_text(PathBuf::from("a.rego"), "package bakerst.authz\nimport data.lib\nallow if lib.looks(input.risk)")
        .with_text(PathBuf::from("lib.rego"), "package lib\nlooks(risk) if risk == \"read\"")
        .with_text(PathBuf::from("a_test.rego"), "package bakerst.authz_test\nimport data.bakerst.authz\ntest_look if authz.allow with input as {\"risk\": \"read\"}\ntest_wrong if authz.allow with input as {\"risk\": \"write\"}");
    PolicySource::read_sections(&sections, &registry, limits)
}

fn load(text: &str) -> Result<Policy, Fault> {
    let limits = Limits::default();
    Policy::compile(source(text, &limits)?, limits)
}

fn written(rego: &str) -> String {
    let rego: String = rego.lines().map(|line| format!("    {line}\n")).collect();
    format!("{TOOLS}authorization:\n  rego: |\n    package bakerst.authz\n{rego}")
}

fn call(tool: &str, input: Value) -> ToolCall {
    ToolCall {
        conversation: ConversationId::parse("c-1").unwrap(),
        user: Some(UserId::parse("ann").unwrap()),
        agent: AgentId::parse("bot").unwrap(),
        tool: ToolName::parse(tool).unwrap(),
        input: Untrusted::new(input),
        prompt: None,
    }
}

/// Saturday, 21 November 2026, 15:20 in UTC.
const NOW: UnixMillis = UnixMillis(1_795_274_400_000);

fn judged(policy: &Policy, tool: &str, input: Value) -> String {
    judged_with(policy, tool, input, None)
}

fn judged_with(policy: &Policy, tool: &str, input: Value, flow: Option<FlowFacts>) -> String {
    let call = call(tool, input);
    let facts = Facts { now: NOW, flow: flow.map(Arc::new), ..Facts::default() };
    let mut run = policy.start(&call, facts).offline();
    match run.step() {
        Step::Done(decision) => format!("{} {}", decision.verdict, decision.reason),
        Step::Need(_) => {
            let reason = run.trail().iter().find_map(|word| word.reason.clone()).unwrap();
            format!("ask {reason}")
        }
    }
}

#[track_caller]
fn check_fault(text: &str, want: &str) {
    assert_eq!(load(text).err().map(|fault| fault.to_string()).as_deref(), Some(want));
}

const ALLOWED: &str = "allow GRD-000 the call is allowed";
const NOT_ALLOWED: &str = "deny GRD-071 no rule of the authorization policy allows the call";

#[test]
fn a_policy_is_told_what_the_conversation_has_seen() {
    let rego = "
allow := true
deny contains \"private and untrusted\" if { input.conversation.private; input.conversation.untrusted }
ask contains \"instructions\" if input.conversation.tainted";
    let unfollowed = written(rego);
    let followed = unfollowed.replace("[{name:", "[{name: flow-control, mode: monitor}, {name:");
    let (unfollowed, followed) = (load(&unfollowed).unwrap(), load(&followed).unwrap());
    let says = |policy, private, untrusted, instructions: Option<&str>| {
        let instructions = instructions.and_then(|tool| ToolName::parse(tool).ok());
        let flow = FlowFacts { private, untrusted, instructions, ..FlowFacts::default() };
        judged_with(policy, "look", json!({}), Some(flow))
    };
    assert_eq!(says(&followed, false, true, None), ALLOWED);
    assert_eq!(says(&followed, true, true, None), "deny GRD-070 private and untrusted");
    assert_eq!(says(&followed, false, true, Some("look")), "ask GRD-072 instructions");
    // A call that stands by itself has seen nothing; where nobody follows, it may have seen anything.
    assert_eq!(judged(&followed, "look", json!({})), ALLOWED);
    assert_eq!(judged(&unfollowed, "look", json!({})), "deny GRD-070 private and untrusted");
    assert_eq!(says(&unfollowed, false, false, None), "deny GRD-070 private and untrusted");
}

#[test]
fn a_policy_may_be_spread_over_files_and_carries_its_tests() {
    let text = format!(
        "{TOOLS}authorization:\n  rego: {{ files: [a.rego, lib.rego], tests: [a_test.rego] }}\n"
    );
    let policy = load(&text).unwrap();
    assert_eq!(judged(&policy, "look", json!({})), ALLOWED);
    assert_eq!(judged(&policy, "pay", json!({})), NOT_ALLOWED);
    let source = source(&text, &Limits::default()).unwrap();
    let bakerst_guard::authorization::Engine::Rego(rego) = source.authorization.unwrap().engine
    else {
        panic!("it is in Rego");
    };
    let test = |name: &str, failed: Option<&str>| RegoTest {
        name: format!("bakerst.authz_test.{name}"),
        failed: failed.map(str::to_owned),
    };
    let want =
        [test("test_look", None), test("test_wrong", Some("it is undefined, expected true"))];
    assert_eq!(Rego::test(&rego).unwrap(), want);
    check_fault(
        &format!("{TOOLS}authorization:\n  rego: {{ file: other.rego }}\n"),
        "line 5, column 9: CFG-004 the file `other.rego` cannot be read here",
    );
}

#[test]
fn the_digest_covers_a_policys_text() {
    let digest = |rego: &str| load(&written(rego)).unwrap().digest();
    assert_eq!(digest("allow := true"), digest("allow := true"));
    assert_ne!(digest("allow := true"), digest("allow  := true"));
}

#[test]
fn both_syntaxes_are_read_and_the_newer_is_the_usual_one() {
    let old = "allow { input.risk == \"read\" }\ndeny[msg] { input.args.x; msg := \"x\" }";
    check_fault(
        &written(old),
        "CFG-010 `policy`, line 2, column 7: `if` keyword is required before rule body",
    );
    let old = old.lines().map(|line| format!("      {line}\n")).collect::<String>();
    let text = format!(
        "{TOOLS}authorization:\n  rego:\n    syntax: v0\n    policy: |\n      package bakerst.authz\n{old}"
    );
    let policy = load(&text).unwrap();
    assert_eq!(judged(&policy, "look", json!({})), ALLOWED);
    assert_eq!(judged(&policy, "look", json!({"x": 1})), "deny GRD-070 x");
}

#[test]
fn functions_that_call_themselves_are_refused() {
    check_fault(
        &written("allow if f(1)\nf(x) if g(x)\ng(x) if f(x + 1)"),
        "CFG-010 `policy`, line 3, column 1: the function `bakerst.authz.f` calls itself, and may never end",
    );
}

#[test]
fn brackets_that_would_take_for_ever_to_read_are_refused_at_once() {
    let deep = format!("allow if input.x == {}1{}", "[".repeat(3000), "]".repeat(3000));
    check_fault(
        &written(&deep),
        "CFG-010 `policy`, line 2, column 33: brackets are nested more than 12 deep (give what is inside a rule of its own)",
    );
}

#[test]
fn nothing_in_a_policy_reaches_the_world() {
    for name in [
        "http.send({})",
        "time.now_ns()",
        "rand.intn(\"x\", 2)",
        "opa.runtime()",
        "net.lookup_ip_addr(\"x\")",
        "uuid.rfc4122(\"x\")",
        "numbers.range(1, input.args.n)",
        "bits.lsh(1, input.args.n)",
    ] {
        let function = name.split_once('(').unwrap().0;
        check_fault(
            &written(&format!("allow if {name}")),
            &format!(
                "CFG-010 `policy`, line 2, column 10: there is no function `{function}` that a policy may call"
            ),
        );
    }
    check_fault(
        &written("allow if sprintf(input.args.f, [1]) == \"1\""),
        "CFG-010 `policy`, line 2, column 10: the format of `sprintf` must be written out",
    );
}

#[test]
fn a_policy_that_does_not_compile_is_refused_where_it_breaks() {
    check_fault(&written("allow if {"), "CFG-010 `policy`, line 3, column 1: expecting expression");
    check_fault(
        &written("allow if nothing.here == 1"),
        "CFG-010 `policy`, line 2, column 10: use of undefined variable `nothing` is unsafe",
    );
    check_fault(
        &written("permit := true"),
        "CFG-010 the package `bakerst.authz` has no rule `allow` (a policy that only denies or asks says `default allow := true`)",
    );
    let twice = format!("{}  opa: {{ url: 'http://127.0.0.1:8181' }}\n", written("allow := true"));
    check_fault(
        &twice,
        "line 8, column 8: CFG-004 `rego` and `opa` are both given, and one must judge",
    );
    let long = format!("allow := true # {}", "x".repeat(900));
    let long = written(&format!("{long}\n{}", "# y\n".repeat(300_000)));
    let limits = Limits { rego_bytes_max: 1000, ..Limits::default() };
    let fault = source(&long[..20_000], &limits).err().unwrap();
    assert!(fault.message.contains("`rego_bytes_max` allows (1000)"), "{fault}");
}

#[test]
fn authorization_stands_behind_what_costs_less_unless_the_chain_says_otherwise() {
    let names = |chain: &str| {
        let text = written("allow := true").replace("{name: human-approval}", chain);
        let policy = load(&text).unwrap();
        let names = policy.source().guardrails.chain.iter().map(|entry| entry.name.clone());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names("{name: schema-validation}, {name: destructive-gate}, {name: human-approval}"),
        "schema-validation tool-policy destructive-gate authorization human-approval"
    );
    assert_eq!(names("{name: authorization}, {name: tool-policy}"), "authorization tool-policy");
    check_fault(
        &TOOLS.replace("chain: [", "chain: [{name: authorization}, "),
        "CFG-004 `authorization` is in the chain, but there is no section `authorization`",
    );
}

fn remote() -> Policy {
    load(&format!("{TOOLS}authorization: {{ opa: {{ url: 'http://localhost:8181/' }} }}\n"))
        .unwrap()
}

#[test]
fn a_remote_policy_is_a_question_and_the_run_goes_on_with_the_answer() {
    let (policy, call) = (remote(), call("pay", json!({"amount": 5})));
    let mut run =
        policy.start(&call, Facts { now: UnixMillis(NOW.0 + 12_345), ..Facts::default() });
    let Step::Need(Query::Authorize(need)) = run.step() else { panic!("nothing was asked") };
    assert_eq!(
        (need.server.address.to_string().as_str(), need.server.path.as_str()),
        ("http://127.0.0.1:8181", "bakerst/authz")
    );
    let input: Value = serde_json::from_str(&need.input).unwrap();
    assert_eq!(input["args"], json!({"amount": 5}));
    assert_eq!(input["time"]["unix_seconds"], json!(NOW.0 / 1000));
    run.supply(Consulted::Answered {
        opinion: Opinion { allow: true, ask: vec!["much".into()], ..Opinion::default() },
        decision_id: Some("d-1".into()),
        revision: Some("r-1".into()),
        metrics: None,
        cached: false,
    });
    let Step::Need(Query::Approval(_)) = run.step() else { panic!("a person was not asked") };
    let decision = run.resume(Answer::Granted(ApprovalId(1)));
    assert_eq!(decision.verdict, Verdict::Allow);
    let authority = decision.trail.iter().find_map(|word| word.authority.clone());
    let told = serde_json::to_value(authority).unwrap();
    assert_eq!(told, json!({"answered_by": "opa", "decision_id": "d-1", "revision": "r-1"}));
}

#[test]
fn a_persons_yes_is_no_answer_to_a_question_that_was_put_to_a_policy() {
    let (policy, call) = (remote(), call("pay", json!({})));
    let mut run = policy.start(&call, Facts::default());
    assert!(matches!(run.step(), Step::Need(Query::Authorize(_))));
    let decision = run.resume(Answer::Granted(ApprovalId(1)));
    assert_eq!((decision.verdict, decision.reason.code), (Verdict::Deny, Code::BuiltInDenied));
}

fn silences() -> impl Strategy<Value = NoAnswer> {
    prop_oneof![
        Just(NoAnswer::NotAsked),
        any::<usize>().prop_map(|max| NoAnswer::TooMany { max }),
        ".*".prop_map(NoAnswer::Unreachable),
        any::<u64>().prop_map(|millis| NoAnswer::TooSlow { millis }),
        any::<usize>().prop_map(|max| NoAnswer::TooLong { max }),
        (any::<u16>(), ".*").prop_map(|(status, message)| NoAnswer::Status { status, message }),
        ".*".prop_map(NoAnswer::Garbled),
    ]
}

proptest! {
    /// Whatever goes wrong with the remote policy, nothing is allowed but what only looks.
    #[test]
    fn without_the_remote_policy_only_the_built_in_rules_allow(
        why in silences(), tool in prop_oneof![Just("look"), Just("note"), Just("pay"), Just("wipe")],
    ) {
        let (policy, call) = (remote(), call(tool, json!({})));
        let mut run = policy.start(&call, Facts::default());
        prop_assert!(matches!(run.step(), Step::Need(Query::Authorize(_))));
        run.supply(Consulted::Silent(why.clone()));
        let Step::Done(decision) = run.step() else { panic!("somebody was asked") };
        prop_assert_eq!(decision.verdict == Verdict::Allow, tool == "look");
        let authority = decision.trail.iter().find_map(|word| word.authority.clone());
        let told = serde_json::to_value(authority).unwrap();
        prop_assert_eq!(told, json!({"answered_by": "fallback", "because": why.to_string()}));
    }
}

#[test]
fn addresses_that_would_need_tls_are_refused() {
    let opa = |url: &str| format!("{TOOLS}authorization: {{ opa: {{ url: '{url}' }} }}\n");
    let at = "line 4, column 30: ";
    check_fault(
        &opa("https://opa.example:8181"),
        &format!(
            "{at}CFG-005 OPA over TLS is not built yet (run OPA beside `bakerst`, on 127.0.0.1 or on a Unix socket)"
        ),
    );
    check_fault(
        &opa("http://10.0.0.1:8181"),
        &format!("{at}NET-003 `10.0.0.1:8181` is not loopback, and OPA over TLS is not built yet"),
    );
    check_fault(
        &opa("http://opa:8181"),
        &format!(
            "{at}CFG-004 `http://opa:8181` is no address of an OPA, expected `http://127.0.0.1:8181` or `unix:/run/opa.sock`"
        ),
    );
    assert!(load(&opa("unix:/run/opa.sock")).is_ok() && load(&opa("http://[::1]:8181")).is_ok());
    check_fault(
        &format!(
            "{TOOLS}authorization: {{ opa: {{ url: 'unix:/x', path: '../../v1/policies' }} }}\n"
        ),
        "line 4, column 47: CFG-004 `../../v1/policies` is no path, expected one as `bakerst/authz`",
    );
}
