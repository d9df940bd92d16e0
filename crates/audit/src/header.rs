//! The first line of a log, which says what the rest is to be checked against.

use std::fmt;

use bakerst_model::{Digest, UnixMillis};
use serde::Deserialize;

use crate::{KeyId, hex};

/// The form of the records described here. A reader that does not know a log's form says so
/// instead of judging it.
pub const FORMAT: u32 = 1;

/// Which log: sixteen random bytes, drawn when it is begun.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LogId([u8; 16]);

impl LogId {
    /// Names a log by random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// What the first record's `prev` is: it depends on the log and the key, so that records of one
/// log never continue another.
pub(crate) fn genesis(log: LogId, key: KeyId) -> Digest {
    let key = key.to_string();
    Digest::of_parts(&[b"bakerst log genesis v1", &FORMAT.to_be_bytes(), &log.0, key.as_bytes()])
}

/// Writes the header up to its `detail`, in the shape of any other record.
pub(crate) fn encode(out: &mut Vec<u8>, at: UnixMillis, log: LogId, key: KeyId) {
    let text = format!(
        r#"{{"seq":0,"timestamp":"{at}","category":"system","action":"system.log_begun","actor":{{"name":"system"}},"detail":{{"format":{FORMAT},"log":"{log}","key":"{key}"}}"#
    );
    out.extend_from_slice(text.as_bytes());
}

/// What a header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) log: LogId,
    pub(crate) key: KeyId,
}

impl Header {
    /// Reads a header's line; `None` when it is none.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let HeaderLine { detail } = serde_json::from_slice(line).ok()?;
        let log = LogId(hex::parse(detail.log.as_bytes())?);
        Some(Self { format: detail.format, log, key: KeyId::parse(&detail.key)? })
    }
}

#[derive(Deserialize)]
struct HeaderLine {
    detail: HeaderDetail,
}

#[derive(Deserialize)]
struct HeaderDetail {
    format: u32,
    log: String,
    key: String,
}
