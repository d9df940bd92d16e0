//! Reading a log, while it is written or after.
//!
//! [`LogReader`] hands out records in order from any place on, over segments, in bounded memory.
//! How far it may go is told to it each time: those in the same process take it from the log that
//! they share ([`LogSource`](bakerst_audit::LogSource) of [`LogFile`](crate::LogFile)), those in
//! another from [`LogFolder::synced`].

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::os::unix::fs::FileExt as _;

use bakerst_audit::{BatchMost, RECORD_BYTES_MAX, RecordBatch, SourceError, lines, seq_of};
use bakerst_model::Seq;

use crate::{LogFolder, Synced};

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

/// A place in a log from which records are read on. It holds one file open and one buffer of at
/// most two records' length.
#[derive(Debug)]
pub struct LogReader {
    folder: LogFolder,
    /// The next record to hand out.
    next: Seq,
    open: Option<OpenSegment>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct OpenSegment {
    first: Seq,
    file: File,
    /// Where reading goes on: the start of a line.
    offset: u64,
    /// How far it may be read in this turn, and whether that is its end.
    end: u64,
    ends_here: bool,
}

impl LogReader {
    /// A reader whose first record is `from`. Nothing is opened yet.
    #[must_use]
    pub fn new(folder: LogFolder, from: Seq) -> Self {
        Self { folder, next: from, open: None, buffer: Vec::new() }
    }

    /// The record that comes next.
    #[must_use]
    pub fn position(&self) -> Seq {
        self.next
    }

    /// The next records up to `synced`; an empty batch when there are none.
    ///
    /// # Errors
    /// When the log cannot be read, is damaged at this place, or has kept nothing of it.
    pub fn next_batch(
        &mut self,
        synced: Synced,
        most: BatchMost,
    ) -> Result<RecordBatch, SourceError> {
        let mut batch = RecordBatch::default();
        while self.next <= synced.seq && !is_full(&batch, most) {
            if !self.stand(synced)? || !self.read_some(&mut batch, most)? {
                break;
            }
        }
        Ok(batch)
    }

    /// Opens the segment that holds the next record, unless it is open. Whether there is anything
    /// to read.
    fn stand(&mut self, synced: Synced) -> Result<bool, SourceError> {
        if let Some(open) = &mut self.open {
            bound(open, synced)?;
            if open.offset < open.end {
                return Ok(true);
            }
            if !open.ends_here {
                return Ok(false);
            }
        }
        let segments = self.folder.segments().map_err(unreadable)?;
        let holds = segments.iter().rev().find(|segment| segment.first <= self.next);
        let Some(segment) = holds else {
            let oldest = segments.first().map_or(Seq(0), |segment| segment.first);
            return Err(SourceError::Expired { wanted: self.next, oldest });
        };
        if self.open.as_ref().is_some_and(|open| open.first == segment.first) {
            // It was read to its end, and the record that belongs there is in no other.
            return Err(SourceError::Damaged { seq: self.next });
        }
        let file = File::open(&segment.path).map_err(unreadable)?;
        let mut open =
            OpenSegment { first: segment.first, file, offset: 0, end: 0, ends_here: false };
        bound(&mut open, synced)?;
        let any = open.end > 0;
        self.open = Some(open);
        Ok(any)
    }

    /// Takes what fits into the batch from one buffer's length of the open segment. Whether more
    /// may fit.
    fn read_some(&mut self, batch: &mut RecordBatch, most: BatchMost) -> Result<bool, SourceError> {
        let damaged = SourceError::Damaged { seq: self.next };
        let Some(open) = &mut self.open else { return Err(damaged) };
        let mut room = BUFFER_BYTES;
        loop {
            let left = usize::try_from(open.end - open.offset).unwrap_or(usize::MAX);
            self.buffer.resize(room.min(left), 0);
            open.file.read_exact_at(&mut self.buffer, open.offset).map_err(unreadable)?;
            let mut taken = 0;
            for line in lines(&self.buffer) {
                let seq = seq_of(line).ok_or_else(|| damaged.clone())?;
                if seq == self.next {
                    if is_full(batch, most) || !fits(batch, line, most) {
                        open.offset += taken;
                        return Ok(false);
                    }
                    batch.push(line);
                    self.next = Seq(seq.0.saturating_add(1));
                } else if seq > self.next {
                    return Err(damaged);
                }
                taken += line.len() as u64;
            }
            open.offset += taken;
            match taken {
                0 if room > RECORD_BYTES_MAX || left <= room => return Err(damaged),
                // A record that is longer than the buffer: once more with room for the longest.
                0 => room = RECORD_BYTES_MAX + 1,
                _ => return Ok(true),
            }
        }
    }
}

/// How far a segment may be read: a sealed one to its end, the live one as far as it is synced.
fn bound(open: &mut OpenSegment, synced: Synced) -> Result<(), SourceError> {
    (open.end, open.ends_here) = match open.first.cmp(&synced.segment) {
        std::cmp::Ordering::Less => (open.file.metadata().map_err(unreadable)?.len(), true),
        std::cmp::Ordering::Equal => (synced.bytes, false),
        std::cmp::Ordering::Greater => (0, false),
    };
    Ok(())
}

fn is_full(batch: &RecordBatch, most: BatchMost) -> bool {
    batch.len() >= most.records.max(1) || (!batch.is_empty() && batch.bytes().len() >= most.bytes)
}

fn fits(batch: &RecordBatch, line: &[u8], most: BatchMost) -> bool {
    batch.is_empty() || batch.bytes().len() + line.len() <= most.bytes
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn unreadable(error: io::Error) -> SourceError {
    SourceError::Unreadable(error.to_string())
}
