//! Servers of the first revision, behind two addresses.

use bakerst_gateway::McpServer;
use serde_json::{Value, json};

use super::{begun, greeting, lookup, said, until};
use crate::mcp::{LEGACY, messages, modern, post};
use crate::support::{House, Listened, Plan, Program, request};

const OWN: fn(usize) -> String = |number| format!("/messages?session={number}");

fn event(message: &Value) -> String {
    format!("event: message\ndata: {message}\n\n")
}

fn answer(asked: &Value, text: &str) -> String {
    event(
        &json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "content": [{ "type": "text", "text": text }] } }),
    )
}

/// Answers requests, and nothing else.
fn echo(asked: &Value) -> Vec<String> {
    match asked["id"].is_null() {
        true => Vec::new(),
        false => vec![answer(asked, "answered")],
    }
}

async fn with(server: &Listened) -> House {
    let house = small().open().await;
    house.put(server.server());
    house
}

fn small() -> Plan {
    Plan::new().limits(|limits| {
        limits.result_bytes_max = 10_000;
        limits.upstream_millis_max = 1_000;
    })
}

#[tokio::test]
async fn each_session_listens_for_itself_and_is_told_apart() {
    let server = Listened::start(OWN, |asked| {
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": "mail ann@example.com" } });
        let mut said = echo(asked);
        if asked["method"] == "tools/call" {
            said.insert(0, event(&progress));
        }
        said
    })
    .await;
    let house = with(&server).await;
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    let (first, second) = (begun(&mut one).await, begun(&mut other).await);
    for (client, session) in [(&mut one, &first), (&mut other, &second)] {
        let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(post(client, session, &told).await.status, 202);
        let reply = post(client, session, &lookup(1)).await;
        let [progress, answer] = &messages(&reply)[..] else { panic!("{reply:?}") };
        assert_eq!(progress["params"]["data"], "mail [REDACTED_EMAIL]");
        assert_eq!(answer["id"], 1);
    }
    assert_eq!((server.opened(), server.listening()), (2, 2));
    assert_eq!(one.exchange("DELETE /mcp/files", &first, b"").await.status, 204);
    until("one listens", || server.listening() == 1).await;
    assert_eq!(said(&post(&mut other, &second, &lookup(2)).await), "answered");
}

