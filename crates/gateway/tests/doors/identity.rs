//! Who is let in, and what is written down about it.

use bakerst_model::{Action, Role};
use serde_json::json;

use crate::support::{Client, House, Plan, harmless, with};

const BEFORE: &str = "/v1/guard/before";

#[tokio::test]
async fn a_token_must_be_there_known_and_in_use() {
    let house = House::new().await;
    let unknown = format!("bst_00000000_{}", "0".repeat(64));
    let (id, _) = house.agent.rsplit_once('_').unwrap();
    let wrong = format!("{id}_{}", "0".repeat(64));
    house.person().await.delete("/api/tokens/laptop").await;
    let revoked = house.agent.clone();
    let mut answers = Vec::new();
    for token in [unknown.as_str(), &wrong, &revoked, "bst_", "hello"] {
        let mut client = house.tcp().await.with_token(token);
        let reply = client.post(BEFORE, &harmless()).await;
        assert_eq!(reply.verdict(), "401 AUT-002", "{token}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        answers.push(reply.text);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "an unknown token and a wrong secret look alike");
    let mut nobody = Client::tcp(house.address, None).await;
    assert_eq!(nobody.post(BEFORE, &harmless()).await.verdict(), "401 AUT-001");
    let basic = "content-type: application/json\r\nauthorization: Basic eDp5\r\n";
    let reply = nobody.exchange("POST /v1/guard/before", basic, b"{}").await;
    assert_eq!(reply.verdict(), "401 AUT-001");
    let rejected = house.journal.of(&Action::AuthRejected);
    assert_eq!(rejected.len(), 7);
    assert_eq!(&*rejected[0].actor.name, "unknown");
    assert_eq!(rejected[0].actor.ip.unwrap().to_string(), "127.0.0.1");
    let want = json!({
        "method": "bearer token", "door": "tcp", "token": "00000000", "path": BEFORE,
        "code": "AUT-002", "reason": "the bearer token is not known",
    });
    assert_eq!(rejected[0].detail, want);
    assert!(!format!("{rejected:?}").contains(&"0".repeat(64)), "no secret is recorded");
}

#[tokio::test]
async fn two_tokens_at_once_are_none() {
    let house = House::new().await;
    let headers = "authorization: Bearer x\r\ncontent-type: application/json\r\n";
    let reply = house.tcp().await.exchange("POST /v1/guard/before", headers, b"{}").await;
    assert_eq!(reply.verdict(), "401 AUT-001");
}

#[tokio::test]
async fn each_road_wants_its_role() {
    let house = House::new().await;
    let roads = [
        ("POST", BEFORE, Role::Agent),
        ("POST", "/v1/guard/after", Role::Agent),
        ("POST", "/v1/guard/audit", Role::Agent),
        ("GET", "/api/approvals", Role::Approver),
        ("GET", "/api/approvals/apr-1", Role::Approver),
        ("POST", "/api/approvals/apr-1", Role::Approver),
        ("GET", "/api/tokens", Role::Admin),
        ("POST", "/api/tokens", Role::Admin),
        ("DELETE", "/api/tokens/x", Role::Admin),
    ];
    let holders = [
        (&house.agent, Role::Agent),
        (&house.approver, Role::Approver),
        (&house.admin, Role::Admin),
    ];
    for (method, path, role) in roads {
        for (token, own) in holders {
            let mut client = house.tcp().await.with_token(token);
            let json = "content-type: application/json\r\n";
            let reply = client.exchange(&format!("{method} {path}"), json, b"{}").await;
            assert_eq!(reply.status == 403, role != own, "{method} {path} as {own}: {reply:?}");
        }
    }
    let rejected = house.journal.of(&Action::AuthRejected);
    assert_eq!(rejected.len(), 18);
    assert_eq!(&*rejected[0].actor.name, "ann", "whoever it was is named");
    assert_eq!(rejected[0].detail["code"], "AUT-003");
}

#[tokio::test]
async fn a_bound_token_speaks_for_its_own_agent() {
    let plan = Plan::new();
    let token = plan.token("bound", &[Role::Agent], Some("watson")).await;
    let house = plan.open().await;
    let mut watson = house.tcp().await.with_token(&token);
    assert_eq!(watson.post(BEFORE, &harmless()).await.field("allow"), true);
    let own = with(harmless(), "agent", "watson");
    assert_eq!(watson.post(BEFORE, &own).await.field("allow"), true);
    let other = with(harmless(), "agent", "moriarty");
    assert_eq!(watson.post(BEFORE, &other).await.verdict(), "403 AUT-004");
    let told = with(other.clone(), "result", 1);
    assert_eq!(watson.post("/v1/guard/after", &told).await.verdict(), "403 AUT-004");
    let allowed = house.journal.of(&Action::ToolAllowed);
    assert!(allowed.iter().all(|taken| taken.actor.agent.as_ref().unwrap().as_str() == "watson"));
    assert_eq!(house.journal.of(&Action::AuthRejected)[0].detail["code"], "AUT-004");
    let free = house.tcp().await.post(BEFORE, &other).await;
    assert_eq!(free.field("allow"), true, "a token that is not bound names its agent");
}

#[tokio::test(start_paused = true)]
async fn a_credential_in_use_is_recorded_per_source_and_seldom() {
    let house = House::new().await;
    let minutes = |count: u64| std::time::Duration::from_secs(60 * count);
    for _ in 0..3 {
        house.socket().await.post(BEFORE, &harmless()).await;
    }
    assert_eq!(house.journal.of(&Action::AuthSuccess).len(), 1);
    tokio::time::advance(minutes(14)).await;
    house.socket().await.post(BEFORE, &harmless()).await;
    assert_eq!(house.journal.of(&Action::AuthSuccess).len(), 1);
    tokio::time::advance(minutes(2)).await;
    house.socket().await.post(BEFORE, &harmless()).await;
    assert_eq!(house.journal.of(&Action::AuthSuccess).len(), 2);
    house.tcp().await.post(BEFORE, &harmless()).await;
    assert_eq!(house.journal.of(&Action::AuthSuccess).len(), 3, "another source");
}

/// ATK: guessing tokens must not fill the disk.
#[tokio::test(start_paused = true)]
async fn a_flood_of_wrong_tokens_is_counted_and_not_written_out() {
    let house = House::new().await;
    let mut client = house.socket().await.with_token("guess");
    for _ in 0..200 {
        assert_eq!(client.post(BEFORE, &harmless()).await.status, 401);
    }
    assert_eq!(house.journal.of(&Action::AuthRejected).len(), 60);
    house.journal.until(Action::AuthRejected, 61).await;
    let last = house.journal.of(&Action::AuthRejected).pop().unwrap();
    assert_eq!(last.detail, json!({ "suppressed": 140 }));
}

/// ATK: a web page must not reach a door by a name of its own (DNS rebinding).
#[tokio::test]
async fn a_web_page_reaches_no_door() {
    let house = House::new().await;
    let send = async |headers: &str| {
        let mut client = Client::tcp(house.address, None).await;
        client.send(format!("GET /healthz HTTP/1.1\r\n{headers}\r\n").as_bytes()).await;
        client.reply().await
    };
    let address = house.address;
    for host in ["localhost", "127.0.0.1", "[::1]:1", &address.to_string()] {
        assert_eq!(send(&format!("host: {host}\r\n")).await.status, 200, "{host}");
    }
    for headers in [
        "host: rebound.example\r\n",
        "host: rebound.example:8731\r\n",
        "",
        "host: localhost\r\norigin: https://evil.example\r\n",
        "host: localhost\r\norigin: null\r\n",
        "host: localhost\r\nhost: localhost\r\n",
    ] {
        assert_eq!(send(headers).await.verdict(), "403 AUT-005", "{headers}");
    }
    assert_eq!(house.journal.of(&Action::AuthRejected).len(), 6);
    let local = "host: localhost\r\norigin: http://127.0.0.1:3000\r\n";
    assert_eq!(send(local).await.status, 200);
}
