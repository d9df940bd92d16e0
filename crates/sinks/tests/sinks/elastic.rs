use bakerst_sinks::{Sink as _, elastic};
use serde_json::{Value, json};

use crate::support::server::{Asked, Server, says};
use crate::support::{Keys, NOW, SECRET, brief, event_id, records, secret, settings};

fn sink(url: &str) -> elastic::Elastic {
    let config = json!({"url": url, "index": "logs-bakerst-default", "api_key": secret()});
    elastic::Elastic::open(&settings(config), &Keys).unwrap()
}

pub(crate) fn check(asked: &Asked) -> Vec<(Value, Value)> {
    assert_eq!(asked.path, "/logs-bakerst-default/_bulk");
    assert_eq!(asked.header("content-type"), "application/x-ndjson");
    assert_eq!(asked.header("authorization"), format!("ApiKey {SECRET}"));
    let lines = asked.lines();
    assert_eq!(lines.len() % 2, 0);
    let pairs: Vec<_> = lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    for (command, document) in &pairs {
        // A data stream takes nothing but `create`.
        assert_eq!(command.as_object().unwrap().keys().collect::<Vec<_>>(), ["create"]);
        assert_eq!(command["create"]["_id"], document["event"]["id"]);
        assert!(document["@timestamp"].is_string());
        check_flat(document, 0);
    }
    pairs
}

/// Fields have one type each and are few, whatever is in a detail.
fn check_flat(value: &Value, depth: usize) {
    match value {
        Value::Object(fields) => {
            assert!(depth < 2, "nested too deep");
            fields.values().for_each(|field| check_flat(field, depth + 1));
        }
        Value::Array(_) | Value::Null => panic!("{value}"),
        _ => {}
    }
}

/// An answer about each record of a batch.
fn answers(statuses: &[u16]) -> Value {
    let items: Vec<Value> = statuses
        .iter()
        .map(|status| match status {
            201 => json!({"create": {"_id": "x", "status": 201}}),
            _ => json!({"create": {"_id": "x", "status": status, "error": {"type": "t", "reason": "r"}}}),
        })
        .collect();
    json!({"took": 3, "errors": statuses.iter().any(|status| *status != 201), "items": items})
}

#[tokio::test]
async fn documents_are_created_under_the_records_own_ids() {
    let server = Server::start([says(200, answers(&[201, 201, 201]))]).await;
    let records = records(3);
    assert_eq!(brief(&sink(&server.url()).send(&records, NOW).await), "accepted");
    let pairs = check(&server.asked_once());
    assert_eq!(pairs.len(), 3);
    let document = &pairs[0].1;
    assert_eq!(document["event"]["id"], event_id(1));
    assert_eq!(document["event"]["original"], records[0].line.as_ref());
    assert_eq!(document["event"]["outcome"], "failure");
    assert_eq!(document["event"]["sequence"], 1);
    assert_eq!(document["bakerst"]["tool"], "send_money");
    assert_eq!(document["log"]["level"], "warn");
}

#[tokio::test]
async fn each_record_has_an_answer_of_its_own() {
    let server = Server::start([says(200, "")]).await;
    let mut sink = sink(&server.url());
    for (statuses, want) in [
        // What is there already came through before.
        (vec![201, 409, 201], "accepted"),
        (vec![201, 400, 201], "accepted except [2]: 400 {\"reason\":\"r\",\"type\":\"t\"}"),
        (vec![400, 201, 413], "accepted except [1, 3]: 400 {\"reason\":\"r\",\"type\":\"t\"}"),
        (vec![201, 400, 429], "failed: 429 {\"reason\":\"r\",\"type\":\"t\"}"),
        (vec![503, 201, 201], "failed: 503 {\"reason\":\"r\",\"type\":\"t\"}"),
        (vec![403, 403, 403], "denied: 403 {\"reason\":\"r\",\"type\":\"t\"}"),
    ] {
        server.now_says([says(200, answers(&statuses))]);
        assert_eq!(brief(&sink.send(&records(3), NOW).await), want, "{statuses:?}");
    }
    // An answer that does not fit the question promises nothing.
    server.now_says([says(200, answers(&[201, 201]))]);
    assert!(brief(&sink.send(&records(3), NOW).await).starts_with("failed: 200"));
    server.now_says([says(200, "<html>")]);
    assert!(brief(&sink.send(&records(3), NOW).await).starts_with("failed: 200"));
    for (status, want) in
        [(401, "denied"), (404, "denied"), (413, "refused"), (429, "failed"), (503, "failed")]
    {
        server.now_says([says(status, "{}")]);
        assert!(brief(&sink.send(&records(3), NOW).await).starts_with(want), "{status}");
    }
}

#[test]
fn an_index_is_a_plain_name() {
    for index in ["", "A", "a/b", "_all", "-x", ".x", "a,b", "a*"] {
        let config = settings(json!({"url": "http://127.0.0.1:1", "index": index}));
        assert!(elastic::Elastic::open(&config, &Keys).is_err(), "{index}");
    }
}
