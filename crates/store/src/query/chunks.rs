//! Chunks of segments, and how the lines of one are read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bakerst_audit::RECORD_BYTES_MAX;
use bakerst_audit::query::Order;
use memchr::{memchr, memrchr};

use super::SegmentFile;

/// How much is read at once. It stays in a core's cache until it has been looked at.
pub const CHUNK_BYTES: u64 = 512 << 10;

/// How much more is read at once to find the end of a chunk's last line.
const TAIL_BYTES: usize = 16 << 10;

/// A part of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    /// Which of the segments.
    pub(super) segment: usize,
    from: u64,
    to: u64,
}

/// Cuts segments into chunks.
pub(super) fn cut(segments: &[SegmentFile], order: Order) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for (segment, SegmentFile { bytes, .. }) in segments.iter().enumerate() {
        let count = bytes.div_ceil(CHUNK_BYTES);
        chunks.extend((0..count).map(|n| {
            let from = n * CHUNK_BYTES;
            Chunk { segment, from, to: (from + CHUNK_BYTES).min(*bytes) }
        }));
    }
    if order == Order::NewestFirst {
        chunks.reverse();
    }
    chunks
}

/// One thread's buffer, and the file that it reads.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl Reader {
    /// The lines that begin in a chunk. Only at the end of a segment can the last one have no end.
    pub(super) fn read(&mut self, segments: &[SegmentFile], chunk: &Chunk) -> io::Result<&[u8]> {
        let Self { open, buffer } = self;
        let file = match open {
            Some((segment, file)) if *segment == chunk.segment => file,
            _ => {
                let segment = segments.get(chunk.segment).ok_or(io::ErrorKind::NotFound)?;
                match File::open(&segment.path) {
                    Ok(file) => &mut open.insert((chunk.segment, file)).1,
                    // It was listed a moment ago and has expired since.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && segment.sealed => {
                        return Ok(&[]);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        // The byte before tells whether the chunk begins with a line or within one.
        let before = u64::from(chunk.from > 0);
        let wanted = usize::try_from(chunk.to - chunk.from + before).unwrap_or(usize::MAX);
        let mut held = fill(file, buffer, 0, chunk.from - before, wanted)?;
        let start = match before {
            0 => 0,
            _ => match memchr(b'\n', buffer.get(..held).unwrap_or_default()) {
                // A line end as the very last byte begins no line of this chunk.
                Some(end) if end + 1 < held => end + 1,
                _ => return Ok(&[]),
            },
        };
        if held == wanted && buffer.get(held.saturating_sub(1)) != Some(&b'\n') {
            held = self.finish_line(start, chunk.from - before, held)?;
        }
        Ok(self.buffer.get(start..held).unwrap_or_default())
    }

    /// Reads on until the last line ends, the file does, or no record could be that long.
    fn finish_line(&mut self, start: usize, from: u64, mut held: usize) -> io::Result<usize> {
        let Some((_, file)) = &self.open else { return Ok(held) };
        let begun = self.buffer.get(start..held).and_then(|lines| memrchr(b'\n', lines));
        let line = begun.map_or(start, |end| start + end + 1);
        while held - line <= RECORD_BYTES_MAX {
            let more = fill(file, &mut self.buffer, held, from + held as u64, TAIL_BYTES)?;
            let tail = self.buffer.get(held..held + more).unwrap_or_default();
            if let Some(end) = memchr(b'\n', tail) {
                return Ok(held + end + 1);
            }
            held += more;
            if more < TAIL_BYTES {
                break;
            }
        }
        Ok(held)
    }
}

/// Reads up to `wanted` bytes behind what the buffer holds; fewer only at the end of the file.
fn fill(
    file: &File,
    buffer: &mut Vec<u8>,
    at: usize,
    mut offset: u64,
    wanted: usize,
) -> io::Result<usize> {
    if buffer.len() < at + wanted {
        buffer.resize(at + wanted, 0);
    }
    let mut held = 0;
    while held < wanted {
        let room = buffer.get_mut(at + held..at + wanted).unwrap_or_default();
        match file.read_at(room, offset) {
            Ok(0) => break,
            Ok(read) => {
                held += read;
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(held)
}
