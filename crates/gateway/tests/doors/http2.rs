//! HTTP/2: the same answers, and bounds on what only HTTP/2 lets a client do.

use std::net::SocketAddr;
use std::time::Duration;

use bakerst_model::Action;
use serde_json::json;

use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, HEADERS, PING, PREFACE, RST_STREAM,
    SETTINGS, Sender, headers,
};
use crate::support::{Client, House, Plan, destructive, harmless};

const BEFORE: &str = "/v1/guard/before";

/// Why a stream or a connection ends, as HTTP/2 numbers it.
const REFUSED_STREAM: u32 = 7;
const ENHANCE_YOUR_CALM: u32 = 11;

async fn agent(house: &House) -> Client {
    Client::two(house.address, Some(&house.agent)).await
}

/// The head of a call, and nothing of its body.
fn head(house: &House, stream: u32) -> Frame {
    let token = format!("Bearer {}", house.agent);
    let block = headers(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", BEFORE),
        ("authorization", &token),
        ("content-type", "application/json"),
    ]);
    Frame::new(HEADERS, END_HEADERS, stream, &block)
}

fn reset(stream: u32) -> Frame {
    Frame::new(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

async fn still_answers(address: SocketAddr) {
    assert_eq!(Client::two(address, None).await.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn requests_over_http2_get_the_same_answers() {
    let house = House::new().await;
    let mut agent = agent(&house).await;
    assert_eq!(agent.post(BEFORE, &harmless()).await.field("allow"), true);
    let unknown = json!({ "conversationId": "c", "toolName": "unheard_of", "toolInput": {} });
    assert_eq!(agent.post(BEFORE, &unknown).await.verdict(), "200 GRD-030");
    assert_eq!(agent.get("/nowhere").await.status, 404);
    assert_eq!(agent.get(BEFORE).await.status, 405);
    assert_eq!(agent.post_bytes(BEFORE, b"{").await.status, 400);
    let mut nobody = Client::two(house.address, None).await;
    assert_eq!(nobody.post(BEFORE, &harmless()).await.verdict(), "401 AUT-001");
    let mut socket = Client::two_unix(&house.hook, Some(&house.agent)).await;
    assert_eq!(socket.post(BEFORE, &harmless()).await.field("allow"), true);
}

#[tokio::test]
async fn a_call_that_waits_for_a_person_keeps_nobody_else_on_its_connection_waiting() {
    let house = House::new().await;
    let mut agent = agent(&house).await;
    let mut waits = agent.beside();
    let waiting = tokio::spawn(async move {
        waits.post("/v1/guard/before?wait=60s", &destructive("/a")).await.field("allow")
    });
    house.approvals.claimed(2).await;
    for _ in 0..50 {
        assert_eq!(agent.post(BEFORE, &harmless()).await.field("allow"), true);
    }
    house.answer("apr-1", true).await;
    assert_eq!(waiting.await.unwrap(), true);
}

#[tokio::test]
async fn whom_a_request_is_for_is_checked_over_http2_too() {
    let house = House::new().await;
    for (authority, more) in [
        ("evil.example", None),
        ("evil@localhost", None),
        ("evil.example", Some(("host", "localhost"))),
        ("localhost", Some(("host", "evil.example"))),
        ("localhost", Some(("origin", "http://evil.example"))),
    ] {
        let mut sender = Sender::connect(house.address).await;
        let mut fields = vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", authority),
            (":path", "/healthz"),
        ];
        fields.extend(more);
        let get = Frame::new(HEADERS, END_HEADERS | END_STREAM, 1, &headers(&fields));
        sender.send(&[get]).await;
        let body = sender.until(DATA).await.map(|frame| String::from_utf8(frame.payload).unwrap());
        assert!(body.is_none_or(|body| body.contains("\"AUT-005\"")), "{fields:?}");
    }
}

#[tokio::test]
async fn what_a_connection_may_have_is_announced() {
    let plan = Plan::new().limits(|limits| {
        limits.http2_streams_max = 7;
        limits.http2_window_bytes_max = 70_000;
    });
    let house = plan.open().await;
    let mut sender = Sender::connect(house.address).await;
    let settings = sender.until(SETTINGS).await.unwrap().settings();
    for wanted in [(3, 7), (4, 70_000), (6, 64 << 10)] {
        assert!(settings.contains(&wanted), "{settings:?}");
    }
}

#[tokio::test]
async fn a_request_too_many_on_one_connection_is_refused() {
    let house = Plan::new().limits(|limits| limits.http2_streams_max = 2).open().await;
    let mut sender = Sender::connect(house.address).await;
    sender.until(SETTINGS).await.unwrap();
    sender.send(&[head(&house, 1), head(&house, 3), head(&house, 5)]).await;
    let refused = sender.until(RST_STREAM).await.unwrap();
    assert_eq!((refused.stream, refused.reason()), (5, REFUSED_STREAM));
}

/// However many requests share a connection: each beside the first counts like a connection.
#[tokio::test]
async fn requests_of_one_connection_take_no_more_than_connections_would() {
    let house = Plan::new().limits(|limits| limits.connections_max = 2).open().await;
    let mut first = agent(&house).await;
    let mut others = [first.beside(), first.beside()];
    let mut waiting = Vec::new();
    for (place, mut other) in others.iter().map(Client::beside).enumerate() {
        waiting.push(tokio::spawn(async move {
            let call = destructive(&format!("/{place}"));
            other.post("/v1/guard/before?wait=60s", &call).await.status
        }));
        house.approvals.claimed(2 * (place + 1)).await;
    }
    let refused = first.get("/healthz").await;
    assert_eq!(refused.verdict(), "503 API-010");
    assert!(refused.text.contains("`connections_max`"), "{}", refused.text);
    house.answer("apr-1", false).await;
    house.answer("apr-2", false).await;
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), 200);
    }
    assert_eq!(others[0].get("/healthz").await.status, 200);
}

