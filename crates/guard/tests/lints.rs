//! What is said about policies that load, and about schemas that do not.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use bakerst_guard::document::{Fault, Node, Position};
use bakerst_guard::lint::{Spot, Written, lint};
use bakerst_guard::{Policy, PolicySource, Registry, Sections};
use bakerst_model::Limits;

fn source(text: &str) -> Result<(Node, PolicySource), Fault> {
    let (node, limits) = (Node::parse_yaml(text, 1 << 20)?, Limits::default());
    let sections = Sections::of(&node);
    let source = PolicySource::read_sections(&sections, &Registry::default(), &limits)?;
    Policy::compile(source.clone(), limits)?;
    Ok((node, source))
}

/// Everything that is said about a policy, a line each.
#[track_caller]
fn check(text: &str, want: &[&str]) {
    let (node, source) = source(text).unwrap_or_else(|fault| panic!("{fault}"));
    let written = Written { guardrails: node.get("guardrails"), sections: Some(&node) };
    let told: Vec<String> = lint(&source, &written)
        .into_iter()
        .map(|lint| {
            assert!(!lint.fix.is_empty());
            let at = lint
                .at
                .map(|Spot { at: Position { line, column }, .. }| format!("{line}:{column} "));
            format!("{}{} {}", at.unwrap_or_default(), lint.code, lint.message)
        })
        .collect();
    assert_eq!(told, want);
}

#[test]
fn rules_that_never_match_are_shown() {
    check(
        "guardrails:\n  chain:\n    - {name: destructive-gate, config: {flagged_tools: [wpie]}}\n  thresholds: [{tool: pya, arg: /n, over: 1}]\n\
         tools: {t: {risk: read, schema: {type: object}}}\n\
         agents:\n  a: {tools: [t, 'x*'], args: {'y*': {/a: present}}}\n",
        &[
            "3:7 POL-001 the flagged tool `wpie` is no tool",
            "4:16 POL-001 the threshold is for `pya`, which is no tool",
            "7:18 POL-001 `x*` in `tools` of the agent `a` matches no tool",
            "7:32 POL-001 `y*` in `args` of the agent `a` matches no tool",
        ],
    );
}

#[test]
fn rules_that_are_hidden_by_others_are_shown() {
    check(
        "guardrails: {chain: []}\ntools: {read_a: {risk: read, schema: {}}, read_b: {risk: read, schema: {}}}\n\
         agents:\n  a:\n    tools: ['read_*', read_a]\n    deny: ['*_b', read_b]\n    requires_approval: [read_b]\n",
        &[
            "2:43 POL-010 no agent may call the tool `read_b`",
            "5:23 POL-002 `read_a` in `tools` of the agent `a` is part of `read_*`",
            "6:19 POL-002 `read_b` in `deny` of the agent `a` is part of `*_b`",
            "7:25 POL-002 `read_b` in `requires_approval` of the agent `a` is denied by `*_b`",
        ],
    );
}

#[test]
fn what_is_left_open_is_shown() {
    check(
        "guardrails: {chain: [{name: prompt-injection, mode: monitor}, {name: tool-policy, enabled: false}]}\n\
         tools:\n\
         \x20 a: {risk: read}\n\
         \x20 b: {risk: destructive, requires_approval: false, schema: {}}\n\
         \x20 delete_c: {risk: read, schema: {}}\n\
         \x20 run_shell: {risk: sensitive, schema: {}}\n\
         \x20 sh: {risk: sensitive, schema: {}, command: /c}\n\
         \x20 fetch: {risk: read, schema: {properties: {url: {}}}, args: {/url: 'host:*', /uri: 'host:x.org', /p: 'optional under:/'}}\n\
         agents: {default: {tools: ['*'], egress: ['*.com'], budget: {usd_per_day: 5}}}\n",
        &[
            "1:22 POL-006 `prompt-injection` only monitors",
            "1:63 POL-006 `tool-policy` is switched off",
            "3:3 POL-003 the tool `a` takes any arguments",
            "4:26 POL-004 the destructive tool `b` needs nobody's approval",
            "5:14 POL-007 the tool `delete_c` is declared `read`, and `delete` in its name says worse",
            "6:3 POL-009 the tool `run_shell` seems to run commands, and nothing reads them",
            "7:37 POL-009 the tool `sh` may start any program",
            "8:63 POL-005 the rule for `/url` of `fetch` leaves hardly anything out",
            "8:79 POL-008 the schema of `fetch` has no `/uri`",
            "8:99 POL-008 the schema of `fetch` has no `/p`",
            "8:99 POL-005 the rule for `/p` of `fetch` leaves hardly anything out",
            "9:28 POL-005 the agent `default` may call every tool",
            "9:43 POL-005 `*.com` in `egress` of the agent `default` leaves hardly any host out",
            "9:53 POL-006 `budget` of the agent `default` is enforced by nothing yet",
        ],
    );
}

#[test]
fn patterns_that_others_could_hang_on_are_shown() {
    let slow = |pattern: &str| {
        let schema = format!("{{properties: {{a: {{pattern: '{pattern}'}}}}}}");
        let text =
            format!("guardrails: {{chain: []}}\ntools: {{t: {{risk: read, schema: {schema}}}}}\n");
        let (node, source) = source(&text).unwrap();
        let written = Written { guardrails: node.get("guardrails"), sections: Some(&node) };
        !lint(&source, &written).is_empty()
    };
    for pattern in ["^(a+)+$", "(a*)*", "([a-z]+)*x", "(a|b+)+", "((ab)+)+"] {
        assert!(slow(pattern), "{pattern}");
    }
    for pattern in ["^a+$", "(a+,)+", "[a-z]+@[a-z]+", "(ab)+", "a{2,5}", "^([a-z]+-)*[a-z]+$"] {
        assert!(!slow(pattern), "{pattern}");
    }
}

#[test]
fn schemas_that_no_validator_could_end_on_are_refused_where_they_stand() {
    let fault = |schema: &str| {
        let text =
            format!("guardrails: {{chain: []}}\ntools:\n  t: {{risk: read, schema: {schema}}}\n");
        source(&text).err().unwrap_or_else(|| panic!("{schema}")).to_string()
    };
    let circle = r##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##;
    assert_eq!(
        fault(circle),
        "line 3, column 6: CFG-004 the schema of `t` cannot be used: its references run in a circle: `#/$defs/b` to `#/$defs/a` to `#/$defs/b`"
    );
    assert!(fault(r##"{"$ref": "#"}"##).contains("`#` to `#`"));
    assert!(fault(r##"{"$anchor": "me", "not": {"$ref": "#me"}}"##).contains("in a circle"));
    let bomb = fault(r#"{"properties": {"s": {"pattern": "((a{1000}){1000}){1000}"}}}"#);
    assert!(
        bomb.starts_with("line 3, column 6: CFG-004 the schema of `t` cannot be used: "),
        "{bomb}"
    );
    // A tree is no circle: each turn goes a level deeper into the value.
    let tree = r##"{"properties": {"left": {"$ref": "#"}, "right": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}"##;
    assert!(
        source(&format!(
            "guardrails: {{chain: []}}\ntools:\n  t: {{risk: read, schema: {tree}}}\n"
        ))
        .is_ok()
    );
}
