//! Rego: what the policy that is asked about every call makes of it.

use serde_json::{Value, json};

use super::{Cases, play};

/// A chain in which authorization alone speaks.
const TOOLS: &str = "
guardrails: {chain: [{name: human-approval}]}
tools: {look: {risk: read}, note: {risk: write}, pay: {risk: sensitive}, wipe: {risk: destructive, requires_approval: false}}
";

const ALLOWED: &str = "allow GRD-000 the call is allowed";
const NOT_ALLOWED: &str = "deny GRD-071 no rule of the authorization policy allows the call";

fn written(rego: &str) -> String {
    let rego: String = rego.lines().map(|line| format!("    {line}\n")).collect();
    format!("{TOOLS}authorization:\n  rego: |\n    package bakerst.authz\n{rego}")
}

/// A call of the agent `bot` under a policy in Rego.
#[track_caller]
fn check(t: &mut Cases, rego: &str, tool: &str, input: Value, want: &str) {
    t.call(&written(rego), tool, input, want).agent = Some("bot");
}

#[test]
fn what_no_rule_allows_is_denied() {
    play(|t| {
        check(t, "allow if input.risk == \"read\"", "look", json!({}), ALLOWED);
        check(t, "allow if input.risk == \"read\"", "pay", json!({}), NOT_ALLOWED);
        check(t, "default allow := false", "look", json!({}), NOT_ALLOWED);
        check(t, "allow := \"yes\"", "look", json!({}), NOT_ALLOWED);
        check(t, "allow if input.args.no.such.field", "look", json!({}), NOT_ALLOWED);
    });
}

