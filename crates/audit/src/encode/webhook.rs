//! A generic webhook: records as they stand, signed in the manner of Standard Webhooks.

use bakerst_model::{Secret, UnixMillis};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::delivery::Shipped;

#[derive(Serialize)]
struct Delivery<'r> {
    log: String,
    first: u64,
    last: u64,
    records: Vec<Line<'r>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Line<'r> {
    Json(&'r RawValue),
    Text(&'r str),
}

impl<'r> Line<'r> {
    fn of(line: &'r str) -> Self {
        serde_json::from_str(line).map_or(Self::Text(line), Self::Json)
    }
}

/// The body of a delivery; each record in it has the exact bytes that the log has.
#[must_use]
pub fn delivery(records: &[Shipped]) -> Vec<u8> {
    let seq = |record: Option<&Shipped>| record.map_or(0, |record| record.id.seq.0);
    let delivery = Delivery {
        log: records.first().map(|record| record.id.log.to_string()).unwrap_or_default(),
        first: seq(records.first()),
        last: seq(records.last()),
        records: records.iter().map(|record| Line::of(record.text())).collect(),
    };
    // Texts, numbers and JSON alone always have a JSON form.
    serde_json::to_vec(&delivery).unwrap_or_default()
}

/// What names a delivery: the same records have the same name however often they are sent.
#[must_use]
pub fn delivery_id(records: &[Shipped]) -> String {
    match (records.first(), records.last()) {
        (Some(first), Some(last)) => format!("{}-{}", first.id, last.id.seq),
        _ => String::new(),
    }
}

/// The header `webhook-signature`: over the delivery's name, the time in seconds and the body, so
/// that neither can be changed nor an old delivery passed off as a new one.
#[must_use]
pub fn signature(key: &Secret, id: &str, at: UnixMillis, body: &[u8]) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else { return String::new() };
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update((at.0 / 1000).to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
