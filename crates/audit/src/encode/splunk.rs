//! Splunk HTTP Event Collector: `POST /services/collector/event`, events one after another.

use std::collections::BTreeMap;

use bakerst_model::UnixMillis;
use serde::Serialize;
use serde_json::value::RawValue;

use super::View;
use crate::delivery::Shipped;

/// Where events go in Splunk.
#[derive(Clone, Debug, Default)]
pub struct Placing {
    /// The host that they are from.
    pub host: Option<String>,
    /// The index; the token's own where none is named.
    pub index: Option<String>,
    /// The source.
    pub source: String,
    /// The source type.
    pub sourcetype: String,
}

#[derive(Serialize)]
struct Event<'r> {
    time: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'r str>,
    source: &'r str,
    sourcetype: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'r str>,
    event: Body<'r>,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'r> {
    Json(&'r RawValue),
    Text(&'r str),
}

/// The body of a request.
#[must_use]
pub fn events(records: &[Shipped], placing: &Placing, now: UnixMillis) -> Vec<u8> {
    let mut body = Vec::new();
    for record in records {
        let view = View::of(record, now);
        let seconds = format!("{}.{:03}", view.at.0 / 1000, view.at.0 % 1000);
        let event = Event {
            time: RawValue::from_string(seconds).ok(),
            host: placing.host.as_deref(),
            source: &placing.source,
            sourcetype: &placing.sourcetype,
            index: placing.index.as_deref(),
            event: view.json.map_or(Body::Text(record.text()), Body::Json),
            fields: BTreeMap::from([
                ("event_id", record.id.to_string()),
                ("severity", view.severity().as_str().to_owned()),
            ]),
        };
        // Texts and JSON alone always have a JSON form.
        serde_json::to_writer(&mut body, &event).unwrap_or_default();
        body.push(b'\n');
    }
    body
}
