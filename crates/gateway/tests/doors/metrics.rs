//! What is told to those who watch.

use std::sync::Arc;

use bakerst_audit::delivery::{Circuit, Reason, SinkStatus};
use bakerst_model::Seq;

use crate::support::{FakeVitals, Plan};

fn sick() -> SinkStatus {
    SinkStatus {
        name: "siem".into(),
        kind: "loki",
        acknowledged: Seq(30),
        head: Seq(42),
        lag_millis: 61_005,
        circuit: Circuit::Open,
        failures: 7,
        trouble: Some(Reason::new("401 no")),
        settled: 5,
        dead_letters: 2,
        missed: 4,
        discord: Some("the log ends earlier".into()),
    }
}

#[tokio::test]
async fn metrics_tell_numbers_to_anybody_and_readiness_tells_what_to_do() {
    let vitals = Arc::new(FakeVitals {
        sinks: vec![sick()],
        alarms: vec!["the disk is nearly full".into()],
    });
    let house = Plan { vitals, ..Plan::new() }.open().await;
    let mut client = house.tcp().await;
    let metrics = client.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    let page = &metrics.text;
    for line in [
        "bakerst_log_head 42",
        "bakerst_log_synced 41",
        "bakerst_log_waiting_appends 3",
        "bakerst_log_syncs_total 10",
        "bakerst_log_sync_seconds 12.345678",
        "bakerst_sink_lag_records{sink=\"siem\",kind=\"loki\"} 12",
        "bakerst_sink_lag_seconds{sink=\"siem\",kind=\"loki\"} 61.005",
        "bakerst_sink_acknowledged{sink=\"siem\",kind=\"loki\"} 30",
        "bakerst_sink_dead_letters{sink=\"siem\",kind=\"loki\"} 2",
        "bakerst_sink_missed_records{sink=\"siem\",kind=\"loki\"} 4",
        "bakerst_sink_serving{sink=\"siem\",kind=\"loki\"} 0",
        "bakerst_sink_discord{sink=\"siem\",kind=\"loki\"} 1",
        "bakerst_decisions_total{verdict=\"allow\"} 0",
    ] {
        assert!(page.lines().any(|told| told == line), "`{line}` is not in:\n{page}");
    }
    // Every value is announced, once, and ends its line.
    let announced = |name: &str| page.matches(&format!("# TYPE {name} ")).count();
    for value in page.lines().filter(|line| !line.starts_with('#')) {
        let name = value.split(['{', ' ']).next().unwrap();
        assert_eq!(announced(name), 1, "{value}");
    }
    let ready = client.get("/readyz").await;
    let said = ready.text;
    for alarm in [
        "the sink `siem` takes no records: 401 no",
        "the sink `siem` refused 2 records: `bakerst audit dlq list`",
        "4 records left the log before the sink `siem` had them",
        "the log and the sink `siem` differ: the log ends earlier",
    ] {
        assert!(said.contains(alarm), "`{alarm}` is not in {said}");
    }
    // A sink that is away is no reason to allow nothing.
    assert_eq!(ready.status, 200);
}
