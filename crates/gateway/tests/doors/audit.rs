//! Events of the application's own.

use bakerst_model::Limits;
use serde_json::{Value, json};

use crate::support::{House, Mood, Plan};

const AUDIT: &str = "/v1/guard/audit";

fn event(what: u32) -> Value {
    json!({ "category": "tool", "action": "tool.executed", "detail": { "n": what } })
}

#[tokio::test]
async fn an_event_is_kept_with_what_the_application_says_apart() {
    let house = House::new().await;
    let sent = json!({
        "timestamp": "2026-02-24T09:30:00Z", "category": "llm", "action": "llm.request",
        "actor": "system", "detail": { "model": "m", "tokens": 17 }, "extra": 1,
    });
    let reply = house.tcp().await.post(AUDIT, &sent).await;
    assert_eq!(
        (reply.status, reply.json()),
        (200, json!({ "accepted": 1, "first": 2, "last": 2 }))
    );
    let taken = house.journal.all().remove(1);
    assert_eq!(taken.action, "llm.request");
    assert_eq!(&*taken.actor.name, "laptop", "whoever holds the token is its actor");
    let want = json!({
        "reported": { "timestamp": "2026-02-24T09:30:00Z", "actor": "system" },
        "detail": { "model": "m", "tokens": 17 },
    });
    assert_eq!(taken.detail, want);
}

#[tokio::test]
async fn events_of_an_array_keep_their_order() {
    let house = House::new().await;
    let sent: Vec<Value> = (0..20).map(event).collect();
    let reply = house.socket().await.post(AUDIT, &json!(sent)).await;
    assert_eq!(reply.json(), json!({ "accepted": 20, "first": 2, "last": 21 }));
    let kept: Vec<Value> = house
        .journal
        .all()
        .iter()
        .skip(1)
        .map(|taken| taken.detail["detail"]["n"].clone())
        .collect();
    assert_eq!(kept, (0..20).map(Value::from).collect::<Vec<_>>());
    let none = house.socket().await.post(AUDIT, &json!([])).await;
    assert_eq!(none.json(), json!({ "accepted": 0 }));
}

#[tokio::test]
async fn what_an_application_tells_has_the_type_that_its_field_has() {
    let house = House::new().await;
    let mut app = house.tcp().await;
    let rows = [
        ("auth", json!({ "method": "oidc", "reason": "expired", "ip": "2001:db8::7" })),
        ("auth", json!({ "method": 7 })),
        ("auth", json!({ "reason": [] })),
        ("auth", json!({ "ip": "the office" })),
        ("tool", json!({ "tool": "ls", "input": [1], "duration_ms": 1.5, "decision": "approve" })),
        ("tool", json!({ "tool": {} })),
        ("tool", json!({ "duration_ms": -1 })),
        ("tool", json!({ "duration_ms": "3 s" })),
        ("tool", json!({ "decision": true })),
        ("secret", json!({ "keys": ["db"], "requested_by": "ann", "restart": false })),
        ("secret", json!({ "keys": "db" })),
        ("secret", json!({ "requested_by": 7 })),
        ("secret", json!({ "restart": "yes" })),
        ("admin", json!({ "setting": "a.b", "old": null, "new": { "x": [] } })),
        ("admin", json!({ "setting": 7 })),
        (
            "llm",
            json!({ "model": "m", "provider": "p", "tokens": { "input": 3, "output": 4 },
                    "cost": "0.0125", "cache": { "read_tokens": 2, "share": 0.5 }, "error": {} }),
        ),
        ("llm", json!({ "tokens": 7, "cost": 0.5, "cache": "hit", "error": "timeout" })),
        ("llm", json!({ "model": [] })),
        ("llm", json!({ "provider": 1 })),
        ("llm", json!({ "tokens": -7 })),
        ("llm", json!({ "tokens": { "input": "many" } })),
        ("llm", json!({ "cost": "much" })),
        ("llm", json!({ "cost": -0.5 })),
        ("llm", json!({ "cache": { "hit": "yes" } })),
        // Others may stand beside them, those of other families too.
        ("llm", json!({ "keys": 7, "tool": [], "temperature": 0.7, "model": null })),
    ];
    for (category, detail) in rows {
        let action = format!("{category}.x");
        let sent = json!({ "category": category, "action": action, "detail": detail });
        let reply = app.post(AUDIT, &sent).await;
        let fields = detail.as_object().unwrap();
        match fields.len() {
            1 => {
                let named = format!("`detail.{}`", fields.keys().next().unwrap());
                assert_eq!(reply.verdict(), "400 API-005", "{detail}");
                assert!(reply.text.contains(&named), "{named}: {}", reply.text);
            }
            _ => {
                assert_eq!(reply.status, 200, "{detail}: {}", reply.text);
                assert_eq!(house.journal.all().pop().unwrap().detail["detail"], detail);
            }
        }
    }
}

