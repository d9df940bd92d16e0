//! Servers that fail, lie and flood.

use std::time::Duration;

use bakerst_model::Action;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{EVENTS, JSON, LEGACY, call, echoed, messages, post};
use crate::support::{House, Plan, Seen, Upstream, request, said};

/// Asks once, and says what came back: the status, and what the error says.
async fn asked(
    house: &House,
    answer: impl Fn(&Seen) -> axum::http::Response<axum::body::Body> + Send + Sync + 'static,
) -> String {
    let server = Upstream::start(answer).await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let reply = post(&mut house.tcp().await, LEGACY, &lookup).await;
    let last = messages(&reply).pop().or_else(|| serde_json::from_str(&reply.text).ok());
    let Some(last) = last else { return format!("{} nothing", reply.status) };
    assert_eq!(last["id"], 1, "{last}");
    let error = last["error"]["message"].as_str();
    format!("{} {}", reply.status, error.unwrap_or("answered"))
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_does_not_reach_the_client() {
    let house = Plan::new().limits(|limits| limits.result_bytes_max = 10_000).open().await;
    let no_answer = "the server answered with status 200 OK and no answer to this";
    for (body, want) in [
        ("nonsense".to_owned(), no_answer),
        (String::new(), no_answer),
        (json!({ "jsonrpc": "2.0", "id": 2, "result": {} }).to_string(), no_answer),
        (json!({ "jsonrpc": "2.0", "id": "1", "result": {} }).to_string(), no_answer),
        (format!("[{}]", json!({ "jsonrpc": "2.0", "id": 1, "result": {} })), no_answer),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2}}"#.to_owned(),
            "the server's answer cannot be read: the key `a` occurs twice in one object",
        ),
        (
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{}{}}}"#,
                "[".repeat(100),
                "]".repeat(100)
            ),
            "the server's answer cannot be read: nested deeper than `json_depth_max` allows (64)",
        ),
        (
            json!({ "jsonrpc": "2.0", "id": 1, "result": "x".repeat(20_000) }).to_string(),
            "the server's answer broke off, or is longer than `result_bytes_max` allows (10000)",
        ),
    ] {
        let told = asked(&house, move |_| said(200, JSON, body.clone())).await;
        assert_eq!(told, format!("200 {want}"));
    }
}

#[tokio::test]
async fn a_server_that_sends_us_elsewhere_or_wants_our_credentials_is_not_followed() {
    let house = House::new().await;
    for (status, want) in [(302, 502), (401, 502), (403, 502), (500, 500), (404, 404)] {
        let told = asked(&house, move |_| {
            let mut response = said(status, "", "");
            let elsewhere = "http://169.254.169.254/".parse().unwrap();
            response.headers_mut().insert("location", elsewhere);
            response
        })
        .await;
        assert!(
            told.starts_with(&format!("{want} the server answered with status {want}")),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_dead_server_takes_no_other_with_it() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| said(200, JSON, echoed(seen).to_string())).await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let mut agent = house.tcp().await;
    assert!(post(&mut agent, LEGACY, &lookup).await.field("result").is_object());
    drop(server);
    // The connection that is kept to it ends a moment later than the server.
    let told = loop {
        let reply = post(&mut agent, LEGACY, &lookup).await;
        if reply.json()["error"].is_object() {
            break reply.json()["error"]["message"].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(told, "the server cannot be reached");
    let hook = crate::support::harmless();
    assert_eq!(agent.post("/v1/guard/before", &hook).await.field("allow"), true);
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let house = Plan::new().limits(|limits| limits.upstream_millis_max = 50).open().await;
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Upstream::at(server.local_addr().unwrap());
    house.put_behind(&silent);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let asked = async { post(&mut house.tcp().await, LEGACY, &lookup).await };
    let reply = tokio::time::timeout(Duration::from_secs(10), asked).await.unwrap();
    assert_eq!(
        reply.json()["error"]["message"],
        "the server took longer than `upstream_millis_max` allows"
    );
}

#[tokio::test]
async fn answers_to_questions_that_nobody_asked_are_dropped_from_a_stream() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| {
        let other = json!({ "jsonrpc": "2.0", "id": 99, "result": { "content": [] } });
        let flood =
            "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
        let text = format!(
            "data: {other}\n\ndata: garbage\n\n{}data: {}\n\n",
            flood.repeat(2000),
            echoed(seen)
        );
        said(200, EVENTS, text)
    })
    .await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let reply = post(&mut house.tcp().await, LEGACY, &lookup).await;
    let messages = messages(&reply);
    assert_eq!(messages.len(), 2001);
    assert!(messages.iter().all(|message| message["id"] != 99));
    assert_eq!(messages[2000]["id"], 1);
}

#[tokio::test]
async fn a_second_answer_to_one_question_is_dropped() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| {
        let once = echoed(seen);
        let twice = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [] } });
        said(200, EVENTS, format!("data: {once}\n\ndata: {twice}\n\n"))
    })
    .await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let reply = post(&mut house.tcp().await, LEGACY, &lookup).await;
    let messages = messages(&reply);
    assert_eq!((messages.len(), &messages[0]["id"]), (1, &json!(1)), "{}", reply.text);
    assert_eq!(house.journal.actions(), ["auth.success", "tool.allowed", "tool.executed"]);
}