#[test]
fn deny_and_ask_restrict_and_never_widen() {
    play(|t| {
        let rego = "
allow if input.tool != \"note\"
deny contains \"over the limit\" if input.args.amount > 100
deny contains sprintf(\"%s pays %d\", [input.agent, input.args.amount]) if input.args.amount > 1000
ask contains {\"msg\": \"first payment\"} if input.args.first";
        check(t, rego, "pay", json!({"amount": 5}), ALLOWED);
        check(t, rego, "pay", json!({"amount": 101}), "deny GRD-070 over the limit");
        check(
            t,
            rego,
            "pay",
            json!({"amount": 2000}),
            "deny GRD-070 bot pays 2000; over the limit",
        );
        check(t, rego, "pay", json!({"amount": 5, "first": true}), "ask GRD-072 first payment");
        check(t, rego, "note", json!({"first": true}), NOT_ALLOWED);
        check(t, "allow := true\ndeny := true", "look", json!({}), "deny GRD-070 `deny` holds");
        check(t, "allow := true\nask := false", "look", json!({}), ALLOWED);
    });
}

#[test]
fn words_that_a_policy_quotes_are_escaped_and_bounded() {
    play(|t| {
        let rego = "allow := true\ndeny contains input.args.text";
        check(t, rego, "look", json!({"text": "a\u{1b}[2J"}), "deny GRD-070 a\\u{1b}[2J");
        let cut = format!("deny GRD-070 {}…", "x".repeat(200));
        check(t, rego, "look", json!({"text": "x".repeat(5000)}), &cut);
        let many = "allow := true\ndeny contains sprintf(\"n%d\", [n]) if some n in input.args.n";
        check(
            t,
            many,
            "look",
            json!({"n": [1, 2, 3, 4, 5, 6, 7]}),
            "deny GRD-070 n1; n2; n3; n4; n5; and 2 more",
        );
    });
}

#[test]
fn the_input_document_is_what_is_documented() {
    play(|t| {
        let document = json!({
            "version": 1, "tool": "pay", "risk": "sensitive", "agent": "bot", "user": "ann",
            "roles": ["payer", "robot"], "conversation": {"id": "c-1", "private": true, "untrusted": true, "tainted": true},
            "time": {"unix_seconds": 1_795_274_400, "hour": 15, "minute": 20, "weekday": "saturday"},
        });
        let rego = written(&format!("allow if object.remove(input, [\"args\"]) == {document}"));
        let roles = "  roles: { payer: { users: [ann] }, robot: { agents: [bot, b2] }, none: { agents: [x] } }";
        let case = t.call(&format!("{rego}{roles}\n"), "pay", json!({"amount": 5}), ALLOWED);
        (case.agent, case.user, case.conversation) = (Some("bot"), Some("ann"), Some("c-1"));
        let args = "allow if input.args == {\"a\": [1, -2, 1.5, \"x\", null, true], \"b\": {\"c\": 18446744073709551615}}";
        let input = json!({"a": [1, -2, 1.5, "x", null, true], "b": {"c": u64::MAX}});
        check(t, args, "pay", input, ALLOWED);
    });
}

#[test]
fn a_policy_that_runs_away_is_stopped_at_the_same_step_everywhere() {
    play(|t| {
        let loops = "
allow if {
    some a in input.args.l
    some b in input.args.l
    some c in input.args.l
    some d in input.args.l
    a + b + c + d == 1000000
}";
        let list: Vec<u32> = (0..200).collect();
        let runaway = "deny GRD-073 the policy took more than 10000 steps (`rego_steps_max` or fewer, for a long input)";
        check(t, loops, "look", json!({"l": list}), runaway);
        check(t, loops, "look", json!({"l": [1]}), NOT_ALLOWED);
        let every = "allow if every a in input.args.l { every b in input.args.l { every c in input.args.l { a + b + c < 10000 } } }";
        check(t, every, "look", json!({"l": list}), runaway);
        let within = "allow if count([1 | some a in input.args.l; some b in input.args.l; some c in input.args.l; a + b + c == 1]) > 1";
        check(t, within, "look", json!({"l": list}), runaway);
        // The longer the input, the fewer the steps: each may have to look at all of it.
        let long = json!({"l": list, "pad": "x".repeat(1 << 20)});
        check(t, loops, "look", long, "deny GRD-073 the policy took more than 2044 steps*");
    });
}

#[test]
fn rules_that_go_in_circles_are_stopped() {
    play(|t| {
        check(
            t,
            "allow if other\nother if allow",
            "look",
            json!({}),
            "deny GRD-074 the policy failed: *",
        );
    });
}

#[test]
fn a_rule_that_fails_denies_and_does_not_fall_silent() {
    play(|t| {
        let text = "allow if not startswith(input.args.path, \"/etc\")";
        check(t, text, "look", json!({"path": "/tmp"}), ALLOWED);
        check(
            t,
            text,
            "look",
            json!({"path": 5}),
            "deny GRD-074 the policy failed: `policy`, line 2, column 35: `startswith` expects string*",
        );
        let conflict = "allow if not level == 3\nlevel := 1\nlevel := 2 if input.args.two";
        check(t, conflict, "look", json!({"two": true}), "deny GRD-074*");
        check(
            t,
            "allow := true\ndeny := 7",
            "look",
            json!({}),
            "deny GRD-074 the policy failed: `deny` is neither a set of messages nor true or false",
        );
        let asks = written("allow if 1 / input.args.n == 1")
            .replace("chain: [", "chain: [{name: authorization, on_error: ask}, ");
        t.call(&asks, "look", json!({"n": 0}), "ask GRD-074*");
    });
}

#[test]
fn regular_expressions_globs_and_networks_are_there() {
    play(|t| {
        check(
            t,
            "allow if regex.match(`(?i)^bÄr$`, input.args.x)",
            "look",
            json!({"x": "BäR"}),
            ALLOWED,
        );
        check(
            t,
            "allow if glob.match(\"*.example.com\", [\".\"], input.args.x)",
            "look",
            json!({"x": "a.example.com"}),
            ALLOWED,
        );
        check(
            t,
            "allow if net.cidr_contains(\"10.0.0.0/8\", input.args.x)",
            "look",
            json!({"x": "10.2.3.4"}),
            ALLOWED,
        );
        check(
            t,
            "allow if net.cidr_contains(\"10.0.0.0/8\", input.args.x)",
            "look",
            json!({"x": "11.2.3.4"}),
            NOT_ALLOWED,
        );
    });
}

#[test]
fn custom_guardrails_in_rego_use_the_same_engine() {
    play(|t| {
        let text = r#"
guardrails:
  chain:
    - name: office-hours
      kind: rego
      config: |
        package bakerst.office_hours
        default allow := true
        ask contains "it is the weekend" if input.time.weekday in {"saturday", "sunday"}
    - name: human-approval
tools: {look: {risk: read}}"#;
        t.call(text, "look", json!({}), "ask GRD-072 it is the weekend");
    });
}

#[test]
fn a_policy_may_be_spread_over_files() {
    play(|t| {
        let text = format!("{TOOLS}authorization:\n  rego: {{ files: [a.rego, lib.rego] }}\n");
        t.call(&text, "look", json!({}), ALLOWED);
        t.call(&text, "pay", json!({}), NOT_ALLOWED);
    });
}

#[test]
fn both_syntaxes_are_read() {
    play(|t| {
        let text = format!(
            "{TOOLS}authorization:\n  rego:\n    syntax: v0\n    policy: |\n      package bakerst.authz\n      allow {{ input.risk == \"read\" }}\n      deny[msg] {{ input.args.x; msg := \"x\" }}\n"
        );
        t.call(&text, "look", json!({}), ALLOWED);
        t.call(&text, "look", json!({"x": 1}), "deny GRD-070 x");
    });
}
