//! What may be asked of a log by those who read it and those who keep it, wherever they ask.
//!
//! Readings are pages: each hands out so much, looks at so much, and says where the next one begins.

use bakerst_model::{Code, Pending, Seq};

use crate::query::{Bucket, Filter, Order, Tally};
use crate::retention::{Cause, Kept, Retention, Tombstone};
use crate::{BatchMost, KeyId, LogId};

/// Which records, from where on, and how many at most.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What to look for.
    pub filter: Filter,
    /// Which end comes first.
    pub order: Order,
    /// The record to begin with; the first in that order where none is named.
    pub from: Option<Seq>,
    /// The most that is handed out. One record is, whatever its length.
    pub most: BatchMost,
}

/// Some of the records that were asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Page {
    /// Their lines as they stand in the log, without line ends.
    pub lines: Vec<String>,
    /// Where the next page begins; nothing where this is the last.
    pub next: Option<Seq>,
    /// How many lines were met that are no records.
    pub damaged: u64,
}

/// How many records there are of each kind in a part of the log.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The counts.
    pub tally: Tally,
    /// Where the next part begins; nothing where this is the last.
    pub next: Option<Seq>,
    /// How many lines were met that are no records.
    pub damaged: u64,
}

/// What of old segments is to go, or went.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Retained {
    /// What is to go and why, the oldest first.
    pub expire: Vec<(Kept, Cause)>,
    /// What stays because some sinks have not got it, in a sentence.
    pub held: Option<String>,
    /// What is left of what went.
    pub gone: Option<Tombstone>,
}

/// Why a log did not do what it was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CustodyError {
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence.
    pub message: String,
}

/// The log of this process, to those who may read it and those who keep it. Who may is for the
/// caller to know.
pub trait Custody: Send + Sync {
    /// Which log it is.
    fn log(&self) -> LogId;

    /// Finds records that are on the disk.
    fn find(&self, reading: Reading) -> Pending<'_, Result<Page, CustodyError>>;

    /// Counts records that are on the disk, as many as one reading looks at.
    fn count(&self, reading: Reading, by: Bucket) -> Pending<'_, Result<Counted, CustodyError>>;

    /// Has the log written with a new key from now on, and names it.
    fn rotate_key(&self) -> Pending<'_, Result<KeyId, CustodyError>>;

    /// Destroys the key of a person's records, and answers the name that the log has for them.
    fn erase(&self, subject: String) -> Pending<'_, Result<String, CustodyError>>;

    /// Says what old segments are to go, and with `apply` lets go of them. Bounds that are not
    /// named are those of the configuration.
    fn retain(&self, wanted: Retention, apply: bool)
    -> Pending<'_, Result<Retained, CustodyError>>;
}
