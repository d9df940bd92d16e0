//! The control socket, and the same without a server.

use bakerst_gateway::{operate, own_uid};
use bakerst_model::Action;
use serde_json::{Value, json};

use crate::support::{House, Plan, destructive, harmless};

#[tokio::test]
async fn the_account_that_runs_us_needs_no_token() {
    let house = House::new().await;
    let uid = own_uid().unwrap();
    assert_eq!(house.person().await.get("/api/tokens").await.status, 200);
    let success = house.journal.of(&Action::AuthSuccess).remove(0);
    assert_eq!(*success.actor.name, *format!("operator (uid {uid})"));
    assert_eq!(success.detail, json!({ "method": "account", "door": "control" }));
}

#[tokio::test]
async fn the_control_socket_is_no_door_for_agents() {
    let house = House::new().await;
    let mut person = house.person().await;
    for path in ["/v1/guard/before", "/v1/guard/after", "/v1/guard/audit"] {
        assert_eq!(person.post(path, &harmless()).await.verdict(), "404 API-008", "{path}");
    }
    assert_eq!(person.get("/readyz").await.verdict(), "404 API-008");
}

#[tokio::test]
async fn operators_are_served_without_a_server() {
    let plan = Plan::new();
    let (journal, approvals) = (plan.journal.clone(), plan.approvals.clone());
    let house = plan.open().await;
    house.socket().await.post("/v1/guard/before", &destructive("/a")).await;
    let stopped = Plan { journal, approvals, ..Plan::new() };
    let gateway = stopped.gateway().await;
    let listed = operate(&gateway, 1000, "GET", "/api/approvals", None).await;
    assert_eq!(listed.status, 200);
    let listed: Value = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed[0]["id"], "apr-1");
    let body = json!({ "approve": true }).to_string().into_bytes();
    let settled = operate(&gateway, 1000, "POST", "/api/approvals/apr-1", Some(body)).await;
    let settled: Value = serde_json::from_slice(&settled.body).unwrap();
    assert_eq!(settled["answeredBy"], "operator (uid 1000)");
    for (method, path, status) in
        [("GET", "/nothing", 404), ("PUT", "/api/tokens", 405), ("GET", "no path", 404)]
    {
        assert_eq!(operate(&gateway, 1000, method, path, None).await.status, status, "{path}");
    }
}
