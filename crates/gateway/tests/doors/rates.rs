//! How often calls may be made.

use bakerst_guard::rate::{Rate, Rates};
use bakerst_model::Action;
use serde_json::json;

use crate::support::{House, Plan, harmless, with};

fn per_user(text: &str) -> Rates {
    Rates { per_user: Some(Rate::parse(text).unwrap()), ..Rates::default() }
}

/// One call a minute: of an agent, of a user, of all together.
pub(crate) fn one_a_minute() -> [Rates; 3] {
    let one = || Some(Rate::parse("1/min").unwrap());
    [
        Rates { per_agent: one(), ..Rates::default() },
        Rates { per_user: one(), ..Rates::default() },
        Rates { global: one(), ..Rates::default() },
    ]
}

#[tokio::test]
async fn each_rate_is_held_and_says_when_to_come_back() {
    for (rates, setting) in one_a_minute().into_iter().zip(["per_agent", "per_user", "global"]) {
        let house = House::new().await;
        house.gateway.limit_rates(rates);
        let mut agent = house.tcp().await;
        assert_eq!(agent.post("/v1/guard/before", &harmless()).await.status, 200);
        let late = agent.post("/v1/guard/before", &harmless()).await;
        assert_eq!((late.status, late.header("retry-after")), (429, Some("60")), "{late:?}");
        let limited = house.journal.of(&Action::RateLimited).remove(0);
        assert_eq!(limited.detail["setting"], setting);
    }
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
