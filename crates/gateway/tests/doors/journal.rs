//! What cannot be recorded does not happen.

use bakerst_guard::approval::ApprovalState;
use bakerst_model::Action;
use serde_json::json;

use crate::support::{House, Mood, Plan, destructive, harmless, with};

/// I2: an unwritable log allows nothing.
#[tokio::test]
async fn without_a_journal_nothing_is_allowed() {
    for (mood, code) in [(Mood::Unwritable, "AUD-001"), (Mood::Closed, "AUD-002")] {
        let house = House::new().await;
        let mut agent = house.socket().await;
        assert_eq!(agent.post("/v1/guard/before", &harmless()).await.field("allow"), true);
        house.journal.set(mood);
        let told = with(harmless(), "result", "the time");
        for (path, body) in [
            ("/v1/guard/before", harmless()),
            ("/v1/guard/before", with(harmless(), "toolName", "unheard_of")),
            ("/v1/guard/before", destructive("/a")),
            ("/v1/guard/before?wait=60s", destructive("/b")),
            ("/v1/guard/after", told),
        ] {
            let reply = agent.post(path, &body).await;
            assert_eq!(reply.verdict(), format!("503 {code}"), "{path}");
            assert_eq!(reply.field("allow"), false);
            assert!(!reply.text.contains("the time"), "the result is withheld");
        }
        let ready = agent.get("/readyz").await;
        assert_eq!((ready.status, ready.field("ready")), (503, json!(false)));
        let word = if mood == Mood::Closed { "closed" } else { "unwritable" };
        assert_eq!(ready.field("journal"), word);
        assert_eq!(agent.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn a_first_use_that_cannot_be_recorded_is_refused_and_tried_again() {
    let house = House::new().await;
    let mut agent = house.socket().await;
    house.journal.set(Mood::Unwritable);
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.verdict(), "503 AUD-001");
    house.journal.set(Mood::Takes);
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.field("allow"), true);
    assert_eq!(house.journal.actions(), ["auth.success", "tool.allowed"]);
    assert_eq!(agent.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn an_approval_that_is_used_without_a_record_allows_nothing() {
    let house = House::new().await;
    let mut agent = house.socket().await;
    agent.post("/v1/guard/before", &destructive("/a")).await;
    house.answer("apr-1", true).await;
    house.journal.set(Mood::Unwritable);
    let back = with(destructive("/a"), "approvalId", "apr-1");
    assert_eq!(agent.post("/v1/guard/before", &back).await.verdict(), "503 AUD-001");
    assert!(matches!(house.approvals.state("apr-1"), ApprovalState::Used { .. }));
    house.journal.set(Mood::Takes);
    assert_eq!(agent.post("/v1/guard/before", &back).await.verdict(), "200 GRD-053");
}

#[tokio::test(start_paused = true)]
async fn expiries_that_were_not_recorded_are_recorded_later() {
    let plan = Plan::new().policy_with("timeout_seconds: 300", "timeout_seconds: 5");
    let house = plan.open().await;
    house.socket().await.post("/v1/guard/before", &destructive("/a")).await;
    house.socket().await.post("/v1/guard/before", &destructive("/b")).await;
    house.answer("apr-2", false).await;
    house.journal.set(Mood::Unwritable);
    tokio::time::advance(std::time::Duration::from_secs(6)).await;
    house.socket().await.get("/healthz").await;
    house.journal.set(Mood::Takes);
    house.journal.until(Action::ApprovalExpired, 1).await;
    assert_eq!(house.journal.of(&Action::ApprovalExpired)[0].detail["approval"], "apr-1");
}
