//! A log cut into chunks that can be judged one by one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use bakerst_audit::{Judge, Piece, RECORD_BYTES_MAX, Trust};
use memchr::{memchr, memrchr};

use crate::{LogError, Segment};

/// How much of a segment is judged at once.
const CHUNK_BYTES: u64 = 4 << 20;

/// All chunks of a log, in order.
pub(super) struct Chunks<'t> {
    segments: Vec<Open<'t>>,
    /// Which segment, and from where to where.
    chunks: Vec<(usize, u64, u64)>,
}

struct Open<'t> {
    segment: Segment,
    file: File,
    bytes: u64,
    /// `None` when the header is none, or its key is missing.
    judge: Option<Judge<'t>>,
}

/// The lines that begin within a chunk.
pub(super) struct Chunk {
    /// Whole lines; of a sealed segment also what stands behind the last line end.
    pub(super) bytes: Vec<u8>,
    /// How many bytes of the live segment are no whole line, zeros at its end aside.
    pub(super) torn: u64,
}

impl<'t> Chunks<'t> {
    pub(super) fn of(segments: Vec<Segment>, trust: &'t Trust) -> Result<Self, LogError> {
        let (mut open, mut chunks) = (Vec::new(), Vec::new());
        for segment in segments {
            let unreadable = |source| LogError::Read { path: segment.path.clone(), source };
            let file = File::open(&segment.path).map_err(unreadable)?;
            let bytes = file.metadata().map_err(unreadable)?.len();
            let header = first_line(&file).map_err(unreadable)?;
            let judge = Judge::of_segment(trust, &header);
            let starts = (0..bytes.div_ceil(CHUNK_BYTES).max(1)).map(|n| n * CHUNK_BYTES);
            let place = open.len();
            chunks.extend(starts.map(|start| (place, start, (start + CHUNK_BYTES).min(bytes))));
            open.push(Open { segment, file, bytes, judge });
        }
        Ok(Self { segments: open, chunks })
    }

    pub(super) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(super) fn segments(&self) -> usize {
        self.segments.len()
    }

    pub(super) fn last_path(&self) -> Option<PathBuf> {
        self.segments.last().map(|open| open.segment.path.clone())
    }

    pub(super) fn path(&self, at: usize) -> PathBuf {
        let open = self.chunks.get(at).and_then(|(place, ..)| self.segments.get(*place));
        open.map(|open| open.segment.path.clone()).unwrap_or_default()
    }

    pub(super) fn begins_segment(&self, at: usize) -> bool {
        self.chunks.get(at).is_some_and(|(_, start, _)| *start == 0)
    }

    /// Judges one chunk by itself. `None` when it has to be looked at line by line.
    pub(super) fn judge(&self, at: usize) -> Result<Option<Piece>, LogError> {
        let Chunk { bytes, torn } = self.read(at)?;
        let judge = self.chunks.get(at).and_then(|(place, ..)| self.segments.get(*place));
        let judge = judge.and_then(|open| open.judge.as_ref());
        Ok(judge.filter(|_| torn == 0).and_then(|judge| judge.judge(&bytes)))
    }

    /// Reads the lines that begin within a chunk, to the end of the last one.
    pub(super) fn read(&self, at: usize) -> Result<Chunk, LogError> {
        let nothing = Chunk { bytes: Vec::new(), torn: 0 };
        let Some((place, start, end)) = self.chunks.get(at).copied() else { return Ok(nothing) };
        let Some(open) = self.segments.get(place) else { return Ok(nothing) };
        let read = open.read(start, end);
        read.map_err(|source| LogError::Read { path: open.segment.path.clone(), source })
    }
}

impl Open<'_> {
    fn read(&self, start: u64, end: u64) -> io::Result<Chunk> {
        // One byte before it tells whether a line begins just there.
        let from = start.saturating_sub(1);
        let until = (end + RECORD_BYTES_MAX as u64 + 1).min(self.bytes);
        let mut bytes = self.read_at(from, (end - from).min(until - from))?;
        let begin = match start {
            0 => 0,
            _ => memchr(b'\n', &bytes).map_or(bytes.len(), |at| at + 1),
        };
        bytes.drain(..begin);
        if bytes.is_empty() {
            return Ok(Chunk { bytes, torn: 0 });
        }
        let unended = bytes.len() - memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
        if unended > 0 && end < until {
            let mut rest = self.read_at(end, until - end)?;
            let line_end = memchr(b'\n', &rest).map_or(rest.len(), |at| at + 1);
            rest.truncate(line_end);
            bytes.append(&mut rest);
        }
        Ok(self.without_room(bytes))
    }

    fn read_at(&self, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        let mut filled = 0;
        // The room at the end of a live segment may be cut off meanwhile.
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, from + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        buffer.truncate(filled);
        Ok(buffer)
    }

    /// Of the live segment, whole lines alone: what follows is room, or a write under way.
    fn without_room(&self, mut bytes: Vec<u8>) -> Chunk {
        if self.segment.sealed {
            return Chunk { bytes, torn: 0 };
        }
        let written = memchr(0, &bytes).unwrap_or(bytes.len());
        let whole = memrchr(b'\n', bytes.get(..written).unwrap_or_default());
        let whole = whole.map_or(0, |at| at + 1);
        let rest = bytes.get(whole..).unwrap_or_default();
        let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        bytes.truncate(whole);
        Chunk { bytes, torn }
    }
}

fn first_line(mut file: &File) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(RECORD_BYTES_MAX as u64).read_to_end(&mut start)?;
    let end = memchr(b'\n', &start).map_or(start.len(), |at| at + 1);
    start.truncate(end);
    Ok(start)
}
