//! Reading a log, while it is written or after.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use bakerst_audit::{FaultKind, LogKey, RECORD_BYTES_MAX, Verified, Verifier};

use crate::LogError;

const BUFFER_BYTES: usize = 256 << 10;

/// A log's lines, one at a time in bounded memory.
#[derive(Debug)]
pub struct LogLines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
}

impl<R: Read> LogLines<R> {
    /// Begins where the reader stands.
    pub fn new(reader: R) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER_BYTES, reader), line: Vec::new() }
    }

    /// The next line with its line end. The last one may have none, and of one that is longer
    /// than any record the first bytes are handed out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let mut bounded = (&mut self.reader).take(RECORD_BYTES_MAX as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.line)?;
        Ok((read > 0).then_some(&self.line[..]))
    }
}

/// What was found out about a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogReport {
    /// What its whole records prove.
    pub verified: Verified,
    /// How many bytes follow the last whole record: a write that is under way, or was cut short.
    pub torn_bytes: u64,
}

/// Verifies a whole log. It may be written to meanwhile; what is there is judged.
///
/// # Errors
/// With the first record that does not verify, or when the log cannot be read.
pub fn verify_log(path: &Path, key: &LogKey) -> Result<LogReport, LogError> {
    let unreadable = |source| LogError::Read { path: path.to_owned(), source };
    let mut lines = LogLines::new(File::open(path).map_err(unreadable)?);
    let mut verifier = Verifier::new(key.clone());
    let mut torn_bytes = 0;
    while let Some(line) = lines.next_line().map_err(unreadable)? {
        match verifier.record(line) {
            Err(fault) if fault.kind == FaultKind::Torn => torn_bytes = line.len() as u64,
            judged => judged.map_err(LogError::DoesNotVerify)?,
        }
    }
    let verified = verifier.finish().map_err(LogError::DoesNotVerify)?;
    Ok(LogReport { verified, torn_bytes })
}
