//! Every case of the guard's tables, made every way that a call can come: by the hook door, and by the
//! MCP door over HTTP, at a server's own address and at that of all servers, and over a server's pipes,
//! under every revision, answered in one piece or as a stream. What the log holds and what the caller is told must be what the policy says, each time.

mod ways;

#[path = "../../../guard/tests/tables/agents.rs"]
mod agents;
#[path = "../../../guard/tests/tables/arguments.rs"]
mod arguments;
#[path = "../../../guard/tests/tables/authorization.rs"]
mod authorization;
#[path = "../../../guard/tests/tables/cases.rs"]
mod cases;
#[path = "../../../guard/tests/tables/chain.rs"]
mod chain;
#[path = "../../../guard/tests/tables/flows.rs"]
mod flows;
#[path = "../../../guard/tests/tables/outputs.rs"]
mod outputs;

use std::collections::BTreeSet;
use std::sync::Arc;

use bakerst_model::Role;
use serde_json::{Value, json};

use crate::support::{Plan, Taken, TestClock};
use cases::{Call, Cases, Judged, NOW, Output};
use ways::{Made, Street, Way};

#[test]
fn every_table_of_the_guards_is_played_at_the_doors() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../guard/tests/tables");
    let own = include_str!("parity.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_table = name.ends_with(".rs") && name != "main.rs";
        assert!(!is_table || own.contains(&format!("tests/tables/{name}")), "{name}");
    }
}

/// Makes each case every way.
fn play(fill: impl FnOnce(&mut Cases)) {
    let mut cases = Cases::default();
    fill(&mut cases);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let street = open(&cases).await;
        let mut wrong = Vec::new();
        for (number, case) in cases.calls.iter().enumerate() {
            street.obey(&case.policy);
            let knows = |way: &Way| way.knows_users() || case.user.is_none();
            for way in Way::all().filter(|way| knows(way) && way.calls(&case.tool)) {
                wrong.extend(call_goes_wrong(&street, case, way, number).await);
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
        for case in &cases.outputs {
            street.obey(&case.policy);
            for way in Way::all() {
                check_output(&street, case, way).await;
            }
        }
    });
}

/// A house whose agents are those of the cases.
async fn open(cases: &Cases) -> Street {
    let mut plan = Plan::new().limits(|limits| {
        *limits = cases::limits();
        // Whoever is asked about is told so at once.
        limits.wait_seconds_max = 0;
    });
    plan.clock = Arc::new(TestClock::still(NOW));
    let agents: BTreeSet<_> = cases.calls.iter().filter_map(|case| case.agent).collect();
    let mut tokens = Vec::new();
    for agent in agents {
        tokens.push((agent, plan.token(agent, &[Role::Agent], Some(agent)).await));
    }
    Street::open(plan, tokens).await
}

/// What is not as it should be.
async fn call_goes_wrong(street: &Street, case: &Call, way: Way, number: usize) -> Option<String> {
    let own = format!("{number} {way:?}");
    let conversation = case.conversation.unwrap_or(&own);
    let mut caller = street.caller(way, conversation, case.agent, case.user).await;
    for (tool, output) in &case.heard {
        caller.hear(street, tool, output).await;
    }
    let before = street.house.journal.count();
    let made = caller.call(street, &case.tool, &case.input).await;
    let judged = decided(&street.house.journal.since(before));
    let want = match judged.verdict.as_str() {
        "allow" => Made::Yes,
        "ask" => Made::Asked,
        _ => Made::No(judged.code.clone()),
    };
    let wrong = !judged.is(&case.want) || made != want;
    wrong.then(|| format!("{}, {way:?}: {judged:?}, {made:?}, not {}", case.at, case.want))
}

/// What the log says was decided.
fn decided(events: &[Taken]) -> Judged {
    let decisions = ["tool.allowed", "tool.asked", "tool.blocked"];
    let decided = events.iter().filter(|event| decisions.contains(&event.action.as_str()));
    let [one] = decided.collect::<Vec<_>>()[..] else { panic!("no one decision: {events:?}") };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let trail = one.detail["trail"].as_array().unwrap().iter();
    let codes = trail.filter_map(|word| {
        let code = word["code"].as_str()?;
        Some(if word["monitored"] == true { format!("({code})") } else { code.to_owned() })
    });
    // Which request for approval it became is no part of the verdict.
    let reason = text(&one.detail["reason"]);
    let reason = reason.split("; `apr-").next().unwrap_or_default().to_owned();
    let (verdict, code) = (text(&one.detail["verdict"]), text(&one.detail["code"]));
    Judged { verdict, codes: codes.collect(), code, reason }
}

async fn check_output(street: &Street, case: &Output, way: Way) {
    let mut caller = street.caller(way, "outputs", None, None).await;
    let before = street.house.journal.count();
    let got = caller.result(street, case.tool, &case.value).await;
    let told = || format!("{}, {way:?}", case.at);
    assert_eq!(got, case.want.clone().map_err(str::to_owned), "{}", told());
    let events = street.house.journal.since(before);
    let executed = events.iter().find(|event| event.action == "tool.executed").unwrap();
    let places = executed.detail["places"].as_array().cloned().unwrap_or_default();
    let found: Vec<String> = places.iter().map(place).collect();
    if let Some(want) = &case.found {
        assert_eq!(&found, want, "{}", told());
    }
}

/// A place in the log, as a table has it. Where a result stands in an answer is the door's affair.
fn place(place: &Value) -> String {
    let path = place["path"].as_str().unwrap();
    let path = path.strip_prefix("/structuredContent").unwrap_or(path).strip_prefix("/v").unwrap();
    let fate = match (&place["monitored"], &place["blocked"]) {
        (Value::Bool(true), _) => "noted",
        (_, Value::Bool(true)) => "blocked",
        _ => "replaced",
    };
    format!("{path} {} {fate}", place["placeholder"].as_str().unwrap())
}

/// As MCP has it: what a tool returns stands under a name.
fn structured(value: &Value) -> Value {
    json!({ "content": [], "structuredContent": { "v": value } })
}
