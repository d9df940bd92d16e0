//! What a log is made of: the bytes of its records, the chain through them, the tree over them,
//! and the proof that nobody changed them.
//!
//! A log is JSON lines. Each record ends in the mac of the record before it (`prev`) and its own
//! (`mac`), an HMAC-SHA256 over the length and hash of the exact bytes that precede it; so a
//! record can be neither changed, nor removed, nor moved without the log's key. The line as it
//! stands is a leaf of a tree as in Certificate Transparency, and now and then a record holds a
//! checkpoint, the signed root of that tree: whoever keeps one elsewhere also finds out what was
//! cut off the end, and needs no more than a public key.
//!
//! [`Chain`] writes records, [`Verifier`] judges them, and [`Judge`] does the larger part of that
//! for many pieces at once. None knows a file, a clock or a lock: whoever writes and reads brings
//! those, so that everything here replays. No record is ever parsed and written anew to be
//! checked: the macs stand at fixed distances from the end of a line, and what is signed is what
//! stands there.
#![forbid(unsafe_code)]

mod chain;
mod checkpoint;
pub mod custody;
pub mod delivery;
pub mod encode;
pub mod erasure;
pub mod export;
mod fault;
mod header;
mod hex;
mod judge;
mod key;
mod lasting;
mod line;
mod note;
pub mod ocsf;
pub mod opa;
mod proof;
pub mod query;
mod record;
pub mod retention;
pub mod sealed_input;
mod source;
mod tree;
mod verify;

pub use chain::{Chain, ChainError, Head, Mark};
pub use checkpoint::{Checkpoint, RecordProof};
pub use fault::{Fault, FaultKind};
pub use header::{About, FORMAT, LogId, segment_key, tree_before};
pub use judge::{Judge, Piece, Trust};
pub use key::{KeyId, LogKey, LogKeyError, LogKeys};
pub use lasting::Lasting;
pub use line::{Lines, RecordLine, lines, seq_of};
pub use note::{CheckpointKey, NoteError, PublicKey};
pub use proof::{ProofPlan, is_consistent, root_by_inclusion};
pub use record::{DETAIL_BYTES_MAX, Draft, PrepareError, RECORD_BYTES_MAX};
pub use source::{BatchMost, LogSource, RecordBatch, RecordReader, SourceError};
pub use tree::{Hash, Tree, leaf_hash, node_hash};
pub use verify::{Verified, Verifier};
