use bakerst_model::UnixMillis;
use bakerst_sinks::{Sink as _, datadog};
use serde_json::{Value, json};

use crate::support::server::{Asked, Server, says};
use crate::support::{
    Keys, NOW, SECRET, brief, event_id, long_record, origin, record, record_at, records, secret,
    settings,
};

fn sink(url: &str) -> datadog::Datadog {
    let config = json!({"url": url, "api_key": secret(), "tags": ["env:prod", "team:sec"]});
    datadog::Datadog::open(&settings(config), &Keys, &origin()).unwrap()
}

pub(crate) fn check(asked: &Asked) -> Vec<Value> {
    assert_eq!(asked.path, "/api/v2/logs");
    assert_eq!(asked.header("dd-api-key"), SECRET);
    assert_eq!(asked.header("content-type"), "application/json");
    assert!(!asked.has_header("authorization"));
    assert!(asked.body.len() <= 5 << 20, "{} bytes", asked.body.len());
    let entries = asked.json().as_array().unwrap().clone();
    assert!((1..=1000).contains(&entries.len()), "{} entries", entries.len());
    for entry in &entries {
        assert!(entry.to_string().len() <= 1 << 20);
        assert_eq!(entry["ddsource"], "bakerst");
        assert_eq!(entry["ddtags"], "env:prod,team:sec");
        assert_eq!(entry["hostname"], "guard-1.example");
        assert_eq!(entry["service"], "bakerst");
        assert!(["info", "notice", "warn", "error"].contains(&entry["status"].as_str().unwrap()));
        assert!(entry["message"].as_str().is_some_and(|message| !message.starts_with('{')));
        // What Datadog would take for the date of the log.
        for name in ["date", "@timestamp", "eventTime", "published_date", "_timestamp"] {
            assert!(entry.get(name).is_none(), "{name}");
        }
    }
    entries
}

#[tokio::test]
async fn logs_are_marked_and_dated() {
    let server = Server::start([says(202, "{}")]).await;
    let outcome = sink(&server.url()).send(&records(1000), NOW).await;
    assert_eq!(brief(&outcome), "accepted");
    let entries = check(&server.asked_once());
    assert_eq!(entries.len(), 1000);
    assert_eq!(entries[0]["timestamp"].as_u64(), Some(NOW.0 - 60_000 + 1));
    assert_eq!(entries[0]["event_id"], event_id(1));
    assert_eq!(entries[0]["bakerst"]["seq"], 1);
    assert_eq!(entries[0]["status"], "warn");
    let said = "tool.blocked by ci for bot-7: send_money GRD-030 no \"such\" tool]";
    assert_eq!(entries[0]["message"], said);
}

#[tokio::test]
async fn what_would_be_dropped_for_its_age_is_sent_without_a_date() {
    let hour = 3_600_000;
    let server = Server::start([says(202, "{}")]).await;
    let ago = |hours: u64| record_at(hours + 1, UnixMillis(NOW.0 - hours * hour));
    sink(&server.url()).send(&[ago(0), ago(16), ago(18), ago(48)], NOW).await;
    let entries = check(&server.asked_once());
    let dated: Vec<bool> = entries.iter().map(|entry| entry.get("timestamp").is_some()).collect();
    assert_eq!(dated, [true, true, false, false]);
    assert_eq!(entries[3]["bakerst"]["timestamp"], UnixMillis(NOW.0 - 48 * hour).to_string());
}

#[tokio::test]
async fn what_would_be_cut_on_arrival_is_not_sent() {
    let server = Server::start([says(202, "{}")]).await;
    let mut sink = sink(&server.url());
    let mixed = [record(1), long_record(2, 1_040_000), record(3)];
    let outcome = sink.send(&mixed, NOW).await;
    assert!(brief(&outcome).starts_with("accepted except [2]: "), "{outcome:?}");
    assert_eq!(check(&server.asked_once()).len(), 2);
    // Nothing of it counts where the others did not go through.
    server.now_says([says(503, "")]);
    assert_eq!(brief(&sink.send(&mixed, NOW).await), "failed: 503");
    // Together too long for one request: it is halved.
    server.asked();
    let long: Vec<_> = (1..=6).map(|seq| long_record(seq, 950_000)).collect();
    assert!(brief(&sink.send(&long, NOW).await).starts_with("refused: 6 logs of "));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn only_202_is_a_promise() {
    let server = Server::start([says(202, "{}")]).await;
    let mut sink = sink(&server.url());
    for (status, want) in [
        (200, "failed: 200"),
        (400, "refused: 400"),
        (401, "denied: 401"),
        (403, "denied: 403"),
        (408, "failed: 408"),
        (413, "refused: 413"),
        (429, "failed: 429"),
        (500, "failed: 500"),
        (503, "failed: 503"),
    ] {
        server.now_says([says(status, "")]);
        assert_eq!(brief(&sink.send(&records(2), NOW).await), want);
    }
}