/// CVE-2023-44487: requests that are taken back as fast as they are made.
#[tokio::test]
async fn a_flood_of_requests_that_are_taken_back_ends_the_connection() {
    let house = Plan::new().limits(|limits| limits.http2_resets_max = 20).open().await;
    let mut at_once = Sender::connect(house.address).await;
    let flood: Vec<Frame> =
        (0..1000).flat_map(|n| [head(&house, 2 * n + 1), reset(2 * n + 1)]).collect();
    at_once.send(&flood).await;
    assert!(matches!(at_once.end().await, None | Some(ENHANCE_YOUR_CALM)));

    // One after another, each of them begun before it is taken back.
    let mut patient = Sender::connect(house.address).await;
    let mut taken_back = 0;
    for n in 0..1000 {
        patient.send(&[head(&house, 2 * n + 1), Frame::new(PING, 0, 0, &[0; 8])]).await;
        let Some(_) = patient.until(PING).await else { break };
        patient.send(&[reset(2 * n + 1)]).await;
        taken_back += 1;
    }
    assert!((20..=22).contains(&taken_back), "{taken_back}");
    still_answers(house.address).await;
    assert!(house.journal.of(&Action::ToolAllowed).is_empty());
}

#[tokio::test]
async fn requests_that_are_answered_make_up_for_some_that_are_taken_back() {
    let house = Plan::new().limits(|limits| limits.http2_resets_max = 2).open().await;
    let mut agent = agent(&house).await;
    for _ in 0..10 {
        let mut other = agent.beside();
        let call = destructive("/a");
        let asked = tokio::time::timeout(Duration::from_millis(50), async move {
            other.post("/v1/guard/before?wait=60s", &call).await
        });
        assert!(asked.await.is_err());
        assert_eq!(agent.post(BEFORE, &harmless()).await.field("allow"), true);
    }
}

