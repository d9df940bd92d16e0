//! Every action has its place in OCSF 1.9, with every field that the schema requires.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use bakerst_audit::ocsf::{Origin, to_ocsf};
use bakerst_audit::{About, Chain, Draft, LogId, LogKey, LogKeys};
use bakerst_model::{
    Action, Actor, AgentId, ConversationId, Detail, Event, Secret, UnixMillis, UserId,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const AT: u64 = 1_771_925_400_123;
const ORIGIN: Origin<'static> = Origin { log: "00ff", version: "0.1.0" };

fn line(event: &Event) -> Vec<u8> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
    let (log, mut out) = (LogId::from_random([1; 16]), Vec::new());
    let begun = Chain::begin(&keys, log, About::default(), UnixMillis(0), &mut out);
    out.clear();
    begun.unwrap().append(&Draft::of(UnixMillis(AT), event).unwrap(), &mut out);
    out
}

fn event(action: Action, detail: &Value) -> Event {
    let agent = AgentId::parse("ci-bot").ok();
    let actor = Actor { name: "laptop".into(), agent, user: UserId::parse("ann").ok(), ip: None };
    let conversation = ConversationId::parse("c-1").ok();
    Event { action, actor, conversation, detail: Detail::of(detail).unwrap() }
}

fn mapped(event: &Event) -> Value {
    serde_json::from_slice(&to_ocsf(&line(event), ORIGIN).unwrap()).unwrap()
}

/// Class, activity, severity, status, action and disposition.
#[track_caller]
fn check(action: &str, code: Option<&str>, want: &str) {
    let ours = Action::OURS.iter().find(|ours| ours.as_str() == action).cloned();
    let action = ours.unwrap_or_else(|| Action::reported("tool", action).unwrap());
    let ocsf = mapped(&event(action, &json!({ "code": code })));
    let text = |name: &str| ocsf[name].as_str().unwrap_or_default().to_owned();
    let got = [
        text("class_name"),
        ocsf["activity_id"].to_string(),
        text("severity"),
        ocsf["status_id"].to_string(),
        text("action"),
        text("disposition"),
    ];
    assert_eq!(got.join(" "), want);
}

#[test]
fn what_happened_is_said_in_the_words_of_the_schema() {
    check("auth.success", None, "API Activity 99 Informational 1 Allowed Allowed");
    check("auth.rejected", None, "Detection Finding 1 Medium 1 Denied Rejected");
    check("tool.allowed", None, "API Activity 99 Informational 1 Allowed Allowed");
    check("tool.asked", None, "API Activity 99 Low 1 Unknown Awaiting approval");
    check("tool.blocked", Some("GRD-010"), "Detection Finding 1 High 1 Denied Blocked");
    check("tool.blocked", Some("GRD-030"), "Detection Finding 1 Medium 1 Denied Blocked");
    check("tool.executed", None, "API Activity 99 Informational 1 Unknown Logged");
    check("tool.error", None, "Detection Finding 1 Medium 1 Denied Error");
    check("approval.requested", None, "API Activity 99 Low 1 Unknown Awaiting approval");
    check("approval.approved", None, "API Activity 99 Low 1 Allowed Approved");
    check("approval.denied", None, "API Activity 99 Low 2 Denied Rejected");
    check("approval.expired", None, "API Activity 99 Low 2 Denied Blocked");
    check("approval.withdrawn", None, "API Activity 99 Low 2 Denied Blocked");
    check("admin.config_changed", None, "API Activity 3 Low 1 Unknown Logged");
    check("admin.token_created", None, "API Activity 1 Low 1 Unknown Logged");
    check("admin.token_revoked", None, "API Activity 4 Low 1 Unknown Logged");
    check("system.started", None, "API Activity 99 Informational 1 Unknown Logged");
    check("system.stopped", None, "API Activity 99 Informational 1 Unknown Logged");
    check("system.log_repaired", None, "Detection Finding 1 High 1 Unknown Logged");
    check("system.alarm", None, "Detection Finding 1 High 1 Unknown Logged");
    check("system.segments_expired", None, "API Activity 99 Informational 1 Unknown Logged");
    check("admin.subject_erased", None, "API Activity 4 Low 1 Unknown Logged");
    check("policy.tool_drift", None, "Detection Finding 1 High 1 Unknown Logged");
    check("tool.of_an_application", None, "API Activity 99 Informational 1 Unknown Logged");
}

