use std::collections::BTreeSet;

use bakerst_model::UnixMillis;
use bakerst_sinks::{Sink as _, loki};
use serde_json::{Value, json};

use crate::support::server::{Asked, Server, says};
use crate::support::{Keys, NOW, SECRET, brief, event_id, record_at, records, secret, settings};

fn sink(url: &str) -> loki::Loki {
    let config = settings(json!({
        "url": url, "tenant": "security", "token": secret(), "labels": {"cluster": "eu-1"},
    }));
    loki::Loki::open(&config, &Keys).unwrap()
}

/// Holds a push against everything that Loki would, and hands out its entries.
pub(crate) fn check(asked: &Asked) -> Vec<Value> {
    assert_eq!(asked.path, "/loki/api/v1/push");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("x-scope-orgid"), "security");
    assert_eq!(asked.header("authorization"), format!("Bearer {SECRET}"));
    let body = asked.json();
    let names: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["streams"]);
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    for stream in body["streams"].as_array().unwrap() {
        let labels = stream["stream"].as_object().unwrap();
        assert!((1..=15).contains(&labels.len()), "{labels:?}");
        for (name, value) in labels {
            assert!(["service_name", "category", "cluster"].contains(&name.as_str()), "{name}");
            assert!(value.as_str().is_some_and(|value| !value.is_empty()), "{name}");
        }
        assert!(seen.insert(stream["stream"].to_string()), "a stream is there twice");
        let mut last = 0;
        for value in stream["values"].as_array().unwrap() {
            let [at, line, metadata] = value.as_array().unwrap().as_slice() else {
                panic!("{value}")
            };
            // Nanoseconds as a text; Loki takes entries of a stream in order.
            let at: u128 = at.as_str().unwrap().parse().unwrap();
            assert!(at >= last, "out of order");
            last = at;
            assert_eq!(u64::try_from(at / 1_000_000_000).unwrap(), NOW.0 / 1000 - 60);
            assert!(line.as_str().unwrap().len() < 256 << 10, "the line is too long");
            let metadata_object = metadata.as_object().unwrap();
            assert!(metadata_object.len() <= 128 && metadata.to_string().len() <= 64 << 10);
            assert!(metadata_object.values().all(Value::is_string), "{metadata}");
            entries.push(json!({"line": line, "metadata": metadata, "labels": labels}));
        }
    }
    entries
}

#[tokio::test]
async fn labels_are_few_and_ids_are_metadata() {
    let server = Server::start([says(204, "")]).await;
    let records = records(30);
    let outcome = sink(&server.url()).send(&records, NOW).await;
    assert_eq!(brief(&outcome), "accepted");
    let entries = check(&server.asked_once());
    assert_eq!(entries.len(), 30);
    for record in &records {
        let id = record.id.to_string();
        let entry =
            entries.iter().find(|entry| entry["metadata"]["event_id"] == id.as_str()).unwrap();
        assert_eq!(entry["line"], record.line.as_ref());
        assert_eq!(entry["metadata"]["agent"], "bot-7");
        assert_eq!(entry["metadata"]["conversation"], "c-1");
    }
    assert_eq!(entries.last().unwrap()["labels"]["cluster"], "eu-1");
}

#[tokio::test]
async fn records_of_one_millisecond_keep_their_order_and_their_time_when_sent_again() {
    let server = Server::start([says(204, "")]).await;
    let mut sink = sink(&server.url());
    let at = UnixMillis(NOW.0 - 60_000);
    let records: Vec<_> = (0..5).map(|n| record_at(1 + n * 3, at)).collect();
    sink.send(&records, NOW).await;
    let first = server.asked_once();
    sink.send(&records, UnixMillis(NOW.0 + 99_000)).await;
    assert_eq!(first.body, server.asked_once().body);
    let values = first.json()["streams"][0]["values"].clone();
    let times: Vec<u128> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v[0].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test]
async fn what_loki_says_is_understood() {
    let server = Server::start([says(204, "")]).await;
    let mut sink = sink(&server.url());
    for (answer, want) in [
        (
            says(400, "entry for stream '{}' has timestamp too old"),
            "refused: 400 entry for stream '{}' has timestamp too old",
        ),
        (
            says(400, "entry with timestamp 1 ignored, reason: 'entry out of order'"),
            "refused: 400 entry with timestamp 1 ignored, reason: 'entry out of order'",
        ),
        (says(401, "no org id"), "denied: 401 no org id"),
        (says(413, "too big"), "refused: 413 too big"),
        (says(429, "Ingestion rate limit exceeded"), "failed: 429 Ingestion rate limit exceeded"),
        (
            says(500, "at least 2 live replicas required"),
            "failed: 500 at least 2 live replicas required",
        ),
    ] {
        server.now_says([answer]);
        assert_eq!(brief(&sink.send(&records(2), NOW).await), want);
    }
}

#[test]
fn labels_that_would_cost_are_refused() {
    let many: serde_json::Map<String, Value> =
        (0..11).map(|n| (format!("label_{n}"), json!("x"))).collect();
    for (labels, want) in [
        (json!(many), "`labels`: expected at most 10: each set of values is a stream"),
        (
            json!({"1st": "x"}),
            "`labels`: `1st` is no label: letters, digits and `_`, no digit first",
        ),
        (json!({"category": "x"}), "`labels`: `category` is the record's own"),
    ] {
        let config = settings(json!({"url": "http://127.0.0.1:1", "labels": labels}));
        assert_eq!(loki::Loki::open(&config, &Keys).err().unwrap().to_string(), want);
    }
    assert!(event_id(1).len() < 64);
}
