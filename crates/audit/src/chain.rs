//! The chain as its writer sees it.

use bakerst_model::{Digest, Event, Seq, UnixMillis};

use crate::record::{self, Entry, PrepareError, RECORD_BYTES_MAX};
use crate::{LogId, LogKey, header};

/// The last record of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its place; 0 while there is only the header.
    pub seq: Seq,
    /// Its mac.
    pub mac: Digest,
}

/// Where the next record goes, and what it must name.
///
/// Preparing changes nothing: a record that could not be written leaves no gap, and the next one
/// takes its place.
#[derive(Clone, Debug)]
pub struct Chain {
    key: LogKey,
    head: Head,
}

/// An entry that does not continue the chain.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("record {got} does not continue the log after record {head}")]
pub struct OutOfOrder {
    /// The entry's place.
    pub got: Seq,
    /// The last record.
    pub head: Seq,
}

impl Chain {
    /// Begins a new log. Its header must be written before anything else; the chain stands
    /// behind it already.
    #[must_use]
    pub fn begin(key: LogKey, log: LogId, at: UnixMillis) -> (Self, Entry) {
        let mut out = Vec::new();
        header::encode(&mut out, at, log, key.id());
        let header = Entry::seal(out, &key, Seq(0), header::genesis(log, key.id()));
        let head = Head { seq: header.seq(), mac: header.mac() };
        (Self { key, head }, header)
    }

    /// Goes on behind a record that a [`Verifier`](crate::Verifier) has found to be the last.
    #[must_use]
    pub fn resume(key: LogKey, head: Head) -> Self {
        Self { key, head }
    }

    /// The next record. The caller writes [`Entry::bytes`] and only then calls
    /// [`Chain::advance`].
    ///
    /// The time is taken as it is: clocks may go back, and a log that would not say so would lie.
    ///
    /// # Errors
    /// When the event is too long for a record.
    pub fn prepare(&self, at: UnixMillis, event: &Event) -> Result<Entry, PrepareError> {
        let seq = Seq(self.head.seq.0.saturating_add(1));
        let entry = Entry::seal(record::encode(seq, at, event)?, &self.key, seq, self.head.mac);
        match entry.bytes().len() {
            bytes if bytes > RECORD_BYTES_MAX => Err(PrepareError::TooLong { bytes }),
            _ => Ok(entry),
        }
    }

    /// Notes that an entry is in the log.
    ///
    /// # Errors
    /// When it does not follow the last record: it was prepared before another was written.
    pub fn advance(&mut self, written: &Entry) -> Result<(), OutOfOrder> {
        let (got, head) = (written.seq(), self.head.seq);
        if written.prev() != self.head.mac || got.0 != head.0.saturating_add(1) {
            return Err(OutOfOrder { got, head });
        }
        self.head = Head { seq: got, mac: written.mac() };
        Ok(())
    }

    /// The last record.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }
}