#[tokio::test]
async fn one_bad_event_keeps_all_of_them_out() {
    let house = House::new().await;
    let mut app = house.socket().await;
    let rows = [
        (json!({ "action": "tool.executed" }), "category"),
        (json!({ "category": "tool" }), "action"),
        (json!({ "category": "approval", "action": "approval.approved" }), "approval"),
        (json!({ "category": "tool", "action": "auth.success" }), "auth.success"),
        (json!({ "category": "tool", "action": "tool.a\nb" }), "tool.a"),
        (json!({ "category": "tool", "action": "tool.x", "detail": [] }), "detail"),
        (json!({ "category": "tool", "action": "tool.x", "detail": "x" }), "detail"),
        (json!({ "category": "tool", "action": "tool.x", "timestamp": {} }), "timestamp"),
        (
            json!({ "category": "tool", "action": "tool.x", "timestamp": "x".repeat(65) }),
            "timestamp",
        ),
        (json!(17), "17"),
    ];
    for (bad, named) in rows {
        let reply = app.post(AUDIT, &bad).await;
        assert_eq!(reply.verdict(), "400 API-005", "{bad}");
        assert!(reply.text.contains(named), "{named}: {}", reply.text);
        let reply = app.post(AUDIT, &json!([event(1), bad])).await;
        assert_eq!(reply.verdict(), "400 API-005", "{bad}");
        assert!(reply.text.contains('1'), "the place is named: {}", reply.text);
    }
    assert_eq!(house.journal.actions(), ["auth.success"]);
}

#[tokio::test]
async fn there_are_only_so_many_events_in_one_request() {
    let house = Plan::new().limits(|limits| limits.audit_events_max = 3).open().await;
    let mut app = house.socket().await;
    let send = |count: u32| json!((0..count).map(event).collect::<Vec<_>>());
    assert_eq!(app.post(AUDIT, &send(3)).await.field("accepted"), 3);
    assert_eq!(app.post(AUDIT, &send(4)).await.verdict(), "413 API-012");
}

#[tokio::test]
async fn secrets_stay_out_and_long_details_are_cut_and_say_so() {
    let house = House::new().await;
    let key = ["sk-", "ant-", "abcdefghijklmnopqrstuvwxyz"].concat();
    let mut app = house.socket().await;
    let secret = json!({
        "category": "secret", "action": "secret.read", "actor": format!("me {key}"),
        "detail": { "value": key, "deep": [{ "v": key }] },
    });
    assert_eq!(app.post(AUDIT, &secret).await.status, 200);
    let long = json!({
        "category": "tool", "action": "tool.executed", "detail": { "x": "y".repeat(100_000) },
    });
    assert_eq!(app.post(AUDIT, &long).await.status, 200);
    let all = house.journal.all();
    assert!(!format!("{all:?}").contains(&key));
    assert_eq!(all[1].detail["detail"]["value"], "[REDACTED_API_KEY]");
    let cut = &all[2].detail["detail"];
    assert_eq!(cut["bytes"], 100_008);
    let max = Limits::default().record_input_bytes_max;
    assert_eq!(cut["cut"].as_str().unwrap().len(), max);
}

#[tokio::test]
async fn events_that_cannot_be_recorded_are_not_accepted() {
    let house = House::new().await;
    let mut app = house.socket().await;
    assert_eq!(app.post(AUDIT, &event(1)).await.status, 200);
    house.journal.set(Mood::Closed);
    let reply = app.post(AUDIT, &json!([event(2), event(3)])).await;
    assert_eq!(reply.verdict(), "503 AUD-002");
    assert!(reply.text.contains("0 of 2 events were recorded"), "{}", reply.text);
}
