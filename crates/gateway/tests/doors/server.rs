//! The servers: how they start, fare and stop.

use std::os::unix::fs::PermissionsExt as _;

use bakerst_gateway::{Listeners, bind_socket, serve_noop};
use bakerst_model::{Action, Limits};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::{Client, House, destructive, harmless};

#[tokio::test]
async fn readiness_tells_what_an_operator_should_know() {
    let house = House::new().await;
    let ready = house.tcp().await.get("/readyz").await;
    let want = json!({
        "ready": true, "alarms": [], "enforcement": "on", "guardrails_enforcing": 5,
        "policy": house.gateway.policy().digest().to_string(), "pending_approvals": 0,
        "journal": "ok",
    });
    assert_eq!((ready.status, ready.json()), (200, want));
    house.tcp().await.post("/v1/guard/before", &destructive("/a")).await;
    assert_eq!(house.tcp().await.get("/readyz").await.field("pending_approvals"), 1);
    let health = Client::tcp(house.address, None).await.get("/healthz").await;
    assert_eq!((health.status, health.json()), (200, json!({ "alive": true })));
    let front = Client::tcp(house.address, None).await.get("/").await;
    assert_eq!(front.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(front.text.contains("/openapi.json"), "{}", front.text);
}

#[tokio::test]
async fn a_stop_answers_those_who_wait_and_lets_no_one_in() {
    let mut house = House::new().await;
    let (mut agent, mut idle) = (house.socket().await, house.socket().await);
    idle.get("/healthz").await;
    let waiting = tokio::spawn(async move {
        let reply = agent.post("/v1/guard/before?wait=60s", &destructive("/a")).await;
        (reply, agent.try_reply().await.is_none())
    });
    house.approvals.claimed(2).await;
    house.begin_to_stop();
    let (reply, closed) = waiting.await.unwrap();
    assert_eq!(
        (reply.field("action"), reply.field("approvalId")),
        (json!("escalate"), json!("apr-1"))
    );
    assert!(closed && idle.try_reply().await.is_none(), "connections end");
    let (address, journal) = (house.address, house.journal.clone());
    house.stopped().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    assert_eq!(journal.of(&Action::ToolAsked).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let mut house = House::new().await;
    let mut slow = house.socket().await;
    let head = format!(
        "POST /v1/guard/before HTTP/1.1\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 10\r\n\r\n",
        house.agent
    );
    slow.send(head.as_bytes()).await;
    house.journal.until(Action::AuthSuccess, 1).await;
    let began = tokio::time::Instant::now();
    house.begin_to_stop();
    house.stopped().await;
    assert!(began.elapsed().as_secs() <= 10);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let house = House::new().await;
    let mut agent = house.tcp().await;
    for _ in 0..50 {
        assert_eq!(agent.post("/v1/guard/before", &harmless()).await.field("allow"), true);
    }
    let two = ["GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"; 2].concat();
    agent.send(two.as_bytes()).await;
    assert_eq!((agent.reply().await.status, agent.reply().await.status), (200, 200));
}

#[tokio::test]
async fn a_socket_that_nobody_answers_is_replaced_and_no_other() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s");
    let first = bind_socket(&path, 0o600).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = bind_socket(&path, 0o600).unwrap_err();
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    assert!(path.exists());
    bind_socket(&path, 0o600).unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    assert!(bind_socket(&file, 0o600).is_err());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[tokio::test]
async fn the_benchs_server_reads_bodies_and_answers_yes() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = tcp.local_addr().unwrap();
    let listeners = Listeners { tcp: vec![tcp], ..Listeners::default() };
    let (stop, stopped) = oneshot::channel::<()>();
    let limits = Limits { body_bytes_max: 1000, ..Limits::default() };
    let serving = tokio::spawn(serve_noop(listeners, limits, async {
        stopped.await.unwrap_or_default();
    }));
    let mut client = Client::tcp(address, None).await;
    let reply = client.post("/anything", &harmless()).await;
    assert_eq!((reply.status, reply.json()), (200, json!({ "allow": true })));
    let long = client.post_bytes("/anything", &[b' '; 2000]).await;
    assert_eq!(long.verdict(), "413 API-001");
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
