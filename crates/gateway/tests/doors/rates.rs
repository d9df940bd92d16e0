//! How often calls may be made.

use bakerst_guard::rate::{Rate, Rates};
use bakerst_model::Action;
use serde_json::json;

use crate::support::{House, Plan, harmless, with};

fn per_user(text: &str) -> Rates {
    Rates { per_user: Some(Rate::parse(text).unwrap()), ..Rates::default() }
}

#[tokio::test]
async fn a_call_too_many_waits_and_is_told_how_long() {
    let plan = Plan::new();
    let clock = plan.clock.clone();
    let house = plan.open().await;
    house.gateway.limit_rates(per_user("2/min"));
    let mut agent = house.tcp().await;
    for user in ["ann", "ann", "eve"] {
        let call = with(harmless(), "userId", user);
        assert_eq!(agent.post("/v1/guard/before", &call).await.status, 200);
    }
    let call = with(harmless(), "userId", "ann");
    for _ in 0..5 {
        let late = agent.post("/v1/guard/before", &call).await;
        assert_eq!((late.status, late.header("retry-after")), (429, Some("30")), "{late:?}");
        assert_eq!(late.field("retryable"), true);
    }
    let [told] = &house.journal.of(&Action::RateLimited)[..] else { panic!("told once") };
    assert_eq!(
        (&told.detail["setting"], &told.detail["rate"]),
        (&json!("per_user"), &json!("2/min"))
    );
    clock.advance(30_000);
    assert_eq!(agent.post("/v1/guard/before", &call).await.status, 200);
}

#[tokio::test]
async fn what_makes_no_call_is_not_counted() {
    let house = House::new().await;
    house.gateway.limit_rates(per_user("1/d"));
    let mut agent = house.tcp().await;
    for _ in 0..5 {
        assert_eq!(agent.get("/healthz").await.status, 200);
    }
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.status, 200);
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.status, 429);
}
