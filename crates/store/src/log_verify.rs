//! Verifying a log where it lies.

use std::fs::File;

use bakerst_audit::{FaultKind, LogKey, Verified, Verifier};
use bakerst_model::Seq;
use memchr::memchr;

use crate::{LogError, LogFolder, LogLines};

/// What was found out about a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogReport {
    /// What its whole records prove.
    pub verified: Verified,
    /// How many segments there are.
    pub segments: usize,
    /// How many bytes follow the last whole record: a write that is under way, or was cut short.
    pub torn_bytes: u64,
}

/// Verifies a whole log. It may be written to meanwhile; what is there is judged.
///
/// # Errors
/// With the first record that does not verify, or when the log cannot be read.
pub fn verify_log(folder: &LogFolder, key: &LogKey) -> Result<LogReport, LogError> {
    let unreadable = |source| LogError::Read { path: folder.path().to_owned(), source };
    let segments = folder.segments().map_err(unreadable)?;
    let first = segments.first().map_or(Seq(0), |segment| segment.first);
    let mut verifier = Verifier::from_segment(key.clone(), first);
    let mut torn_bytes = 0;
    for segment in &segments {
        verifier.next_segment();
        let unreadable = |source| LogError::Read { path: segment.path.clone(), source };
        let mut lines = LogLines::new(File::open(&segment.path).map_err(unreadable)?);
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            if !segment.sealed && (memchr(0, line).is_some() || !line.ends_with(b"\n")) {
                torn_bytes = line.iter().position(|byte| *byte == 0).unwrap_or(line.len()) as u64;
                break;
            }
            match verifier.record(line) {
                Err(fault) if fault.kind == FaultKind::Torn && !segment.sealed => break,
                judged => judged.map_err(LogError::DoesNotVerify)?,
            }
        }
    }
    let verified = verifier.finish().map_err(LogError::DoesNotVerify)?;
    crate::retention::check_beginning(folder)?;
    Ok(LogReport { verified, segments: segments.len(), torn_bytes })
}
