//! The log over the operator's API: who reads it, who keeps it, and who does neither.

use bakerst_model::{Action, Role};
use serde_json::{Value, json};

use crate::support::{Client, House, Mood, Plan};

const READS: [&str; 3] = ["/api/audit/query", "/api/audit/stats", "/api/audit/export"];

/// A house, and the token of somebody with these roles.
async fn house_with(roles: &[Role]) -> (House, String) {
    let plan = Plan::new();
    let token = plan.token("vera", roles, None).await;
    (plan.open().await, token)
}

async fn holder(house: &House, token: &str) -> Client {
    house.tcp().await.with_token(token)
}

#[tokio::test]
async fn only_auditors_read_the_log() {
    for (roles, reads) in [
        (&[Role::Auditor][..], true),
        (&[Role::Auditor, Role::Approver], true),
        (&[Role::Agent], false),
        (&[Role::Approver, Role::Admin], false),
        (&[Role::Agent, Role::Auditor], false),
    ] {
        let (house, token) = house_with(roles).await;
        for path in READS {
            for mut client in
                [holder(&house, &token).await, house.socket().await.with_token(&token)]
            {
                let reply = client.post(path, &json!({})).await;
                let want = if reads { 200 } else { 403 };
                assert_eq!(reply.status, want, "{path} by {roles:?}: {}", reply.text);
                assert_eq!(reply.text.contains("tool.allowed"), reads, "{path} by {roles:?}");
            }
            let nobody = Client::tcp(house.address, None).await.post(path, &json!({})).await;
            assert_eq!(nobody.verdict(), "401 AUT-001");
        }
        assert_eq!(house.journal.of(&Action::LogRead).is_empty(), !reads);
    }
}

#[tokio::test]
async fn an_auditor_does_nothing_else() {
    let (house, token) = house_with(&[Role::Auditor]).await;
    let mut vera = holder(&house, &token).await;
    for path in ["/v1/guard/before", "/v1/guard/audit", "/api/tokens", "/api/audit/rotate-key"] {
        assert_eq!(vera.post(path, &json!({})).await.status, 403, "{path}");
    }
    assert_eq!(vera.get("/api/approvals").await.status, 403);
}

#[tokio::test]
async fn no_token_is_made_that_acts_and_reads() {
    let house = House::new().await;
    let wanted = json!({ "name": "both", "roles": ["auditor", "agent"] });
    let refused = house.person().await.post("/api/tokens", &wanted).await;
    assert_eq!(refused.verdict(), "400 API-005");
    assert!(refused.text.contains("no agent reads the log"), "{}", refused.text);
}

#[tokio::test]
async fn the_log_is_handed_out_page_by_page() {
    let (house, token) = house_with(&[Role::Auditor]).await;
    let mut vera = holder(&house, &token).await;
    for (newest, want) in [(false, [1, 3, 5, 7]), (true, [7, 5, 3, 1])] {
        let (mut seqs, mut from) = (Vec::new(), Value::Null);
        loop {
            let body = json!({
                "filter": { "tool": ["alpha"] }, "newest": newest, "limit": 3, "from": from,
            });
            let page = vera.post("/api/audit/query", &body).await.json();
            let records = page["records"].as_array().unwrap().clone();
            seqs.extend(records.iter().map(|record| record["seq"].as_u64().unwrap()));
            let Some(next) = page.get("next") else { break };
            from = next.clone();
        }
        assert_eq!(seqs, want);
    }
    let body = json!({ "filter": { "tool": ["beta"] }, "limit": 2, "format": "ocsf" });
    let export = vera.post("/api/audit/export", &body).await;
    assert_eq!(export.header("bakerst-next"), Some("6"));
    let events: Vec<Value> =
        export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["metadata"]["version"], "1.9.0");
    let counted = vera.post("/api/audit/stats", &json!({ "by": "day" })).await.json();
    assert_eq!(counted["tool"], json!({ "alpha": 4, "beta": 3 }));
    assert_eq!(counted["time"], json!({ "1970-01-01": 8 }));
}

#[tokio::test]
async fn that_the_log_was_read_is_recorded_first() {
    let (house, token) = house_with(&[Role::Auditor]).await;
    let mut vera = holder(&house, &token).await;
    let filter = json!({ "tool": ["alpha"], "user": ["ann"], "text": ["hunter2"] });
    let body = json!({ "filter": filter, "from": 2 });
    assert_eq!(vera.post("/api/audit/query", &body).await.status, 200);
    let read = house.journal.of(&Action::LogRead).remove(0);
    assert_eq!(&*read.actor.name, "vera");
    let want = json!({
        "what": "query", "filter": { "tool": ["alpha"] }, "users": 1, "texts": 1, "from": 2,
        "records": 0,
    });
    assert_eq!(read.detail, want, "whom or what was looked for is not told");
    house.journal.set(Mood::Unwritable);
    for path in READS {
        let refused = vera.post(path, &json!({})).await;
        assert_eq!(refused.verdict(), "503 AUD-001", "{path}");
        assert!(!refused.text.contains("tool.allowed"), "{path}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_name() {
    let (house, token) = house_with(&[Role::Auditor]).await;
    let mut vera = holder(&house, &token).await;
    let many = vec!["x"; 101];
    for (body, named) in [
        (json!({ "filters": {} }), "filters"),
        (json!({ "filter": { "tols": [] } }), "tols"),
        (json!({ "filter": { "tool": "alpha" } }), "alpha"),
        (json!({ "filter": { "since": "soon" } }), "since"),
        (json!({ "filter": { "decision": ["perhaps"] } }), "perhaps"),
        (json!({ "filter": { "code": many } }), "code"),
        (json!({ "limit": 0 }), "limit"),
        (json!({ "limit": 1001 }), "audit_page_records_max"),
        (json!({ "format": "csv" }), "csv"),
        (json!({ "from": -1 }), "-1"),
    ] {
        let refused = vera.post("/api/audit/query", &body).await;
        assert_eq!(refused.verdict(), "400 API-005", "{body}");
        assert!(refused.text.contains(named), "{named}: {}", refused.text);
    }
    assert!(house.journal.of(&Action::LogRead).is_empty());
}

#[tokio::test]
async fn only_the_account_that_runs_us_keeps_the_log() {
    let plan = Plan::new();
    let custody = plan.custody.clone();
    let house = plan.open().await;
    let retain = json!({ "bytesMax": 7, "ageDaysMax": 1, "apply": true });
    let asked = [
        ("/api/audit/rotate-key", json!({})),
        ("/api/audit/erase", json!({ "subject": "ann" })),
        ("/api/audit/retain", retain),
    ];
    for (path, body) in &asked {
        for token in [&house.admin, &house.approver, &house.agent] {
            let refused = holder(&house, token).await.post(path, body).await;
            assert_eq!(refused.verdict(), "403 AUT-003", "{path}: {}", refused.text);
        }
    }
    assert!(custody.kept.lock().unwrap().is_empty());
    let mut person = house.person().await;
    for (path, body) in &asked {
        let done = person.post(path, body).await;
        assert_eq!(done.status, 200, "{path}: {}", done.text);
    }
    let kept = custody.kept.lock().unwrap().clone();
    assert_eq!(kept, ["rotate", "erase ann", "retain Some(86400000) Some(7) true"]);
    let nobody = person.post("/api/audit/erase", &json!({ "subject": "bob" })).await;
    assert_eq!(nobody.verdict(), "404 AUD-006");
}
