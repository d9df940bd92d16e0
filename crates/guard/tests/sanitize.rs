//! What the settings of sanitization may say, and names for values.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bakerst_detect::redact::Pseudonyms;
use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Policy, PolicySource, Registry};
use bakerst_model::{Limits, ToolName};
use serde_json::json;

/// A policy whose chain is this one guardrail.
fn policy(sanitization: &str) -> Result<Policy, Fault> {
    let text = format!("guardrails:\n  chain:\n    - {sanitization}\n");
    let (node, limits) = (Node::parse_yaml(&text, 1 << 20)?, Limits::default());
    let source = PolicySource::read(node.get("guardrails"), None, &Registry::default(), &limits)?;
    Policy::compile(source, limits)
}

fn settings(config: &str) -> Policy {
    policy(&format!("{{name: output-sanitization, config: {config}}}")).unwrap()
}

#[test]
fn values_get_names_where_the_policy_says_so() {
    let value = || json!({"from": "ann@a.org", "to": ["bob@a.org", "ann@a.org"]});
    let named = |policy: &Policy| {
        let mut names = Pseudonyms::new(&[1; 32], 10);
        policy.sanitize(&ToolName::parse("t").unwrap(), value(), Some(&mut names)).value
    };
    let policy = settings("{pseudonyms: true}");
    assert!(policy.names_values());
    assert_eq!(named(&policy), json!({"from": "[EMAIL_1]", "to": ["[EMAIL_2]", "[EMAIL_1]"]}));
    let plain = settings("{}");
    assert!(!plain.names_values());
    assert_eq!(named(&plain)["from"], "[REDACTED_EMAIL]");
}

#[test]
fn slips_in_the_settings_are_shown_where_they_stand() {
    let fault = |config: &str| {
        let entry = format!("{{name: output-sanitization, config: {config}}}");
        policy(&entry).err().unwrap().to_string()
    };
    let unknown = fault("{actions: {emial: mask}}");
    assert!(unknown.starts_with("line 3, column "), "{unknown}");
    assert!(unknown.contains("unknown kind `emial`, expected one of: api_key, "), "{unknown}");
    assert!(fault("{actions: {email: hide}}").contains("`hide`"));
    assert!(fault("{tools: {t: {email: 1}}}").contains("CFG-"));
}
