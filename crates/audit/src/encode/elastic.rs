//! Elasticsearch and OpenSearch: `POST /{index}/_bulk`, newline-delimited JSON.
//!
//! Documents are created under the record's own id, so one that comes twice is there once; and
//! their fields are few and of one type each, so that no detail of an application's can clash with
//! a mapping or make it grow without end. The whole record is in `event.original`.

use bakerst_model::UnixMillis;
use serde::Serialize;

use super::View;
use crate::delivery::Shipped;

#[derive(Serialize)]
struct Command {
    create: Target,
}

#[derive(Serialize)]
struct Target {
    _id: String,
}

#[derive(Serialize)]
struct Document<'r> {
    #[serde(rename = "@timestamp")]
    timestamp: UnixMillis,
    message: String,
    event: Event<'r>,
    log: Log,
    bakerst: Own<'r>,
}

#[derive(Serialize)]
struct Event<'r> {
    id: String,
    kind: &'static str,
    module: &'static str,
    dataset: &'static str,
    action: &'r str,
    sequence: u64,
    outcome: &'static str,
    original: &'r str,
}

#[derive(Serialize)]
struct Log {
    level: &'static str,
}

#[derive(Serialize)]
struct Own<'r> {
    log: String,
    category: &'r str,
    #[serde(flatten)]
    fields: std::collections::BTreeMap<&'static str, &'r str>,
}

/// The body of a bulk request; it ends in a line end, as it must.
#[must_use]
pub fn bulk(records: &[Shipped], now: UnixMillis) -> Vec<u8> {
    let mut body = Vec::new();
    for record in records {
        let view = View::of(record, now);
        let command = Command { create: Target { _id: record.id.to_string() } };
        let document = Document {
            timestamp: view.at,
            message: view.summary(),
            event: Event {
                id: record.id.to_string(),
                kind: "event",
                module: "bakerst",
                dataset: "bakerst.audit",
                action: &view.action,
                sequence: record.id.seq.0,
                outcome: outcome(view.verdict.as_deref()),
                original: record.text(),
            },
            log: Log { level: view.severity().as_str() },
            bakerst: Own {
                log: record.id.log.to_string(),
                category: &view.category,
                fields: view.fields().collect(),
            },
        };
        // Texts and numbers alone always have a JSON form.
        serde_json::to_writer(&mut body, &command).unwrap_or_default();
        body.push(b'\n');
        serde_json::to_writer(&mut body, &document).unwrap_or_default();
        body.push(b'\n');
    }
    body
}

fn outcome(verdict: Option<&str>) -> &'static str {
    match verdict {
        Some("allow") => "success",
        Some("deny") => "failure",
        _ => "unknown",
    }
}
