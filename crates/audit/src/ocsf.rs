//! Records in the words of OCSF 1.9, the schema that security lakes and SIEMs share.
//!
//! Calls and whatever else somebody did are API Activity (6003); what was refused, and what leaves
//! calls less guarded, is a Detection Finding (2004). Each carries the profile `record_integrity`:
//! our chain stands in `attestation`, and the exact bytes that the mac is over begin `raw_data`, so
//! that whoever has the key can check the event without the log.
//!
//! A record is mapped from its line, so that what is shipped is what was recorded.

mod event;
mod kind;

use serde::Serialize;

use self::event::Event;
use crate::query::{View, parse_moment};

/// The version of the schema.
pub const OCSF_VERSION: &str = "1.9.0";

/// Where records come from, which no line says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'o> {
    /// The log, by its id.
    pub log: &'o str,
    /// Our version.
    pub version: &'o str,
}

/// Writes a record's line as an OCSF event; `None` when it is not a record.
#[must_use]
pub fn to_ocsf(line: &[u8], origin: Origin<'_>) -> Option<Vec<u8>> {
    let raw = std::str::from_utf8(line.trim_ascii_end()).ok()?;
    let view = View::parse(raw.as_bytes())?;
    let at = parse_moment(view.timestamp(), bakerst_model::UnixMillis(0))?;
    let detail = view.detail();
    to_json(&Event::of(&view, &detail, raw, at, origin))
}

fn to_json(value: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}
