//! What must outlive the process.
//!
//! A [`StateFolder`] belongs to one process at a time. In it lies the log, append-only
//! segments that [`LogFile`] writes, [`LogReader`] reads and [`verify_log`] checks, and one SQLite file behind the books of
//! [`Tokens`] and [`Approvals`]. Everything here keeps the order that the
//! rest of the house relies on: what was answered is on the disk, and what is in doubt is refused.
#![forbid(unsafe_code)]

mod approvals;
mod conversations;
mod database;
mod folder;
mod log_file;
mod log_folder;
mod log_reader;
mod log_verify;
pub mod query;
pub mod retention;
mod tokens;

pub use approvals::Approvals;
pub use conversations::Conversations;
pub use database::{Database, DatabaseError};
pub use folder::{StateError, StateFolder};
pub use log_file::{
    BUFFER_BYTES_MAX, Cadence, Cut, Durability, LogError, LogFile, LogHealth, LogSettings, Opened,
    SegmentBytes, WAITING_MAX,
};
pub use log_folder::{LogFolder, Segment, Synced};
pub use log_reader::{LogLines, LogReader};
pub use log_verify::{LogCheck, LogReport, verify_log};
pub use tokens::Tokens;
