//! Datadog logs, v2: `POST /api/v2/logs`, a JSON list.

use bakerst_model::UnixMillis;
use serde::Serialize;
use serde_json::value::RawValue;

use super::View;
use crate::delivery::{Form, Shipped};

/// The most logs in one request.
pub const ENTRIES_MAX: usize = 1000;
/// The most bytes of one request, uncompressed.
pub const BODY_BYTES_MAX: usize = 5 << 20;
/// The most bytes of one log; what is longer is cut on arrival.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;
/// Datadog drops in silence what is dated further back than 18 hours, so what is older than this is
/// sent without a date of its own. The true time stays in the record.
pub const DATED_MILLIS_MAX: u64 = 17 * 3_600_000;
/// The same holds for what is dated further ahead than two hours.
const AHEAD_MILLIS_MAX: u64 = 3_600_000;

/// How logs are marked in Datadog.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// The host that they are from.
    pub host: Option<String>,
    /// The service.
    pub service: String,
    /// Tags, as in `env:prod,team:security`.
    pub tags: String,
}

#[derive(Serialize)]
struct Entry<'r> {
    ddsource: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ddtags: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hostname: Option<&'r str>,
    service: &'r str,
    status: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    event_id: String,
    /// Under a name of ours: a `timestamp` at the top would be taken for the log's date.
    #[serde(skip_serializing_if = "Option::is_none")]
    bakerst: Option<&'r RawValue>,
    /// The same as an OCSF event.
    #[serde(skip_serializing_if = "Option::is_none")]
    ocsf: Option<&'r RawValue>,
}

/// The body of a request. What is no JSON goes as the message.
#[must_use]
pub fn entries(records: &[Shipped], marks: &Marks, now: UnixMillis) -> Vec<u8> {
    let entries: Vec<Entry<'_>> = records.iter().map(|record| entry(record, marks, now)).collect();
    // Texts, numbers and JSON alone always have a JSON form.
    serde_json::to_vec(&entries).unwrap_or_default()
}

fn entry<'r>(record: &'r Shipped, marks: &'r Marks, now: UnixMillis) -> Entry<'r> {
    let view = View::of(record, now);
    let dated = now.millis_since(view.at) <= DATED_MILLIS_MAX
        && view.at.millis_since(now) <= AHEAD_MILLIS_MAX;
    Entry {
        ddsource: "bakerst",
        ddtags: &marks.tags,
        hostname: marks.host.as_deref(),
        service: &marks.service,
        status: view.severity().as_str(),
        message: view.json.map_or_else(|| record.text().to_string(), |_| view.summary()),
        timestamp: dated.then_some(view.at.0),
        event_id: record.id.to_string(),
        bakerst: view.json.filter(|_| record.form() == Form::Record),
        ocsf: view.json.filter(|_| record.form() == Form::Ocsf),
    }
}
