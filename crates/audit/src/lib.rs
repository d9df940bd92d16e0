//! What a log is made of: the bytes of its records, the chain through them, and the proof that
//! nobody changed them.
//!
//! A log is JSON lines. Each record ends in the mac of the record before it (`prev`) and its own
//! (`mac`), an HMAC-SHA256 over the exact bytes that precede it; so a record can be neither
//! changed, nor removed, nor moved without the log's key. Only the loss of the last records leaves
//! no trace in the log itself. The first line is a header, record 0, which names the log and the
//! key; events count from 1.
//!
//! [`Chain`] prepares records and [`Verifier`] judges them. Neither knows a file, a clock or a
//! lock: whoever writes and reads brings those, so that everything here replays. No record is
//! ever parsed and written anew to be checked: the macs stand at fixed distances from the end of
//! a line, and what is signed is what stands there.
#![forbid(unsafe_code)]

mod chain;
pub mod delivery;
pub mod encode;
pub mod erasure;
pub mod export;
mod header;
mod hex;
mod key;
mod line;
pub mod ocsf;
pub mod query;
mod record;
pub mod retention;
mod source;
mod verify;

pub use chain::{Chain, Head, OutOfOrder};
pub use header::{About, FORMAT, LogId};
pub use key::{KeyId, LogKey, LogKeyError};
pub use line::{Lines, RecordLine, lines, seq_of};
pub use record::{Entry, PrepareError, RECORD_BYTES_MAX};
pub use source::{BatchMost, LogSource, RecordBatch, RecordReader, SourceError};
pub use verify::{Fault, FaultKind, Verified, Verifier};
