//! The files that a log lies in, as long as they are.

use std::fs;
use std::io;
use std::path::PathBuf;

use bakerst_model::Seq;

use crate::{LogError, LogFolder};

/// One file of a log, as far as it is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its first record.
    pub first: Seq,
    /// How long it is, room that was set aside included.
    pub bytes: u64,
    /// Whether it never changes again.
    pub sealed: bool,
}

/// The segments of a log, oldest first, as they are at this moment.
///
/// # Errors
/// When the folder cannot be read.
pub fn segment_files(log: &LogFolder) -> Result<Vec<SegmentFile>, LogError> {
    let unreadable = |source: io::Error| LogError::Read { path: log.path().to_owned(), source };
    let mut files = Vec::new();
    for segment in log.segments().map_err(unreadable)? {
        match fs::metadata(&segment.path) {
            Ok(about) => files.push(SegmentFile {
                path: segment.path,
                first: segment.first,
                bytes: about.len(),
                sealed: segment.sealed,
            }),
            // It was listed a moment ago and has expired since.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    Ok(files)
}
