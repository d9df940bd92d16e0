//! The log as those see it who ship it: durable records in order, and word when there are more.
//!
//! The log itself is the queue. A shipper keeps nothing but the place up to which its sink has
//! acknowledged; it asks for a reader from there, and whatever is in the log follows. Records that
//! are not on the disk yet are never handed out, so that nothing is shipped which a power cut
//! could still take back.

use bakerst_model::{Pending, Seq};

use crate::line::{Lines, lines, seq_of};

/// Where durable records come from.
pub trait LogSource: Send + Sync {
    /// The last record that is on the disk. It only ever grows.
    fn synced(&self) -> Seq;

    /// Waits until a record after `seen` is on the disk and answers the last one that is. `None`
    /// when the log was closed: nothing will follow.
    fn synced_after(&self, seen: Seq) -> Pending<'_, Option<Seq>>;

    /// A reader whose first record is `from`.
    fn reader(&self, from: Seq) -> Box<dyn RecordReader>;
}

/// Reads on through a log, over segments.
pub trait RecordReader: Send {
    /// The next records; an empty batch when all that are on the disk have been read. It reads
    /// files and never waits for more: see [`LogSource::synced_after`].
    ///
    /// # Errors
    /// When the log cannot be read, or has kept nothing of what was asked for.
    fn next(&mut self, most: BatchMost) -> Result<RecordBatch, SourceError>;
}

/// The bounds of a batch. One record is handed out whatever its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BatchMost {
    /// The most records.
    pub records: usize,
    /// The most bytes.
    pub bytes: usize,
}

/// Records in a row, exactly as they stand in the log.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecordBatch {
    bytes: Vec<u8>,
    count: usize,
}

impl RecordBatch {
    /// Adds a line with its line end.
    pub fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.count += 1;
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All lines, each with its line end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each record's place and line, in order.
    pub fn records(&self) -> impl Iterator<Item = (Seq, &[u8])> {
        let whole: Lines<'_> = lines(&self.bytes);
        whole.filter_map(|line| seq_of(line).map(|seq| (seq, line)))
    }
}

/// Why records cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The medium failed.
    #[error("the audit log cannot be read: {0}")]
    Unreadable(String),
    /// They are no longer kept.
    #[error("record {wanted} is no longer in the log, which begins with record {oldest}")]
    Expired {
        /// The record that was asked for.
        wanted: Seq,
        /// The first one there is.
        oldest: Seq,
    },
    /// What stands where a record belongs is none.
    #[error("the audit log is damaged where record {seq} belongs")]
    Damaged {
        /// The record that belongs there.
        seq: Seq,
    },
}