/// Heads that never end: what is read of them is bounded, and so is how often more of it comes.
#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    let house = House::new().await;
    for piece in [vec![], headers(&[("x", &"y".repeat(10_000))])] {
        let mut sender = Sender::connect(house.address).await;
        let Frame { payload, .. } = head(&house, 1);
        sender.send(&[Frame::new(HEADERS, 0, 1, &payload)]).await;
        let more: Vec<Frame> =
            (0..10_000).map(|_| Frame::new(CONTINUATION, 0, 1, &piece)).collect();
        for frames in more.chunks(100) {
            sender.send(frames).await;
        }
        assert!(matches!(sender.end().await, None | Some(ENHANCE_YOUR_CALM)));
    }
    still_answers(house.address).await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let house = House::new().await;
    let mut agent = agent(&house).await;
    let long = format!("x-long: {}\r\n", "y".repeat(20_000));
    let reply = agent.exchange("GET /healthz", &long, b"").await;
    assert_eq!(reply.verdict(), "431 API-018");
    let many: String = (0..300).map(|n| format!("x-{n}: y\r\n")).collect();
    let reply = agent.exchange("GET /healthz", &many, b"").await;
    assert_eq!(reply.verdict(), "431 API-018");
    let longer = format!("x-long: {}\r\n", "y".repeat(100_000));
    assert_eq!(agent.exchange("GET /healthz", &longer, b"").await.status, 431);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let house = Plan::new().limits(|limits| limits.body_bytes_max = 1000).open().await;
    let mut agent = agent(&house).await;
    assert_eq!(agent.post_bytes(BEFORE, &[b' '; 2000]).await.verdict(), "413 API-001");
    assert_eq!(agent.post(BEFORE, &harmless()).await.field("allow"), true);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_ends_its_request_and_not_its_neighbours() {
    let house = House::new().await;
    let mut sender = Sender::connect(house.address).await;
    sender.send(&[head(&house, 1)]).await;
    let body = sender.until(DATA).await.unwrap().payload;
    assert!(String::from_utf8(body).unwrap().contains("\"API-007\""));
    let Frame { payload, .. } = head(&house, 3);
    sender.send(&[Frame::new(HEADERS, END_HEADERS | END_STREAM, 3, &payload)]).await;
    assert_eq!(sender.until(HEADERS).await.unwrap().stream, 3);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed() {
    let house = House::new().await;
    let began = tokio::time::Instant::now();
    assert!(Sender::connect(house.address).await.end().await.is_some());
    assert!(began.elapsed().as_secs() <= 10);
    let mut agent = agent(&house).await;
    assert_eq!(agent.get("/healthz").await.status, 200);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(agent.get("/healthz").await.status, 200);
    tokio::time::advance(Duration::from_secs(90)).await;
    while !agent.is_over() {
        tokio::task::yield_now().await;
    }
}

/// A client whose machine is gone, while a person thinks about its call.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_say_that_it_is_there_is_let_go() {
    let house = House::new().await;
    let mut sender = Sender::connect(house.address).await;
    let Frame { payload, .. } = head(&house, 1);
    let waits = payload;
    sender.send(&[Frame::new(HEADERS, END_HEADERS, 1, &waits)]).await;
    let call = destructive("/a").to_string();
    sender.send(&[Frame::new(DATA, END_STREAM, 1, call.as_bytes())]).await;
    let began = tokio::time::Instant::now();
    sender.end().await;
    assert!(began.elapsed().as_secs() <= 130);
}

#[tokio::test]
async fn a_beginning_that_comes_in_pieces_is_understood() {
    let house = House::new().await;
    let mut sender = Sender::silent(house.address).await;
    for byte in PREFACE {
        sender.bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    sender.send(&[Frame::new(SETTINGS, 0, 0, &[])]).await;
    assert!(sender.until(SETTINGS).await.is_some());
    // The older version has a method that begins alike.
    let mut client = Client::tcp(house.address, None).await;
    client.send(b"P").await;
    tokio::task::yield_now().await;
    client.send(b"OST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(client.reply().await.status, 404);
    let mut client = Client::tcp(house.address, None).await;
    client.send(b"PRI * HTTP/2.0\r\n\r\nXX").await;
    assert!(client.try_reply().await.is_none_or(|reply| reply.status == 400));
}

#[tokio::test(start_paused = true)]
async fn a_stop_tells_connections_over_http2_and_lets_them_finish() {
    let mut house = House::new().await;
    let mut agent = agent(&house).await;
    let waiting = tokio::spawn(async move {
        agent.post("/v1/guard/before?wait=60s", &destructive("/a")).await.field("action")
    });
    house.approvals.claimed(2).await;
    let mut sender = Sender::connect(house.address).await;
    sender.until(SETTINGS).await.unwrap();
    house.begin_to_stop();
    assert_eq!(waiting.await.unwrap(), "escalate");
    assert_eq!(sender.end().await, Some(0));
    house.stopped().await;
}
