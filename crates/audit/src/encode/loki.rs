//! Grafana Loki: `POST /loki/api/v1/push`, as JSON.
//!
//! A stream is a set of labels, and each stream costs; so labels are few and never an id. What
//! differs from record to record goes into structured metadata.

use std::collections::BTreeMap;

use bakerst_model::UnixMillis;
use serde::Serialize;

use super::View;
use crate::delivery::Shipped;

/// Loki's own bound on labels is 15; what is left is for relabelling on the way.
pub const LABELS_MAX: usize = 10;

#[derive(Serialize)]
struct Push<'r> {
    streams: Vec<Stream<'r>>,
}

#[derive(Serialize)]
struct Stream<'r> {
    stream: BTreeMap<&'r str, &'r str>,
    values: Vec<(String, &'r str, BTreeMap<&'static str, String>)>,
}

/// The body of a push. `labels` are the operator's own; `category` is added to them.
#[must_use]
pub fn push(records: &[Shipped], labels: &BTreeMap<String, String>, now: UnixMillis) -> Vec<u8> {
    let views: Vec<(&Shipped, View<'_>)> =
        records.iter().map(|record| (record, View::of(record, now))).collect();
    let mut streams: Vec<Stream<'_>> = Vec::new();
    for (record, view) in &views {
        let value = (nanos(record, view), record.text(), metadata(record, view));
        let category = view.category.as_ref();
        let known = streams.iter_mut().find(|s| s.stream.get("category") == Some(&category));
        if let Some(stream) = known {
            stream.values.push(value);
            continue;
        }
        let mut stream: BTreeMap<&str, &str> = BTreeMap::from([("service_name", "bakerst")]);
        stream.extend(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        stream.insert("category", category);
        streams.push(Stream { stream, values: vec![value] });
    }
    // Texts and numbers alone always have a JSON form.
    serde_json::to_vec(&Push { streams }).unwrap_or_default()
}

/// Nanoseconds, whose last digits are the record's place: a query then shows the log's order, and a
/// record that comes twice has the same time and line, so that Loki keeps it once.
fn nanos(record: &Shipped, view: &View<'_>) -> String {
    let nanos = u128::from(view.at.0) * 1_000_000 + u128::from(record.id.seq.0 % 1_000_000);
    nanos.to_string()
}

fn metadata(record: &Shipped, view: &View<'_>) -> BTreeMap<&'static str, String> {
    let mut metadata: BTreeMap<_, _> =
        view.fields().map(|(name, value)| (name, value.to_owned())).collect();
    metadata.insert("event_id", record.id.to_string());
    metadata.insert("action", view.action.to_string());
    metadata.insert("level", view.severity().as_str().to_owned());
    metadata
}

/// Whether a text can be the name of a label.
#[must_use]
pub fn is_label_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(plain) && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
}
