use bakerst_sinks::{Sink as _, splunk};
use serde_json::{Value, json};

use crate::support::server::{Asked, Server, says};
use crate::support::{Keys, NOW, SECRET, brief, event_id, origin, records, secret, settings};

fn sink(url: &str, more: &Value) -> splunk::Splunk {
    let mut config = json!({"url": url, "token": secret(), "index": "audit", "ack_poll_millis": 1});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    splunk::Splunk::open(&settings(config), &Keys, &origin()).unwrap()
}

pub(crate) fn check(asked: &Asked) -> Vec<Value> {
    assert_eq!(asked.path, "/services/collector/event");
    assert_eq!(asked.header("authorization"), format!("Splunk {SECRET}"));
    check_channel(asked);
    let events = asked.lines();
    for event in &events {
        let known = ["time", "host", "source", "sourcetype", "index", "event", "fields"];
        assert!(event.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())));
        assert!(event["time"].is_number(), "{event}");
        assert!(event["event"].as_object().is_some_and(|event| !event.is_empty()));
        // Indexed fields are flat.
        assert!(event["fields"].as_object().unwrap().values().all(Value::is_string));
    }
    events
}

/// A channel is a GUID.
fn check_channel(asked: &Asked) -> String {
    let channel = asked.header("x-splunk-request-channel").to_owned();
    let groups: Vec<usize> = channel.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12], "{channel}");
    assert!(channel.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'));
    channel
}

#[tokio::test]
async fn events_count_only_once_they_are_indexed() {
    let server = Server::start([
        says(200, json!({"text": "Success", "code": 0, "ackId": 7})),
        says(200, json!({"acks": {"7": false}})),
        says(200, json!({"acks": {"7": false}})),
        says(200, json!({"acks": {"7": true}})),
    ])
    .await;
    let outcome = sink(&server.url(), &json!({})).send(&records(3), NOW).await;
    assert_eq!(brief(&outcome), "accepted");
    let asked = server.asked();
    let events = check(&asked[0]);
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["time"].to_string(), "1771925340.124");
    assert_eq!(events[0]["index"], "audit");
    assert_eq!(events[0]["host"], "guard-1.example");
    assert_eq!(events[0]["sourcetype"], "bakerst:audit");
    assert_eq!(events[2]["event"]["seq"], 3);
    assert_eq!(events[2]["fields"]["event_id"], event_id(3));
    assert_eq!(asked.len(), 4);
    for poll in &asked[1..] {
        let channel = check_channel(&asked[0]);
        assert_eq!(poll.path, format!("/services/collector/ack?channel={channel}"));
        assert_eq!(check_channel(poll), channel);
        assert_eq!(poll.json(), json!({"acks": [7]}));
    }
}

#[tokio::test]
async fn what_is_not_indexed_in_time_is_sent_again() {
    let server = Server::start([
        says(200, json!({"text": "Success", "code": 0, "ackId": 0})),
        says(200, json!({"acks": {"0": false}})),
    ])
    .await;
    let mut sink = sink(&server.url(), &json!({"ack_millis_max": 20}));
    assert_eq!(brief(&sink.send(&records(1), NOW).await), "failed: not indexed within 0 s");
}

#[tokio::test]
async fn a_token_without_acknowledgement_is_said_to_be_one() {
    let server = Server::start([says(200, json!({"text": "Success", "code": 0}))]).await;
    let outcome = sink(&server.url(), &json!({})).send(&records(1), NOW).await;
    assert!(brief(&outcome).starts_with("denied: no `ackId` in the answer"), "{outcome:?}");
    let outcome = sink(&server.url(), &json!({"acknowledge": false})).send(&records(1), NOW).await;
    assert_eq!(brief(&outcome), "accepted");
}

#[tokio::test]
async fn every_code_of_the_collector_is_understood() {
    let server = Server::start([says(200, "")]).await;
    let mut sink = sink(&server.url(), &json!({}));
    for (status, code, want) in [
        (403, 1, "denied"),
        (401, 2, "denied"),
        (401, 3, "denied"),
        (403, 4, "denied"),
        (400, 5, "refused"),
        (400, 6, "refused"),
        (400, 7, "denied"),
        (500, 8, "failed"),
        (503, 9, "failed"),
        (400, 10, "denied"),
        (400, 11, "denied"),
        (400, 12, "refused"),
        (400, 13, "refused"),
        (400, 14, "denied"),
        (400, 15, "refused"),
        (503, 18, "failed"),
        (503, 23, "failed"),
        (429, 26, "failed"),
    ] {
        server.now_says([says(status, json!({"text": "words", "code": code}))]);
        let outcome = brief(&sink.send(&records(2), NOW).await);
        assert!(outcome.starts_with(want), "{status} {code}: {outcome}");
        assert!(outcome.contains("words"), "{outcome}");
    }
}
