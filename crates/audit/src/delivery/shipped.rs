//! Records on their way out.

use std::fmt;
use std::sync::Arc;

use bakerst_model::{Digest, Seq};

use crate::{LogId, RecordBatch};

/// What names one record everywhere: its log, and its place in it. It never changes, so whoever
/// gets a record twice can tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EventId {
    /// The log.
    pub log: LogId,
    /// The place.
    pub seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.seq)
    }
}

/// One record on its way out: the exact bytes that the log holds, without the line end.
#[derive(Clone, Eq, PartialEq)]
pub struct Shipped {
    /// Which record.
    pub id: EventId,
    /// Its line. It verifies wherever it ends up.
    pub line: Arc<str>,
}

impl Shipped {
    /// The records of a batch. What is no text any more, because somebody has changed the log, goes
    /// with its strange bytes replaced: a sink must be able to show it.
    #[must_use]
    pub fn all_of(log: LogId, batch: &RecordBatch) -> Vec<Self> {
        let shipped = |(seq, line): (Seq, &[u8])| {
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            Self { id: EventId { log, seq }, line: text.into() }
        };
        batch.records().map(shipped).collect()
    }

    /// The mac that the record carries; nothing where it does not look like a record.
    #[must_use]
    pub fn mac(&self) -> Option<Digest> {
        let digits = self.line.strip_suffix("\"}")?;
        Digest::parse_hex(digits.get(digits.len().checked_sub(64)?..)?)
    }
}

impl fmt::Debug for Shipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shipped({}, {} bytes)", self.id, self.line.len())
    }
}
