//! Sinks that get OCSF events, against the same strict receivers.

use bakerst_audit::delivery::Shipped;
use bakerst_audit::ocsf::{Origin, to_ocsf};
use bakerst_sinks::{Settings, Sink, SinkEntry};
use serde_json::{Value, json};

use crate::support::server::{Asked, Says, Server, says};
use crate::support::{Keys, NOW, brief, log_id, origin, records, secret, settings};
use crate::{datadog, elastic, loki, otlp, splunk};

/// A sink of this kind that is configured to get OCSF events.
fn sink(kind: &str, config: Settings) -> Box<dyn Sink> {
    let shape = settings(json!({"name": "siem", "kind": kind, "format": "ocsf"}));
    SinkEntry { shape, config }.open(&Keys, &origin()).unwrap()
}

fn event(record: &Shipped) -> Value {
    let (log, version) = (log_id().to_string(), env!("CARGO_PKG_VERSION"));
    let written = to_ocsf(record.line.as_bytes(), Origin { log: &log, version }).unwrap();
    serde_json::from_slice(&written).unwrap()
}

/// The text of a JSON value, read.
fn parsed(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

/// Sends three records and holds what came against the events that it should be.
async fn check(
    kind: &str,
    script: impl IntoIterator<Item = Says>,
    config: impl FnOnce(&str) -> Settings,
    events: impl FnOnce(&Asked) -> Vec<Value>,
) {
    let server = Server::start(script).await;
    let mut sink = sink(kind, config(&server.url()));
    let records = records(3);
    assert_eq!(brief(&sink.send(&records, NOW).await), "accepted", "{kind}");
    let got = events(&server.asked()[0]);
    let mut want: Vec<Value> = records.iter().map(event).collect();
    want.sort_by_key(Value::to_string);
    let mut sorted = got.clone();
    sorted.sort_by_key(Value::to_string);
    assert_eq!(sorted, want, "{kind}");
    let raw: Vec<_> = got.iter().map(|event| event["raw_data"].as_str().unwrap()).collect();
    assert!(records.iter().all(|record| raw.contains(&&*record.line)), "{kind}");
}

#[tokio::test]
async fn every_sink_takes_ocsf_events_where_it_is_told_to() {
    let loki_events = |asked: &Asked| {
        let entries = loki::check(asked);
        assert_eq!(entries[0]["metadata"]["agent"], "bot-7", "what stands beside it stays");
        entries.iter().map(|entry| parsed(&entry["line"])).collect()
    };
    let config = |url: &str| {
        Settings::Loki(settings(json!({"url": url, "tenant": "security", "token": secret()})))
    };
    check("loki", [says(204, "")], config, loki_events).await;

    let acks = [
        says(200, json!({"text": "Success", "code": 0, "ackId": 7})),
        says(200, json!({"acks": {"7": true}})),
    ];
    let config = |url: &str| {
        let config = json!({"url": url, "token": secret(), "index": "audit", "ack_poll_millis": 1});
        Settings::Splunk(settings(config))
    };
    let events = |asked: &Asked| splunk::check(asked).iter().map(|e| e["event"].clone()).collect();
    check("splunk", acks, config, events).await;

    let config = |url: &str| {
        let tags = ["env:prod", "team:sec"];
        Settings::Datadog(settings(json!({"url": url, "api_key": secret(), "tags": tags})))
    };
    let events = |asked: &Asked| {
        let entries = datadog::check(asked);
        assert!(entries.iter().all(|entry| entry.get("bakerst").is_none()));
        entries.iter().map(|entry| entry["ocsf"].clone()).collect()
    };
    check("datadog", [says(202, "{}")], config, events).await;

    let config = |url: &str| {
        let config = json!({"url": url, "index": "logs-bakerst-default", "api_key": secret()});
        Settings::Elastic(settings(config))
    };
    let events = |asked: &Asked| {
        let documents = elastic::check(asked).into_iter().map(|(_, document)| document);
        documents.map(|document| parsed(&document["event"]["original"])).collect()
    };
    let created = json!({"create": {"_id": "x", "status": 201}});
    let answer = json!({"took": 3, "errors": false, "items": [created, created, created]});
    check("elastic", [says(200, answer)], config, events).await;

    let config = |url: &str| {
        let resource = json!({"deployment.environment.name": "prod"});
        let config = json!({"url": url, "resource": resource, "headers": {"X-Api-Key": secret()}});
        Settings::Otlp(settings(config))
    };
    let events = |asked: &Asked| {
        otlp::check(asked).iter().map(|record| parsed(&record["body"]["stringValue"])).collect()
    };
    check("otlp", [says(200, "{}")], config, events).await;

    let config =
        |url: &str| Settings::Webhook(settings(json!({"url": url, "signing_key": secret()})));
    let events = |asked: &Asked| asked.json()["records"].as_array().unwrap().clone();
    check("webhook", [says(204, "")], config, events).await;
}

#[tokio::test]
async fn a_file_and_syslog_hold_ocsf_events_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let records = records(3);
    let config = Settings::File(settings(json!({"path": path})));
    assert_eq!(brief(&sink("file", config).send(&records, NOW).await), "accepted");
    let text = std::fs::read_to_string(&path).unwrap();
    let events: Vec<Value> = text.lines().map(|line| parsed(&json!(line))).collect();
    assert_eq!(events, records.iter().map(event).collect::<Vec<_>>());

    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let transport = json!({"allow_plaintext": true});
    let config = json!({"address": address, "protocol": "udp", "transport": transport});
    let mut sink = sink("syslog", Settings::Syslog(settings(config)));
    assert_eq!(brief(&sink.send(&records[..1], NOW).await), "accepted");
    let mut message = vec![0; 65_536];
    let length = socket.recv(&mut message).unwrap();
    let message = std::str::from_utf8(&message[..length]).unwrap();
    let (_, payload) = message.split_once("] ").unwrap();
    assert_eq!(parsed(&json!(payload.trim_start_matches('\u{feff}'))), event(&records[0]));
}

#[tokio::test]
async fn what_is_no_record_is_shown_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let record = records(1).remove(0);
    let forged = Shipped::new(record.id, "no record");
    let config = Settings::File(settings(json!({"path": path})));
    assert_eq!(brief(&sink("file", config).send(&[forged], NOW).await), "accepted");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "no record\n");
}
