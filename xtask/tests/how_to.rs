//! What the how-tos show in code is what is compiled and run here.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "how_to/working_hours.rs"]
mod working_hours;

use std::fs;
use std::path::Path;

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Facts, Policy, PolicySource, Registry};
use bakerst_model::{
    AgentId, ConversationId, Limits, ToolCall, ToolName, UnixMillis, Untrusted, Verdict,
};

fn paper() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("docs/how-to/add-a-guardrail.md")).unwrap()
}

fn policy(text: &str) -> Result<Policy, Fault> {
    let limits = Limits::default();
    let registry = Registry::default().with("working-hours", working_hours::make);
    let node = Node::parse_yaml(text, limits.config_bytes_max)?;
    let source = PolicySource::read(node.get("guardrails"), node.get("tools"), &registry, &limits)?;
    Policy::compile(source, limits)
}

fn judged(policy: &Policy, tool: &str, hour: u64) -> Verdict {
    let call = ToolCall {
        conversation: ConversationId::parse("c-1").unwrap(),
        user: None,
        agent: AgentId::unnamed(),
        tool: ToolName::parse(tool).unwrap(),
        input: Untrusted::new(serde_json::json!({ "amount": 5 })),
        prompt: None,
    };
    policy.verdict(&call, Facts { now: UnixMillis(hour * 3_600_000), ..Facts::default() })
}

#[test]
fn the_guardrail_on_the_page_is_the_one_that_is_compiled() {
    assert!(paper().contains(include_str!("how_to/working_hours.rs")), "copy it to the page");
}

#[test]
fn the_guardrail_on_the_page_works_with_the_policy_on_the_page() {
    let paper = paper();
    let yaml = paper.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let policy = policy(yaml).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(judged(&policy, "send_money", 9), Verdict::Allow);
    assert_eq!(judged(&policy, "send_money", 19), Verdict::Ask);
    let wrong = self::policy(&yaml.replace("until: 18", "until: 5")).map(|_| ()).unwrap_err();
    assert_eq!(wrong.at.map(|at| at.line), Some(3), "{wrong}");
}
