//! What tools return: what is taken out of it, what stays, and what is withheld.

use serde_json::{Value, json};

use super::{Cases, Output, play};

/// A policy whose chain is this guardrail and the least that lets tools be called.
fn policy(sanitization: &str) -> String {
    format!(
        "guardrails:\n  chain:\n    - {sanitization}\ntools: {{t: {{risk: read}}, bank: {{risk: read}}, linear_get_issue: {{risk: read}}}}\n"
    )
}

fn settings(config: &str) -> String {
    policy(&format!("{{name: output-sanitization, config: {config}}}"))
}

#[track_caller]
fn check<'t>(
    t: &'t mut Cases,
    config: &str,
    tool: &'static str,
    value: Value,
    want: Value,
) -> &'t mut Output {
    t.output(&settings(config), tool, value, Ok(want))
}

fn found(places: &[&str]) -> Option<Vec<String>> {
    Some(places.iter().map(|&place| place.to_owned()).collect())
}

#[test]
fn outputs_lose_their_secrets_and_keep_their_shape() {
    play(|t| {
        let key = ["sk-", "ant-", "abcdefghijklmnopqrstuvwx"].concat();
        let output = json!({"log": [format!("using {key}")], "bob@example.com": 1, "n": 3});
        let want = json!({"log": ["using [REDACTED_API_KEY]"], "[REDACTED_EMAIL]": 1, "n": 3});
        check(t, "{}", "t", output, want).found =
            found(&[" [REDACTED_EMAIL] replaced", "/log/0 [REDACTED_API_KEY] replaced"]);
        let two = json!({"a@example.com": 1, "b@example.com": 2});
        check(t, "{}", "t", two, json!({"[REDACTED_EMAIL]": 1, "[REDACTED_EMAIL]'": 2}));
    });
}

#[test]
fn a_field_is_read_with_its_name() {
    play(|t| {
        let value = json!({
            "password": "hunter2!",
            "note": "hunter2!",
            "db": {"admin_password": ["it's \"q8Zr41kd\"", "k3yb0ard!x"]},
            "Authorization": "Bearer q8Zr41kd0PwLx9aa",
            "card": 4_111_111_111_111_111_u64,
            "count": 4_111_111_111_111_112_u64,
        });
        let want = json!({
            "password": "[REDACTED_PASSWORD]",
            "note": "hunter2!",
            "db": {"admin_password": ["[REDACTED_PASSWORD]", "[REDACTED_PASSWORD]"]},
            "Authorization": "Bearer [REDACTED_API_KEY]",
            "card": "[REDACTED_CREDIT_CARD]",
            "count": 4_111_111_111_111_112_u64,
        });
        check(t, "{}", "t", value, want);
        let named = json!({"to ann@a.org": "ann@a.org"});
        check(t, "{}", "t", named, json!({"to [REDACTED_EMAIL]": "[REDACTED_EMAIL]"}));
    });
}

#[test]
fn a_monitoring_sanitizer_notes_and_changes_nothing() {
    play(|t| {
        let text =
            policy("{name: output-sanitization, mode: monitor, config: {actions: {email: block}}}");
        let output = json!(["bob@example.com"]);
        t.output(&text, "t", output.clone(), Ok(output)).found =
            found(&["/0 [REDACTED_EMAIL] noted"]);
    });
}

#[test]
fn each_kind_is_masked_reported_or_allowed() {
    play(|t| {
        let value = || json!("ann@a.org from 81.2.69.142, ssn 078-05-1120");
        let want = json!("[REDACTED_EMAIL] from 81.2.69.142, ssn [REDACTED_US_SSN]");
        check(t, "{}", "t", value(), want);
        let all = "{actions: {email: report, us_ssn: allow, ip_address: mask}}";
        let want = json!("ann@a.org from [REDACTED_IP_ADDRESS], ssn 078-05-1120");
        check(t, all, "t", value(), want).found =
            found(&[" [REDACTED_EMAIL] noted", " [REDACTED_IP_ADDRESS] replaced"]);
    });
}

#[test]
fn a_result_that_holds_what_is_blocked_is_withheld() {
    play(|t| {
        let config = "{actions: {iban: block, private_key: block}, tools: {bank: {iban: mask}}}";
        let value = || json!({"to": ["GB82 WEST 1234 5698 7654 32"], "by": "ann@a.org"});
        t.output(&settings(config), "t", value(), Err("GRD-061")).found =
            found(&["/by [REDACTED_EMAIL] replaced", "/to/0 [REDACTED_IBAN] blocked"]);
        let masked = json!({"to": ["[REDACTED_IBAN]"], "by": "[REDACTED_EMAIL]"});
        check(t, config, "bank", value(), masked);
    });
}

/// A tracker that is about people, and whose results are useless without them.
#[test]
fn a_tool_may_return_what_others_may_not() {
    play(|t| {
        let config = "{tools: {linear_get_issue: {email: allow, phone: allow}}}";
        let value =
            || json!({"assignee": "ann@a.org", "phone": "415-555-2671", "pin": "ssn 078-05-1120"});
        let told = |assignee: &str, phone: &str| json!({"assignee": assignee, "phone": phone, "pin": "ssn [REDACTED_US_SSN]"});
        check(t, config, "linear_get_issue", value(), told("ann@a.org", "415-555-2671"));
        check(t, config, "t", value(), told("[REDACTED_EMAIL]", "[REDACTED_PHONE]"));
    });
}
