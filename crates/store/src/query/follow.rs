//! Reading a log on while it is written.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bakerst_audit::{RECORD_BYTES_MAX, lines};
use bakerst_model::Seq;
use memchr::memchr;

use super::{SegmentFile, segment_files};
use crate::{LogError, LogFolder};

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;

/// Follows a log from a place on, over the ends of its segments.
#[derive(Debug)]
pub struct Follower {
    log: LogFolder,
    /// The segment that is read: the number of its first record, and how far it has been read.
    first: Option<Seq>,
    offset: u64,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Follower {
    /// Begins behind the last whole line of segments that have been read as they are listed.
    #[must_use]
    pub fn behind(log: &LogFolder, segments: &[SegmentFile]) -> Self {
        let last = segments.last();
        let mut follower = Self {
            log: log.clone(),
            first: last.map(|segment| segment.first),
            offset: 0,
            file: last.and_then(|segment| File::open(&segment.path).ok()),
            buffer: Vec::new(),
        };
        if let (Some(segment), Some(file)) = (last, &follower.file) {
            follower.offset = end_of_lines(file, segment.bytes).unwrap_or_default();
        }
        follower
    }

    /// Hands out the lines that have come since, and says how many there were.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn read(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
        let mut count = 0;
        loop {
            count += self.read_segment(take)?;
            // Only once a later segment exists is this one sealed; what was written to it before
            // that is read once more, and then the next one is begun.
            let all = segment_files(&self.log)?;
            let Some(next) = all.iter().find(|s| self.first.is_none_or(|first| s.first > first))
            else {
                return Ok(count);
            };
            count += self.read_segment(take)?;
            let opened = File::open(&next.path);
            let file = opened.map_err(|e| LogError::Read { path: next.path.clone(), source: e })?;
            (self.first, self.offset, self.file) = (Some(next.first), 0, Some(file));
        }
    }

    fn read_segment(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<u64, LogError> {
        let mut count = 0;
        while let Some(file) = &self.file {
            let unreadable = |source| LogError::Read { path: self.log.path().to_owned(), source };
            let held = read_lines(file, self.offset, &mut self.buffer).map_err(unreadable)?;
            let block = self.buffer.get(..held).unwrap_or_default();
            let mut whole = lines(block);
            whole.by_ref().for_each(|line| {
                count += 1;
                take(line);
            });
            let used = held - whole.rest().len();
            if used == 0 {
                break;
            }
            self.offset += used as u64;
        }
        Ok(count)
    }
}

/// Reads from a place until there is at least one whole line, or no more to be had.
fn read_lines(file: &File, offset: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut held = 0;
    loop {
        if buffer.len() < held + READ_BYTES {
            buffer.resize(held + READ_BYTES, 0);
        }
        let room = buffer.get_mut(held..).unwrap_or_default();
        let read = file.read_at(room, offset + held as u64)?;
        let came = buffer.get(held..held + read).unwrap_or_default();
        let enough = read == 0 || memchr(b'\n', came).is_some() || came.contains(&0);
        held += read;
        if enough || held > RECORD_BYTES_MAX {
            return Ok(held);
        }
    }
}

/// Where the last whole line of the first `bytes` ends. Room that was set aside is zeros, which no
/// line holds.
fn end_of_lines(file: &File, bytes: u64) -> io::Result<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let mut end = bytes;
    while end > 0 {
        let from = end.saturating_sub(READ_BYTES as u64);
        let wanted = usize::try_from(end - from).unwrap_or(READ_BYTES);
        let room = buffer.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(room, from)?;
        if let Some(at) = memchr::memrchr(b'\n', room) {
            return Ok(from + at as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}
