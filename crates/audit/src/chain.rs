//! The chain as its writer sees it.

use bakerst_model::{Digest, Event, Seq, UnixMillis};

use crate::header::{About, FORMAT, Header, genesis};
use crate::record::{self, Entry, PrepareError};
use crate::{LogId, LogKey, Verified};

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
    log: LogId,
    segment: u64,
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
    ///
    /// # Errors
    /// When what the header says of the machine is too long.
    pub fn begin(
        key: LogKey,
        log: LogId,
        about: &About,
        at: UnixMillis,
    ) -> Result<(Self, Entry), PrepareError> {
        let prev = genesis(log, key.id());
        let header =
            Header { format: FORMAT, log, segment: 0, key: key.id(), about: about.clone() };
        let entry = Entry::seal(header.encode(Seq(0), at)?, &key, Seq(0), prev).bounded()?;
        let head = Head { seq: entry.seq(), mac: entry.mac() };
        Ok((Self { key, log, segment: 0, head }, entry))
    }

    /// Goes on behind a record that a [`Verifier`](crate::Verifier) has found to be the last.
    #[must_use]
    pub fn resume(key: LogKey, verified: &Verified) -> Self {
        let Verified { log, segment, head, .. } = *verified;
        Self { key, log, segment, head }
    }

    /// The header of the next segment, which is a record like any other.
    ///
    /// # Errors
    /// As [`Chain::prepare`].
    pub fn prepare_segment(&self, about: &About, at: UnixMillis) -> Result<Entry, PrepareError> {
        let seq = Seq(self.head.seq.0.saturating_add(1));
        let segment = self.segment.saturating_add(1);
        let (log, key, about) = (self.log, self.key.id(), about.clone());
        let header = Header { format: FORMAT, log, segment, key, about };
        Entry::seal(header.encode(seq, at)?, &self.key, seq, self.head.mac).bounded()
    }

    /// Notes that the header of the next segment is in the log.
    ///
    /// # Errors
    /// As [`Chain::advance`].
    pub fn advance_segment(&mut self, written: &Entry) -> Result<(), OutOfOrder> {
        self.advance(written)?;
        self.segment = self.segment.saturating_add(1);
        Ok(())
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
        Entry::seal(record::encode(seq, at, event)?, &self.key, seq, self.head.mac).bounded()
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
