//! OpenTelemetry logs over HTTP: `POST /v1/logs`, in the JSON encoding of OTLP 1.
//!
//! In that encoding 64-bit integers are texts, enumerations are numbers, and names are in camel
//! case.

use bakerst_model::UnixMillis;
use serde_json::{Value, json};

use super::{Severity, View};
use crate::delivery::Shipped;

/// The body of an export. `resource` says of which host and service the records are.
#[must_use]
pub fn export(records: &[Shipped], resource: &[(String, String)], now: UnixMillis) -> Vec<u8> {
    let resource = resource.iter().map(|(name, value)| text(name, value));
    let resource: Vec<Value> =
        std::iter::once(text("service.name", "bakerst")).chain(resource).collect();
    let log_records: Vec<Value> = records.iter().map(|record| log_record(record, now)).collect();
    let scope = json!({ "name": "bakerst.audit", "version": env!("CARGO_PKG_VERSION") });
    let export = json!({ "resourceLogs": [{
        "resource": { "attributes": resource },
        "scopeLogs": [{ "scope": scope, "logRecords": log_records }],
    }]});
    // It is JSON already.
    serde_json::to_vec(&export).unwrap_or_default()
}

fn log_record(record: &Shipped, now: UnixMillis) -> Value {
    let view = View::of(record, now);
    let own = [
        text("log.record.uid", &record.id.to_string()),
        json!({ "key": "bakerst.seq", "value": { "intValue": record.id.seq.0.to_string() } }),
        text("bakerst.category", &view.category),
    ];
    let fields = view.fields().map(|(name, value)| text(&format!("bakerst.{name}"), value));
    let (number, severity) = match view.severity() {
        Severity::Info => (9, "INFO"),
        Severity::Notice => (10, "INFO2"),
        Severity::Warning => (13, "WARN"),
        Severity::Error => (17, "ERROR"),
    };
    json!({
        "timeUnixNano": nanos(view.at),
        "observedTimeUnixNano": nanos(now),
        "severityNumber": number,
        "severityText": severity,
        "eventName": view.action,
        "body": { "stringValue": record.text() },
        "attributes": own.into_iter().chain(fields).collect::<Vec<_>>(),
    })
}

fn nanos(at: UnixMillis) -> String {
    (u128::from(at.0) * 1_000_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}
