use bakerst_sinks::{Sink as _, otlp};
use serde_json::{Value, json};

use crate::support::server::{Asked, Server, says};
use crate::support::{Keys, NOW, SECRET, brief, event_id, origin, records, secret, settings};

fn sink(url: &str) -> otlp::Otlp {
    let config = json!({"url": url, "resource": {"deployment.environment.name": "prod"}, "headers": {"X-Api-Key": secret()}});
    otlp::Otlp::open(&settings(config), &Keys, &origin()).unwrap()
}

/// Holds an export against the shapes of the protocol, and hands out its records.
pub(crate) fn check(asked: &Asked) -> Vec<Value> {
    assert_eq!(asked.path, "/v1/logs");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("x-api-key"), SECRET);
    let body = asked.json();
    let resource = &only(&body["resourceLogs"])["resource"];
    let names = attributes(&resource["attributes"]);
    assert!(names.contains(&("service.name".to_owned(), "bakerst".to_owned())), "{names:?}");
    assert!(names.contains(&("host.name".to_owned(), "guard-1.example".to_owned())));
    assert!(names.contains(&("deployment.environment.name".to_owned(), "prod".to_owned())));
    let scope = only(&only(&body["resourceLogs"])["scopeLogs"]);
    assert_eq!(scope["scope"]["name"], "bakerst.audit");
    let records = scope["logRecords"].as_array().unwrap();
    for record in records {
        for time in ["timeUnixNano", "observedTimeUnixNano"] {
            let nanos: u64 = record[time].as_str().unwrap().parse().unwrap();
            assert!(nanos > 1_700_000_000_000_000_000);
        }
        assert!((1..=24).contains(&record["severityNumber"].as_u64().unwrap()));
        assert!(record["severityText"].is_string() && record["eventName"].is_string());
        assert!(record["body"]["stringValue"].is_string());
        attributes(&record["attributes"]);
    }
    records.clone()
}

fn only(list: &Value) -> &Value {
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 1);
    &list[0]
}

/// Attributes with one value each, of a type that the encoding knows, and no name twice.
fn attributes(list: &Value) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for attribute in list.as_array().unwrap() {
        let key = attribute["key"].as_str().unwrap().to_owned();
        let value = attribute["value"].as_object().unwrap();
        assert_eq!(value.len(), 1, "{attribute}");
        let (kind, value) = value.iter().next().unwrap();
        assert!(["stringValue", "intValue"].contains(&kind.as_str()), "{kind}");
        // 64-bit numbers are texts.
        let value = value.as_str().unwrap().to_owned();
        assert!(found.iter().all(|(known, _)| *known != key), "{key} is there twice");
        found.push((key, value));
    }
    found
}

#[tokio::test]
async fn records_have_the_shapes_of_the_protocol() {
    let server = Server::start([says(200, "{}")]).await;
    let sent = records(4);
    assert_eq!(brief(&sink(&server.url()).send(&sent, NOW).await), "accepted");
    let got = check(&server.asked_once());
    assert_eq!(got.len(), 4);
    assert_eq!(got[0]["body"]["stringValue"], sent[0].line.as_ref());
    assert_eq!(
        (got[0]["severityNumber"].as_u64(), &got[0]["severityText"]),
        (Some(13), &json!("WARN"))
    );
    assert_eq!(got[0]["eventName"], "tool.blocked");
    let own = attributes(&got[0]["attributes"]);
    assert!(own.contains(&("log.record.uid".to_owned(), event_id(1))), "{own:?}");
    assert!(own.contains(&("bakerst.seq".to_owned(), "1".to_owned())));
}

#[tokio::test]
async fn a_part_that_was_rejected_is_never_sent_again() {
    let server = Server::start([says(200, "")]).await;
    let mut sink = sink(&server.url());
    for (answer, want) in [
        (
            json!({"partialSuccess": {"rejectedLogRecords": "0", "errorMessage": "a warning"}}),
            "accepted",
        ),
        (json!({"partialSuccess": {}}), "accepted"),
        (
            json!({"partialSuccess": {"rejectedLogRecords": "2", "errorMessage": "too long"}}),
            "accepted except [1, 2, 3]: rejected 2 of 3, without saying which: too long",
        ),
        (
            json!({"partialSuccess": {"rejectedLogRecords": 1}}),
            "accepted except [1, 2, 3]: rejected 1 of 3, without saying which: ",
        ),
    ] {
        server.now_says([says(200, answer)]);
        assert_eq!(brief(&sink.send(&records(3), NOW).await), want);
    }
}

#[tokio::test]
async fn only_what_the_protocol_allows_is_tried_again() {
    let server = Server::start([says(200, "")]).await;
    let mut sink = sink(&server.url());
    for (status, want) in [
        (400, "refused"),
        (401, "denied"),
        (413, "refused"),
        (429, "failed"),
        (500, "denied"),
        (502, "failed"),
        (503, "failed"),
        (504, "failed"),
    ] {
        server.now_says([says(status, json!({"code": 3, "message": "m"}))]);
        let outcome = brief(&sink.send(&records(2), NOW).await);
        assert!(outcome.starts_with(want), "{status}: {outcome}");
    }
}