/// A server that reads one request, says this and nothing more. It tells once the other side has
/// closed the connection.
async fn half_said(words: String, hangs_up: bool) -> (Upstream, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Upstream::at(listener.local_addr().unwrap());
    let left = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 8192];
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        stream.write_all(words.as_bytes()).await.unwrap();
        if hangs_up {
            return;
        }
        while stream.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {}
    });
    (server, left)
}

#[tokio::test]
async fn a_server_that_dies_in_the_middle_of_its_answer_is_told_of() {
    let house = House::new().await;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: ";
    let json_part = "application/json\r\ncontent-length: 500\r\n\r\n{\"jsonrpc\"";
    let (server, _) = half_said(format!("{head}{json_part}"), true).await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let reply = post(&mut house.tcp().await, LEGACY, &lookup).await;
    let told = reply.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(told.starts_with("the server's answer broke off"), "{told}");

    let events_part = "text/event-stream\r\ncontent-length: 500\r\n\r\ndata: {}\n\ndata: {\"js";
    let (server, _) = half_said(format!("{head}{events_part}"), true).await;
    house.put_behind(&server);
    let reply = post(&mut house.tcp().await, LEGACY, &lookup).await;
    assert!(messages(&reply).is_empty(), "the stream ends where the server did: {}", reply.text);
}

#[tokio::test]
async fn when_a_client_goes_its_server_is_not_kept() {
    let house = House::new().await;
    let (server, left) = half_said(String::new(), false).await;
    house.put_behind(&server);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" })).to_string();
    let mut agent = house.tcp().await;
    let bytes = request("POST /mcp/files", Some(&house.agent), LEGACY, lookup.as_bytes());
    agent.send(&bytes).await;
    house.journal.until(Action::ToolAllowed, 1).await;
    drop(agent);
    tokio::time::timeout(Duration::from_secs(10), left).await.unwrap().unwrap();
}

/// Sessions are kept by their names alone, so they cannot pile up here.
#[tokio::test]
async fn ten_thousand_sessions_that_nobody_ends_leave_nothing_behind() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| {
        let mut response = said(200, JSON, echoed(seen).to_string());
        response.headers_mut().insert("mcp-session-id", "one-of-many".parse().unwrap());
        response
    })
    .await;
    house.put_behind(&server);
    let begin =
        json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "arguments": {} } });
    let mut agent = house.tcp().await;
    let mut sessions = std::collections::HashSet::new();
    for _ in 0..10_000 {
        let opened = post(&mut agent, LEGACY, &begin).await;
        sessions.insert(opened.header("mcp-session-id").unwrap().to_owned());
    }
    assert_eq!(sessions.len(), 10_000);
    // One session after the other needs one connection to the server, and no more.
    assert_eq!(server.connections(), 1);
}
