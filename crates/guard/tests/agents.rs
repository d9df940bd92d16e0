//! What a policy may say of agents, and what it says of itself.

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Policy, PolicySource, Registry, Sections};
use bakerst_model::Limits;

fn policy(text: &str) -> Result<Policy, Fault> {
    let (node, limits) = (Node::parse_yaml(text, 1 << 20)?, Limits::default());
    let sections = Sections::of(&node);
    let source = PolicySource::read_sections(&sections, &Registry::default(), &limits)?;
    Policy::compile(source, limits)
}

const RULES: &str = include_str!("tables/agents.yaml");

#[track_caller]
fn check_fault(text: &str, want: &str) {
    let fault = policy(text).err().map(|fault| fault.to_string());
    assert_eq!(fault.as_deref(), Some(want));
}

#[test]
fn rules_that_contradict_each_other_are_refused_with_both_places() {
    let agents = |agents: &str| {
        format!("tools: {{t: {{risk: read, args: {{/n: '<=10'}}}}}}\nagents:\n{agents}")
    };
    check_fault(
        &agents("  a-*: {tools: []}\n  '*-b': {tools: []}\n"),
        "line 4, column 3: CFG-007 the agents `a-*` (line 3, column 3) and `*-b` (line 4, column 3) both match some agents, and neither is the more specific (make one of them narrower)",
    );
    check_fault(
        &agents("  a*: {tools: []}\n  a**: {tools: []}\n"),
        "line 4, column 3: CFG-007 the agents `a*` (line 3, column 3) and `a**` (line 4, column 3) match the same agents (make one of them narrower)",
    );
    assert!(
        policy(&agents("  a-*: {tools: []}\n  a-b-*: {tools: []}\n  a-b-c: {tools: []}\n")).is_ok()
    );
    check_fault(
        &agents("  a:\n    tools: [t]\n    deny: [x, t]\n"),
        "line 5, column 15: CFG-007 `t` is both in `tools` (line 4, column 13) and in `deny` (line 5, column 15) of the agent `a`",
    );
    check_fault(
        &agents("  a:\n    tools: [t]\n    args:\n      t*:\n        /n: '>20'\n"),
        "line 7, column 9: CFG-007 `/n` of the tool `t` (line 1, column 32) and of the agent `a` (line 7, column 9) contradict each other: no value is both `<=10` and `>20`",
    );
    check_fault(
        "guardrails:\n  chain: []\n  thresholds:\n  - {tool: t, arg: /n, over: 1}\n  - {tool: t, arg: /n, over: 2}\n",
        "line 5, column 5: CFG-007 the threshold for `/n` of `t` stands twice, (line 4, column 5) and (line 5, column 5)",
    );
    check_fault(
        "guardrails:\n  chain: []\n  must_allow: [{tool: t}]\n  must_deny: [{tool: t}]\n",
        "line 4, column 15: CFG-007 the same example, in `must_allow` and `must_deny`, stands twice, (line 3, column 16) and (line 4, column 15)",
    );
}

#[test]
fn slips_about_agents_are_shown_where_they_stand() {
    check_fault("agents:\n  a: {}\n", "line 2, column 6: CFG-004 the field `tools` is missing");
    check_fault(
        "agents:\n  a: {tools: [], budgte: {}}\n",
        "line 2, column 18: CFG-003 unknown field `budgte` (did you mean `budget`?)",
    );
    check_fault(
        "agents:\n  a: {tools: [], budget: {usd_per_day: -5}}\n",
        "line 2, column 26: CFG-004 `-5` is not a sum of money: expected dollars such as `50` or `0.25`",
    );
    check_fault(
        "agents:\n  a: {tools: [], time: {call_seconds_max: 0}}\n",
        "line 2, column 24: CFG-004 a ceiling of 0 lets nothing happen; expected at least 1",
    );
    check_fault(
        "agents:\n  a: {tools: ['a?']}\n",
        "line 2, column 14: CFG-004 `?` means nothing here, only `*` stands for something else",
    );
    check_fault(
        "tools:\n  t: {risk: read, args: {path: 'under:/x'}}\n",
        "line 2, column 26: CFG-004 `path` is no JSON pointer, expected one such as `/path`",
    );
    check_fault(
        "tools:\n  t: {risk: read, args: {/path: 'undr:/x'}}\n",
        "line 2, column 25: CFG-004 `undr:/x` is no rule; did you mean `under`?",
    );
    let many: String = (0..1001).map(|n| format!("  a{n}: {{tools: []}}\n")).collect();
    check_fault(
        &format!("agents:\n{many}"),
        "line 2, column 3: CFG-004 1001 agents are more than `agents_max` allows (1000)",
    );
}

#[test]
fn what_nothing_enforces_yet_is_said() {
    let text = "agents: {a: {tools: [], egress: [x.org], budget: {usd_per_day: 0.25, tokens_per_day: 1000}, time: {call_seconds_max: 5}, resources: {cpus_max: 2, memory_bytes_max: 1000000}}}";
    let policy = policy(text).unwrap();
    let said = policy.warnings();
    for setting in ["budget", "time", "resources"] {
        let want = format!(
            "`{setting}` of the agent `a` is read and checked, but nothing enforces it yet"
        );
        assert!(said.contains(&want), "{said:?}");
    }
    assert!(
        said.iter().any(|warning| warning.starts_with("`egress` of the agent `a` is held against"))
    );
}

#[test]
fn a_policy_with_agents_prints_and_reads_back_as_itself() {
    let policy = policy(RULES).unwrap();
    let printed = serde_json::to_string(policy.source()).unwrap();
    let again = self::policy(&printed).unwrap_or_else(|fault| panic!("{fault}\n{printed}"));
    assert_eq!(again.digest(), policy.digest());
}