/// Only the configuration says where a server is.
#[tokio::test]
async fn a_server_that_names_anothers_address_is_not_followed() {
    let another = Listened::start(OWN, echo).await;
    let McpServer::Sse(address) = another.server() else { panic!("of another kind") };
    let elsewhere = address.url.authority().unwrap().to_string();
    for named in [
        format!("http://{elsewhere}/messages?session=1"),
        format!("//{elsewhere}/messages?session=1"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "https://127.0.0.1/messages".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let server = Listened::start(move |_| named.clone(), echo).await;
        let house = with(&server).await;
        let reply = post(&mut house.tcp().await, LEGACY, &greeting()).await.json();
        assert_eq!(reply["error"]["data"]["code"], "NET-008", "{reply}");
        until("nobody listens", || server.listening() == 0).await;
        assert!(server.told().is_empty());
    }
    assert!(another.told().is_empty());
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_passed_over() {
    for wrong in [
        "data: nonsense\n\n".to_owned(),
        "event: message\ndata: \n\n".to_owned(),
        ": nothing at all\n\n".to_owned(),
        "event: endpoint\ndata: http://169.254.169.254/\n\n".to_owned(),
        event(&json!({ "jsonrpc": "2.0", "id": 99, "result": {} })),
        event(&json!({ "jsonrpc": "2.0", "id": "1", "result": {} })),
        event(&json!([{ "jsonrpc": "2.0", "id": 1, "result": {} }])),
    ] {
        let server = Listened::start(OWN, move |asked| {
            let mut said = echo(asked);
            said.insert(0, wrong.clone());
            // And once more, for nobody.
            said.extend(echo(asked));
            said
        })
        .await;
        let house = with(&server).await;
        let mut agent = house.tcp().await;
        let session = begun(&mut agent).await;
        for id in [1, 2] {
            assert_eq!(said(&post(&mut agent, &session, &lookup(id)).await), "answered");
        }
    }
}

#[tokio::test]
async fn a_server_that_fails_is_told_of_and_takes_no_other_with_it() {
    let slow = "the server took longer than `upstream_millis_max` allows";
    let ended = "the server ended before it answered";
    let long = format!("data: {}\n\n", "x".repeat(20_000));
    for (answer, want, next) in [
        (Vec::new(), slow, 200),
        (vec![long], ended, 404),
        (vec!["data: {\"jsonrpc\":\"2.0\",\"id\":1,\"res".to_owned()], slow, 200),
    ] {
        let server = Listened::start(OWN, move |asked| match asked["method"] == "tools/call" {
            true => answer.clone(),
            false => echo(asked),
        })
        .await;
        let program = Program::echoing();
        let house = small().open().await;
        let servers = [("files", server.server()), ("other", program.server())];
        house.put_all(servers.map(|(name, server)| (name.to_owned(), server)), &[]);
        let mut agent = house.tcp().await;
        let session = begun(&mut agent).await;
        assert_eq!(said(&post(&mut agent, &session, &lookup(1)).await), want);
        assert_eq!(post(&mut agent, &session, &lookup(2)).await.status, next);
        let greeted =
            agent.exchange("POST /mcp/other", LEGACY, greeting().to_string().as_bytes()).await;
        assert_eq!(greeted.status, 200);
    }
}

#[tokio::test]
async fn a_stream_that_ends_ends_its_session() {
    let server = Listened::start(OWN, |asked| match asked["method"] == "initialize" {
        true => echo(asked),
        false => Vec::new(),
    })
    .await;
    let house = with(&server).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    let asks =
        request("POST /mcp/files", Some(&house.agent), &session, lookup(1).to_string().as_bytes());
    agent.send(&asks).await;
    until("it was asked", || server.told().len() == 2).await;
    server.hang_up();
    assert_eq!(said(&agent.reply().await), "the server ended before it answered");
    assert_eq!(post(&mut agent, &session, &lookup(2)).await.status, 404);
}

#[tokio::test]
async fn a_message_that_the_server_does_not_take_is_told_of_at_once() {
    let server = Listened::start(|_| "/messages?session=77".to_owned(), echo).await;
    let house = with(&server).await;
    let reply = post(&mut house.tcp().await, LEGACY, &greeting()).await;
    assert_eq!(said(&reply), "the server cannot be reached");
    until("nobody listens", || server.listening() == 0).await;
}

#[tokio::test]
async fn what_is_no_server_of_this_kind_is_told_of() {
    let never = Listened::start(OWN, echo).await;
    let McpServer::Sse(mut address) = never.server() else { panic!("of another kind") };
    drop(never);
    let house = House::new().await;
    let upstream = crate::support::Upstream::start(|_| crate::support::said(405, "", "")).await;
    address.url = upstream.url.parse().unwrap();
    house.put(McpServer::Sse(address));
    let reply = post(&mut house.tcp().await, LEGACY, &greeting()).await;
    assert_eq!(said(&reply), "the server cannot be reached");
}

/// A client of the newest revision, and a server that greets: neither knows of the other.
#[tokio::test]
async fn a_client_without_sessions_reaches_a_server_of_the_first_revision() {
    let server = Listened::start(OWN, |asked| match asked["method"].as_str() {
        Some("initialize") => {
            let result = json!({
                "protocolVersion": "2024-11-05", "capabilities": { "tools": {} },
                "serverInfo": { "name": "old", "version": "1" },
            });
            vec![event(&json!({ "jsonrpc": "2.0", "id": asked["id"], "result": result }))]
        }
        Some("tools/call") => echo(asked),
        _ => Vec::new(),
    })
    .await;
    let house = with(&server).await;
    let (message, headers) = modern(lookup(1));
    let mut agent = house.tcp().await;
    for _ in 0..2 {
        assert_eq!(said(&post(&mut agent, &headers, &message).await), "answered");
    }
    let greeted = server.told().iter().filter(|told| told["method"] == "initialize").count();
    assert_eq!((greeted, server.opened()), (1, 1), "{:?}", server.told());
}
