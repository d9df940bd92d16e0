//! Tokens are made, listed and withdrawn.

use bakerst_model::{Action, present_token};
use serde_json::{Value, json};

use crate::support::{House, Mood, harmless};

#[tokio::test]
async fn a_token_is_shown_once_and_works_at_once() {
    let house = House::new().await;
    let mut person = house.person().await;
    let wanted = json!({ "name": "build-7", "roles": ["agent", "agent"], "agent": null });
    let made = person.post("/api/tokens", &wanted).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = made.field("token").as_str().unwrap().to_owned();
    let (id, digest) = present_token(&text).unwrap();
    assert_eq!(made.field("id"), id.to_string());
    assert_eq!(made.field("roles"), json!(["agent"]));
    let kept = house.tokens.all().pop().unwrap();
    assert_eq!((kept.id, kept.digest), (id, digest), "only a digest is kept");
    let mut build = house.tcp().await.with_token(&text);
    assert_eq!(build.post("/v1/guard/before", &harmless()).await.field("allow"), true);
    let listed = person.get("/api/tokens").await;
    assert!(!listed.text.contains(&text[13..]), "no secret is listed");
    let names: Vec<Value> =
        listed.json().as_array().unwrap().iter().map(|token| token["name"].clone()).collect();
    assert_eq!(names.last().unwrap(), "build-7");
    let recorded = house.journal.of(&Action::TokenCreated).remove(0);
    let want = json!({ "token": id.to_string(), "name": "build-7", "roles": ["agent"] });
    assert_eq!(recorded.detail, want);
    assert!(!format!("{:?}", house.journal.all()).contains(&text[13..]), "nor recorded");
}

#[tokio::test]
async fn a_withdrawn_token_is_refused_at_once() {
    let house = House::new().await;
    let mut agent = house.tcp().await;
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.field("allow"), true);
    let mut admin = house.tcp().await.with_token(&house.admin);
    let gone = admin.delete("/api/tokens/laptop").await;
    assert_eq!((gone.status, gone.field("name")), (200, json!("laptop")));
    assert!(gone.field("revokedAt").is_string());
    assert_eq!(agent.post("/v1/guard/before", &harmless()).await.verdict(), "401 AUT-002");
    assert_eq!(admin.delete("/api/tokens/laptop").await.verdict(), "404 API-015");
    assert!(house.tokens.all()[0].revoked_at.is_some(), "the book knows too");
    let (id, _) = present_token(&house.approver).unwrap();
    assert_eq!(admin.delete(&format!("/api/tokens/{id}")).await.field("name"), "ann");
    let revoked = house.journal.of(&Action::TokenRevoked);
    assert_eq!(revoked.len(), 2);
    assert_eq!(&*revoked[0].actor.name, "root");
    let again = json!({ "name": "laptop", "roles": ["agent"] });
    assert_eq!(admin.post("/api/tokens", &again).await.status, 201, "the name is free again");
}

#[tokio::test]
async fn a_change_that_cannot_be_recorded_does_not_happen() {
    let house = House::new().await;
    let mut person = house.person().await;
    person.get("/api/tokens").await;
    house.journal.set(Mood::Unwritable);
    let wanted = json!({ "name": "build", "roles": ["agent"] });
    assert_eq!(person.post("/api/tokens", &wanted).await.verdict(), "503 AUD-001");
    assert_eq!(person.delete("/api/tokens/laptop").await.verdict(), "503 AUD-001");
    house.journal.set(Mood::Takes);
    assert_eq!(house.tokens.all().len(), 3);
    assert_eq!(house.tcp().await.post("/v1/guard/before", &harmless()).await.status, 200);
}

#[tokio::test]
async fn names_that_mean_something_else_are_refused() {
    let house = House::new().await;
    let mut person = house.person().await;
    let make = |name: &str, roles: Value| json!({ "name": name, "roles": roles });
    for name in
        ["", "system", "unknown", "00c0ffee", "operator (uid 0)", "a b", "é", &"x".repeat(65)]
    {
        let reply = person.post("/api/tokens", &make(name, json!(["agent"]))).await;
        assert_eq!(reply.verdict(), "400 API-005", "{name}");
    }
    for roles in [json!([]), json!(["king"]), json!("agent"), json!(null)] {
        let reply = person.post("/api/tokens", &make("build", roles.clone())).await;
        assert_eq!(reply.verdict(), "400 API-005", "{roles}");
    }
    let taken = person.post("/api/tokens", &make("laptop", json!(["agent"]))).await;
    assert_eq!(taken.verdict(), "409 API-016");
    assert!(house.journal.of(&Action::TokenCreated).is_empty(), "nothing was recorded");
    assert_eq!(house.tokens.all().len(), 3);
}