/// What the schema requires of a class, by JSON pointer.
fn required(class: u64) -> Vec<&'static str> {
    let base = [
        "/activity_id",
        "/category_uid",
        "/class_uid",
        "/severity_id",
        "/time",
        "/type_uid",
        "/metadata/version",
        "/metadata/product/name",
        // `attestation` needs a fingerprint or signatures, `prev_event` its uid.
        "/attestation/fingerprint/algorithm_id",
        "/attestation/fingerprint/value",
        "/attestation/prev_event/uid",
    ];
    let of_class: &[_] = match class {
        6003 => &["/actor/user/name", "/api/operation", "/src_endpoint/name", "/ai_agent/uid"],
        _ => &["/finding_info/uid", "/evidences/0/actor/user/name", "/evidences/0/api/operation"],
    };
    [&base, of_class].concat()
}

#[test]
fn every_action_has_all_that_is_required() {
    for action in Action::OURS {
        let ocsf = mapped(&event(action.clone(), &json!({ "code": "GRD-030", "tool": "t" })));
        let number = |name: &str| ocsf[name].as_u64().unwrap();
        let class = number("class_uid");
        assert_eq!(number("category_uid"), class / 1000);
        assert_eq!(number("type_uid"), class * 100 + number("activity_id"));
        assert_eq!(number("time"), AT);
        for pointer in required(class) {
            let value = ocsf.pointer(pointer).unwrap_or(&Value::Null);
            assert!(!value.is_null(), "{} lacks {pointer}: {ocsf}", action.as_str());
        }
        // 99 says that the source has a word of its own for what was done.
        let named = ocsf["activity_name"].as_str().unwrap() == action.as_str();
        assert_eq!(named, number("activity_id") == 99, "{ocsf}");
        let finding = class == 2004;
        assert_eq!(
            ocsf["metadata"]["profiles"].as_array().unwrap().len(),
            if finding { 2 } else { 3 }
        );
        assert_eq!(ocsf.get("is_alert").is_some(), finding);
    }
}

#[test]
fn a_refusal_is_a_finding_with_its_evidence_and_its_place_in_the_chain() {
    let detail =
        json!({ "tool": "pay", "verdict": "deny", "code": "GRD-030", "reason": "why \"so\"" });
    let record = event(Action::ToolBlocked, &detail);
    let line = line(&record);
    let view: Value = serde_json::from_slice(&line).unwrap();
    let raw = std::str::from_utf8(&line).unwrap().trim_end();
    let fingerprint =
        |mac: &str| json!({ "algorithm_id": 99, "algorithm": "HMAC-SHA-256", "value": view[mac] });
    assert_eq!(
        mapped(&record),
        json!({
            "class_uid": 2004, "class_name": "Detection Finding",
            "category_uid": 2, "category_name": "Findings",
            "activity_id": 1, "activity_name": "Create", "type_uid": 200_401,
            "severity_id": 3, "severity": "Medium", "time": AT, "message": "why \"so\"",
            "status_id": 1, "action_id": 2, "action": "Denied",
            "disposition_id": 2, "disposition": "Blocked", "is_alert": true,
            "metadata": {
                "version": "1.9.0",
                "product": { "name": "Baker Street", "vendor_name": "Baker Street", "version": "0.1.0" },
                "profiles": ["record_integrity", "security_control"],
                "uid": "00ff-1", "sequence": 1, "log_name": "audit", "event_code": "tool.blocked",
                "original_time": "2026-02-24T09:30:00.123Z", "correlation_uid": "c-1",
            },
            "attestation": {
                "uid": "00ff-1", "chain_uid": "00ff", "fingerprint": fingerprint("mac"),
                "prev_event": { "uid": "00ff-0", "fingerprint": fingerprint("prev") },
            },
            "finding_info": {
                "uid": "00ff-1", "title": "why \"so\"", "created_time": AT,
                "analytic": { "uid": "GRD-030", "name": "GRD-030", "type_id": 1 },
            },
            "evidences": [{
                "actor": { "user": { "name": "laptop", "uid": "ann", "type_id": 1 } },
                "api": { "operation": "pay", "request": { "uid": "dec-1" } },
                "src_endpoint": { "name": "laptop" },
                "ai_agent": { "uid": "ci-bot", "instance_uid": "c-1" },
            }],
            "raw_data": raw,
        })
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_mapping_fail(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut line = line(&event(Action::ToolAsked, &json!({ "tool": "t" })));
        let at = at.index(line.len());
        let end = (at + bytes.len() / 2).min(line.len());
        line.splice(at..end, bytes);
        if let Some(ocsf) = to_ocsf(&line, ORIGIN) {
            prop_assert!(serde_json::from_slice::<Value>(&ocsf).is_ok());
        }
    }
}
