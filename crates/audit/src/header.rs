//! The first line of a segment, which says what the rest is to be checked against.

use std::fmt;

use bakerst_model::{Action, Actor, Detail, Digest, Event, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::record::Draft;
use crate::tree::{Hash, Tree};
use crate::{KeyId, PrepareError, hex, seq_of};

/// The form of the records described here. A reader that does not know a log's form says so
/// instead of judging it.
pub const FORMAT: u32 = 2;

/// Which log: sixteen random bytes, drawn when it is begun.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LogId([u8; 16]);

impl LogId {
    /// Names a log by random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// What the log is called in its checkpoints.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("bakerst/{self}")
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
    /// The tree over all records before this one, so that a segment can be judged, and written
    /// on, without those before it.
    pub(crate) peaks: Vec<Hash>,
}

impl Header {
    /// The header as a record to be.
    pub(crate) fn draft(&self, at: UnixMillis) -> Result<Draft, PrepareError> {
        let Self { format, log, segment, key, about, peaks } = self;
        let text = HeaderDetail {
            format: *format,
            log: log.to_string(),
            segment: *segment,
            key: key.to_string(),
            host: about.host.clone(),
            policy: about.policy.map(|policy| policy.to_string()),
            peaks: peaks.iter().map(|peak| hex::text(peak)).collect(),
        };
        let detail = Detail::of(&text).map_err(|e| PrepareError::NotJson(e.to_string()))?;
        let (action, actor) = (Action::SegmentBegun, Actor::system());
        Draft::of(at, &Event { action, actor, conversation: None, detail })
    }

    /// Reads a header's line; `None` when it is none.
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let Line { action, detail } = serde_json::from_slice(line).ok()?;
        if action != Action::SegmentBegun.as_str() {
            return None;
        }
        let policy = match &detail.policy {
            Some(digits) => Some(Digest::parse_hex(digits)?),
            None => None,
        };
        let peaks = detail.peaks.iter().map(|peak| hex::parse(peak.as_bytes()));
        Some(Self {
            format: detail.format,
            log: LogId::parse(&detail.log)?,
            segment: detail.segment,
            key: KeyId::parse(&detail.key)?,
            about: About { host: detail.host, policy },
            peaks: peaks.collect::<Option<_>>()?,
        })
    }

    /// The tree over the records before a header in this place.
    pub(crate) fn tree(&self, seq: bakerst_model::Seq) -> Option<Tree> {
        Tree::of_peaks(seq.0, &self.peaks)
    }
}

/// Which key the records of a segment were written with, by what its first line claims. Whether
/// that is true shows when they are judged.
#[must_use]
pub fn segment_key(header: &[u8]) -> Option<KeyId> {
    Header::parse(header).map(|header| header.key)
}

/// The tree over all records before a segment, by what its first line claims. Whether that is true
/// shows when a signed root comes of it.
#[must_use]
pub fn tree_before(header: &[u8]) -> Option<Tree> {
    Header::parse(header)?.tree(seq_of(header)?)
}

#[derive(Deserialize)]
struct Line {
    action: String,
    detail: HeaderDetail,
}

#[derive(Deserialize, Serialize)]
struct HeaderDetail {
    format: u32,
    log: String,
    segment: u64,
    key: String,
    host: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default)]
    peaks: Vec<String>,
}
