//! What tools return: what is taken out of it, what stays, and what is withheld.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bakerst_detect::redact::Pseudonyms;
use bakerst_guard::document::{Fault, Node};
use bakerst_guard::{Fate, Policy, PolicySource, Registry, Sanitized};
use bakerst_model::{Code, Limits, ToolName};
use serde_json::{Value, json};

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

fn sanitized(policy: &Policy, tool: &str, value: Value) -> Sanitized {
    policy.sanitize(&ToolName::parse(tool).unwrap(), value, None)
}

#[track_caller]
fn check(config: &str, tool: &str, value: Value, want: &Value) {
    assert_eq!(&sanitized(&settings(config), tool, value).value, want);
}

#[test]
fn outputs_lose_their_secrets_and_keep_their_shape() {
    let policy = settings("{}");
    let key = ["sk-", "ant-", "abcdefghijklmnopqrstuvwx"].concat();
    let output = json!({"log": [format!("using {key}")], "bob@example.com": 1, "n": 3});
    let clean = sanitized(&policy, "t", output);
    assert_eq!(
        clean.value,
        json!({"log": ["using [REDACTED_API_KEY]"], "[REDACTED_EMAIL]": 1, "n": 3})
    );
    let places: Vec<_> =
        clean.findings.iter().map(|f| (f.path.as_str(), f.placeholder.as_str())).collect();
    assert_eq!(places, [("", "[REDACTED_EMAIL]"), ("/log/0", "[REDACTED_API_KEY]")]);
    let two = sanitized(&policy, "t", json!({"a@example.com": 1, "b@example.com": 2}));
    assert_eq!(two.value, json!({"[REDACTED_EMAIL]": 1, "[REDACTED_EMAIL]'": 2}));
}

#[test]
fn a_field_is_read_with_its_name() {
    check(
        "{}",
        "t",
        json!({
            "password": "hunter2!",
            "note": "hunter2!",
            "db": {"admin_password": ["it's \"q8Zr41kd\"", "k3yb0ard!x"]},
            "Authorization": "Bearer q8Zr41kd0PwLx9aa",
            "card": 4_111_111_111_111_111_u64,
            "count": 4_111_111_111_111_112_u64,
        }),
        &json!({
            "password": "[REDACTED_PASSWORD]",
            "note": "hunter2!",
            "db": {"admin_password": ["[REDACTED_PASSWORD]", "[REDACTED_PASSWORD]"]},
            "Authorization": "Bearer [REDACTED_API_KEY]",
            "card": "[REDACTED_CREDIT_CARD]",
            "count": 4_111_111_111_111_112_u64,
        }),
    );
    check(
        "{}",
        "t",
        json!({"to ann@a.org": "ann@a.org"}),
        &json!({"to [REDACTED_EMAIL]": "[REDACTED_EMAIL]"}),
    );
}

#[test]
fn a_monitoring_sanitizer_notes_and_changes_nothing() {
    let policy =
        policy("{name: output-sanitization, mode: monitor, config: {actions: {email: block}}}");
    let output = json!(["bob@example.com"]);
    let noted = sanitized(&policy.unwrap(), "t", output.clone());
    assert_eq!((noted.value, noted.withheld), (output, None));
    let fates: Vec<_> = noted.findings.iter().map(|finding| finding.fate).collect();
    assert_eq!(fates, [Fate::Noted]);
}

#[test]
fn each_kind_is_masked_reported_or_allowed() {
    let value = || json!("ann@a.org from 81.2.69.142, ssn 078-05-1120");
    check("{}", "t", value(), &json!("[REDACTED_EMAIL] from 81.2.69.142, ssn [REDACTED_US_SSN]"));
    let all = "{actions: {email: report, us_ssn: allow, ip_address: mask}}";
    check(all, "t", value(), &json!("ann@a.org from [REDACTED_IP_ADDRESS], ssn 078-05-1120"));
    let noted = sanitized(&settings(all), "t", value()).findings;
    let noted: Vec<_> = noted.iter().map(|f| (f.placeholder.as_str(), f.fate)).collect();
    let want = [("[REDACTED_EMAIL]", Fate::Noted), ("[REDACTED_IP_ADDRESS]", Fate::Replaced)];
    assert_eq!(noted, want);
}

#[test]
fn a_result_that_holds_what_is_blocked_is_withheld() {
    let policy =
        settings("{actions: {iban: block, private_key: block}, tools: {bank: {iban: mask}}}");
    let value = || json!({"to": ["GB82 WEST 1234 5698 7654 32"], "by": "ann@a.org"});
    let held = sanitized(&policy, "t", value());
    let reason = held.withheld.unwrap();
    assert_eq!((held.value, reason.code), (Value::Null, Code::OutputBlocked));
    assert_eq!(reason.message, "the result of `t` holds what the policy blocks: iban");
    let fates: Vec<_> = held.findings.iter().map(|f| (f.path.as_str(), f.fate)).collect();
    assert_eq!(fates, [("/by", Fate::Replaced), ("/to/0", Fate::Blocked)]);
    let passed = sanitized(&policy, "bank", value());
    assert_eq!(passed.withheld, None);
    assert_eq!(passed.value, json!({"to": ["[REDACTED_IBAN]"], "by": "[REDACTED_EMAIL]"}));
}

/// A tracker that is about people, and whose results are useless without them.
#[test]
fn a_tool_may_return_what_others_may_not() {
    let config = "{tools: {linear_get_issue: {email: allow, phone: allow}}}";
    let value =
        || json!({"assignee": "ann@a.org", "phone": "415-555-2671", "pin": "ssn 078-05-1120"});
    let want =
        json!({"assignee": "ann@a.org", "phone": "415-555-2671", "pin": "ssn [REDACTED_US_SSN]"});
    check(config, "linear_get_issue", value(), &want);
    let masked = sanitized(&settings(config), "other", value()).value;
    assert_eq!(masked["assignee"], "[REDACTED_EMAIL]");
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
