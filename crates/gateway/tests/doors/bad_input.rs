//! Bad input, one row each: status and code.

use std::time::Duration;

use bakerst_model::Action;
use serde_json::json;

use crate::support::{Client, House, Plan, destructive, harmless, request, with};

const BEFORE: &str = "POST /v1/guard/before";
const AFTER: &str = "POST /v1/guard/after";
const JSON: &str = "content-type: application/json\r\n";

/// Sends one request over TCP and over the socket, and expects the same word from both.
async fn check(house: &House, what: &str, line: &str, headers: &str, body: &[u8], want: &str) {
    for mut client in [house.tcp().await, house.socket().await] {
        let reply = client.exchange(line, headers, body).await;
        assert_eq!(reply.verdict(), want, "{what}: {reply:?}");
        let answer = reply.json();
        assert_eq!((&answer["allow"], &answer["action"]), (&json!(false), &json!("reject")));
        for field in ["reason", "remedy"] {
            assert!(answer[field].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        }
        assert!(answer["retryable"].is_boolean(), "{what}");
    }
}

#[tokio::test]
async fn every_bad_body_has_its_code() {
    let house = House::new().await;
    let deep = format!("{{\"toolInput\":{}", "[".repeat(10_000));
    let duplicate = r#"{"conversationId":"c","toolName":"a","toolName":"b","toolInput":{}}"#;
    let inner = r#"{"conversationId":"c","toolName":"a","toolInput":{"x":1,"x":2}}"#;
    let nan = r#"{"conversationId":"c","toolName":"a","toolInput":NaN}"#;
    let huge_number = r#"{"conversationId":"c","toolName":"a","toolInput":1e999}"#;
    let rows: &[(&str, &[u8], &str)] = &[
        ("nothing", b"", "400 API-002"),
        ("no object", b"[]", "400 API-005"),
        ("null", b"null", "400 API-005"),
        ("half an object", b"{\"toolName\":", "400 API-002"),
        ("two values", b"{} {}", "400 API-002"),
        ("10,000 deep", deep.as_bytes(), "400 API-003"),
        ("invalid UTF-8", b"{\"toolName\":\"\xff\xfe\"}", "400 API-002"),
        ("a lone surrogate", br#"{"toolName":"\ud800"}"#, "400 API-002"),
        ("a duplicate key", duplicate.as_bytes(), "400 API-004"),
        ("a duplicate key inside", inner.as_bytes(), "400 API-004"),
        ("NaN", nan.as_bytes(), "400 API-002"),
        ("no finite number", huge_number.as_bytes(), "400 API-002"),
        ("a byte order mark", b"\xef\xbb\xbf{}", "400 API-002"),
    ];
    for (what, body, want) in rows {
        check(&house, what, BEFORE, JSON, body, want).await;
        check(&house, what, AFTER, JSON, body, want).await;
    }
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let house = House::new().await;
    let without = |name: &str| {
        let mut call = harmless();
        call.as_object_mut().unwrap().remove(name).unwrap();
        call
    };
    let rows = [
        (without("conversationId"), "conversationId"),
        (without("toolName"), "toolName"),
        (without("toolInput"), "toolInput"),
        (with(harmless(), "conversationId", 5), "conversationId"),
        (with(harmless(), "toolName", json!(null)), "toolName"),
        (with(harmless(), "toolName", ""), "toolName"),
        (with(harmless(), "toolName", "a\nb"), "toolName"),
        (with(harmless(), "toolName", "x".repeat(257)), "toolName"),
        (with(harmless(), "userId", json!([])), "userId"),
        (with(harmless(), "agent", true), "agent"),
        (with(harmless(), "prompt", 1), "prompt"),
        (with(harmless(), "prompt", "x".repeat((1 << 20) + 1)), "prompt_bytes_max"),
        (with(harmless(), "approvalId", "17"), "approvalId"),
        (with(harmless(), "approvalId", 17), "approvalId"),
    ];
    for (call, name) in rows {
        let reply = house.tcp().await.post("/v1/guard/before", &call).await;
        assert_eq!(reply.verdict(), "400 API-005", "{name}");
        assert!(reply.text.contains(name), "`{name}` is not named: {}", reply.text);
    }
    let told = |name, value| with(with(harmless(), "result", 1), name, value);
    for (call, name) in [
        (harmless(), "result"),
        (told("decisionId", json!("17")), "decisionId"),
        (told("durationMs", json!(-1)), "durationMs"),
        (told("durationMs", json!("1")), "durationMs"),
    ] {
        let reply = house.tcp().await.post("/v1/guard/after", &call).await;
        assert_eq!(reply.verdict(), "400 API-005", "{name}");
        assert!(reply.text.contains(name), "`{name}` is not named: {}", reply.text);
    }
    assert_eq!(house.journal.actions(), ["auth.success"], "nothing was judged");
}

#[tokio::test]
async fn a_long_body_is_refused_whether_its_length_is_said_or_not() {
    let house = House::new().await;
    let body = vec![b' '; 20 << 20];
    check(&house, "20 MiB", BEFORE, JSON, &body, "413 API-001").await;
    let mut client = house.tcp().await;
    let head = format!(
        "{BEFORE} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n{JSON}\
         transfer-encoding: chunked\r\n\r\n",
        house.agent
    );
    client.send(head.as_bytes()).await;
    let mut chunk = format!("{:x}\r\n", 1 << 20).into_bytes();
    chunk.resize(chunk.len() + (1 << 20), b' ');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..20 {
        client.send(&chunk).await;
    }
    client.send(b"0\r\n\r\n").await;
    assert_eq!(client.reply().await.verdict(), "413 API-001");
}

#[tokio::test]
async fn whoever_asks_before_sending_a_long_body_is_told_at_once() {
    let house = House::new().await;
    let mut client = house.tcp().await;
    let head = format!(
        "{BEFORE} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n{JSON}\
         expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n",
        house.agent
    );
    client.send(head.as_bytes()).await;
    assert_eq!(client.reply().await.verdict(), "413 API-001");
}

#[tokio::test]
async fn every_bad_head_has_its_code() {
    let house = House::new().await;
    let body = harmless().to_string().into_bytes();
    let huge = format!("{JSON}x-huge: {}\r\n", "x".repeat(20 << 10));
    let twice = format!("{JSON}{JSON}");
    let before = |query: &str| format!("{BEFORE}?{query}");
    let rows: &[(&str, &str, &str, &str)] = &[
        ("no content type", BEFORE, "", "415 API-006"),
        ("a form", BEFORE, "content-type: text/plain\r\n", "415 API-006"),
        ("nearly JSON", BEFORE, "content-type: application/jsonx\r\n", "415 API-006"),
        ("two content types", BEFORE, &twice, "415 API-006"),
        ("a huge header", BEFORE, &huge, "431 API-018"),
        ("an unknown path", "POST /v1/guard/befor", JSON, "404 API-008"),
        ("a path that is no text", "POST /%ff", JSON, "404 API-008"),
        ("a wrong method", "PUT /v1/guard/before", JSON, "405 API-009"),
        ("a wait of nothing", &before("wait="), JSON, "400 API-011"),
        ("a wait without unit", &before("wait=5"), JSON, "400 API-011"),
        ("a wait too long", &before("wait=601s"), JSON, "400 API-011"),
        ("no wait", &before("wait=0s"), JSON, "400 API-011"),
        ("two waits", &before("wait=1s&wait=2s"), JSON, "400 API-011"),
        ("an unknown parameter", &before("force=true"), JSON, "400 API-011"),
        ("the operators' road", "GET /api/nothing", "", "404 API-008"),
    ];
    for (what, line, headers, want) in rows {
        check(&house, what, line, headers, &body, want).await;
    }
    let reply = house.tcp().await.exchange("GET /v1/guard/before", "", b"").await;
    assert_eq!(reply.header("allow"), Some("POST"));
    let fine = "content-type: Application/JSON; charset=utf-8\r\n";
    assert_eq!(house.tcp().await.exchange(BEFORE, fine, &body).await.field("allow"), true);
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection() {
    let house = House::new().await;
    for bytes in [b"\x16\x03\x01\x02\x00\x01\x00\x01".as_slice(), b"hello\r\n\r\n"] {
        let mut client = house.tcp().await;
        client.send(bytes).await;
        if let Some(reply) = client.try_reply().await {
            assert_eq!(reply.status, 400);
        }
    }
    // Far over what is ever held in memory, the server does not read on.
    let mut client = house.tcp().await;
    let huge = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    client.send(huge.as_bytes()).await;
    assert!(client.try_reply().await.is_none_or(|reply| reply.status == 431));
    assert_eq!(house.tcp().await.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_head_has_a_hundred_headers_at_most() {
    let house = House::new().await;
    // `exchange` sends a few of its own.
    for (headers, status) in [(90, 200), (101, 431)] {
        let many: String = (0..headers).map(|n| format!("x-{n}: y\r\n")).collect();
        let reply = house.tcp().await.exchange("GET /healthz", &many, b"").await;
        assert_eq!(reply.status, status, "{headers}");
    }
}

#[tokio::test]
async fn two_lengths_for_one_body_are_refused() {
    let house = House::new().await;
    for headers in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked, identity\r\n",
    ] {
        let mut client = house.tcp().await;
        let head = format!(
            "{BEFORE} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n{JSON}{headers}\r\n",
            house.agent
        );
        client.send(head.as_bytes()).await;
        let reply = client.try_reply().await;
        assert!(reply.is_none_or(|reply| reply.status == 400));
    }
}

/// ATK: a client that never finishes its head must not hold a connection.
#[tokio::test(start_paused = true)]
async fn a_slow_head_is_told_so_and_hung_up_on() {
    let house = House::new().await;
    let mut client = house.socket().await;
    client.send(b"POST /v1/guard/before HTTP/1.1\r\nhost: loc").await;
    assert_eq!(client.reply().await.verdict(), "408 API-019");
    assert!(client.try_reply().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_nothing_is_said_is_closed() {
    let house = House::new().await;
    let began = tokio::time::Instant::now();
    assert!(house.socket().await.try_reply().await.is_none());
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn between_two_requests_a_connection_may_rest_for_longer() {
    let house = House::new().await;
    let mut client = house.socket().await;
    assert_eq!(client.get("/healthz").await.status, 200);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(client.get("/healthz").await.status, 200);
    assert!(client.try_reply().await.is_none(), "but not for ever");
}

/// What was due before, sooner or later, counts for nothing once something else is.
#[tokio::test(start_paused = true)]
async fn a_slow_head_is_hung_up_on_in_time_however_long_the_connection_rested() {
    for (rested, then) in [(0, 0), (1, 0), (6, 0), (6, 58), (3, 3), (50, 40)] {
        let house = House::new().await;
        let mut client = house.socket().await;
        for seconds in [rested, then] {
            assert_eq!(client.get("/healthz").await.status, 200, "{rested} {then}");
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
        let began = tokio::time::Instant::now();
        client.send(b"POST /v1/guard/before HTTP/1.1\r\nhost: loc").await;
        assert_eq!(client.reply().await.verdict(), "408 API-019", "{rested} {then}");
        assert_eq!(began.elapsed().as_secs(), 5, "{rested} {then}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_told_so_and_hung_up_on() {
    let house = House::new().await;
    let mut client = house.socket().await;
    let bytes = request(BEFORE, Some(&house.agent), JSON, harmless().to_string().as_bytes());
    client.send(&bytes[..bytes.len() - 1]).await;
    assert_eq!(client.reply().await.verdict(), "408 API-007");
    assert!(client.try_reply().await.is_none());
    assert!(house.journal.of(&Action::ToolAllowed).is_empty());
}

#[tokio::test]
async fn one_request_too_many_is_refused_at_once() {
    let house = Plan::new().limits(|limits| limits.requests_max = 1).open().await;
    let mut waiting = house.socket().await;
    let bytes = request(BEFORE, Some(&house.agent), JSON, harmless().to_string().as_bytes());
    waiting.send(&bytes[..bytes.len() - 1]).await;
    // Its head is there once it was recognised.
    house.journal.until(Action::AuthSuccess, 1).await;
    let reply = house.socket().await.post("/v1/guard/before", &harmless()).await;
    assert_eq!(reply.verdict(), "503 API-010");
    assert_eq!(reply.field("retryable"), true);
    assert_eq!(house.socket().await.get("/healthz").await.status, 200);
    assert_eq!(house.person().await.get("/api/approvals").await.status, 200);
    waiting.send(&bytes[bytes.len() - 1..]).await;
    assert_eq!(waiting.reply().await.field("allow"), true);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let house = Plan::new().limits(|limits| limits.connections_max = 1).open().await;
    let mut first = house.socket().await;
    assert_eq!(first.get("/healthz").await.status, 200);
    let mut second = Client::unix(&house.hook, None).await;
    assert_eq!(second.reply().await.verdict(), "503 API-010");
    assert_eq!(house.person().await.get("/api/approvals").await.status, 200);
    assert_eq!(first.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn those_who_wait_leave_room_for_others() {
    let house = Plan::new().limits(|limits| limits.requests_max = 2).open().await;
    let mut first = house.socket().await;
    let call = destructive("/a");
    let bytes = request(
        "POST /v1/guard/before?wait=60s",
        Some(&house.agent),
        JSON,
        call.to_string().as_bytes(),
    );
    first.send(&bytes).await;
    house.approvals.claimed(2).await;
    let second = house.socket().await.post("/v1/guard/before?wait=60s", &destructive("/b")).await;
    assert_eq!(second.field("action"), "escalate", "it is answered at once");
    assert_eq!(house.socket().await.post("/v1/guard/before", &harmless()).await.status, 200);
}
