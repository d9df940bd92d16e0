//! The first line of a segment, which says what the rest is to be checked against.

use std::fmt;

use bakerst_model::{Digest, Seq, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::record::{push_json, push_number};
use crate::{KeyId, PrepareError, hex};

/// The form of the records described here. A reader that does not know a log's form says so
/// instead of judging it.
pub const FORMAT: u32 = 2;

/// Which log: sixteen random bytes, drawn when it is begun.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LogId([u8; 16]);

impl LogId {
    /// Names a log by random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::parse(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// Where and under what a segment is written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct About {
    /// The machine.
    pub host: String,
    /// The policy in force when the segment was begun.
    pub policy: Option<Digest>,
}

/// What the first record's `prev` is: it depends on the log and the key, so that records of one
/// log never continue another.
pub(crate) fn genesis(log: LogId, key: KeyId) -> Digest {
    let key = key.to_string();
    Digest::of_parts(&[b"bakerst log genesis", &FORMAT.to_be_bytes(), &log.0, key.as_bytes()])
}

/// What a header says, beside the `prev` that every record has: in the first segment that is the
/// genesis, in the others the last record of the segment before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) format: u32,
    pub(crate) log: LogId,
    pub(crate) segment: u64,
    pub(crate) key: KeyId,
    pub(crate) about: About,
}

impl Header {
    /// Writes the header up to its `detail`, in the shape of any other record.
    pub(crate) fn encode(&self, seq: Seq, at: UnixMillis) -> Result<Vec<u8>, PrepareError> {
        let mut out = b"{\"seq\":".to_vec();
        push_number(&mut out, seq.0);
        let before = format!(
            r#","timestamp":"{at}","category":"system","action":"system.segment_begun","actor":{{"name":"system"}},"detail":"#
        );
        out.extend_from_slice(before.as_bytes());
        let Self { format, log, segment, key, about } = self;
        let detail = Detail {
            format: *format,
            log: log.to_string(),
            segment: *segment,
            key: key.to_string(),
            host: about.host.clone(),
            policy: about.policy.map(|policy| policy.to_string()),
        };
        push_json(&mut out, &detail)?;
        Ok(out)
    }

    /// Reads a header's line; `None` when it is none.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let Line { action, detail } = serde_json::from_slice(line).ok()?;
        if action != "system.segment_begun" {
            return None;
        }
        let policy = match &detail.policy {
            Some(digits) => Some(Digest::parse_hex(digits)?),
            None => None,
        };
        Some(Self {
            format: detail.format,
            log: LogId::parse(&detail.log)?,
            segment: detail.segment,
            key: KeyId::parse(&detail.key)?,
            about: About { host: detail.host, policy },
        })
    }
}

#[derive(Deserialize)]
struct Line {
    action: String,
    detail: Detail,
}

#[derive(Deserialize, Serialize)]
struct Detail {
    format: u32,
    log: String,
    segment: u64,
    key: String,
    host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
}
