//! Lines on their way in and out, in bounded room.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::ends::{Reading, Writing};

/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;

/// What one side says, line by line.
pub(super) struct Lines {
    reading: BufReader<Reading>,
    line: Vec<u8>,
    /// Whether `line` was handed out.
    is_told: bool,
    bytes_max: usize,
}

/// A line that is longer than any may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn new(reading: Reading, bytes_max: usize) -> Self {
        let reading = BufReader::with_capacity(BUFFER_BYTES, reading);
        Self { reading, line: Vec::new(), is_told: false, bytes_max }
    }

    /// Waits for the next line; `false` once there are no more. Called again after it was
    /// cancelled, it goes on where it was.
    pub(super) async fn advance(&mut self) -> Result<bool, TooLong> {
        if std::mem::take(&mut self.is_told) {
            self.line.clear();
            // One long line is no reason to hold as much for ever.
            self.line.shrink_to(BUFFER_BYTES);
        }
        let room = (self.bytes_max + 2).saturating_sub(self.line.len()) as u64;
        let read = (&mut self.reading).take(room).read_until(b'\n', &mut self.line).await;
        if self.line.last() != Some(&b'\n') && self.line.len() > self.bytes_max {
            return Err(TooLong);
        }
        // Whoever is cut off in the middle of a line has not said it; a last line that only lacks
        // its end is one.
        self.is_told = read.is_ok() && !self.line.is_empty();
        Ok(self.is_told)
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }
}

/// What one side is to hear.
pub(super) struct Out {
    writing: Option<Writing>,
    waiting: Vec<u8>,
    /// How much of that was written already.
    written: usize,
}

impl Out {
    pub(super) fn new(writing: Writing) -> Self {
        Self { writing: Some(writing), waiting: Vec::new(), written: 0 }
    }

    /// Adds a line. Whoever has stopped listening is told nothing more.
    pub(super) fn push(&mut self, text: &str) {
        if self.writing.is_some() {
            // A message that was read over several lines is still one line here.
            self.waiting.extend(text.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
            self.waiting.push(b'\n');
        }
    }

    /// How much waits.
    pub(super) fn bytes(&self) -> usize {
        self.waiting.len() - self.written
    }

    /// Writes some of what waits.
    pub(super) async fn write(&mut self) {
        let written = match (&mut self.writing, self.waiting.get(self.written..)) {
            (Some(writing), Some(waiting)) => writing.write(waiting).await,
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match written {
            Ok(bytes @ 1..) => self.let_go(bytes),
            Ok(0) | Err(_) => self.close().await,
        }
    }

    /// Lets go of what was written. What waits behind it is moved only where that is less, so that
    /// a side which reads in small pieces costs no more than one that takes all at once.
    fn let_go(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= self.bytes() {
            self.waiting.drain(..self.written);
            self.waiting.shrink_to(BUFFER_BYTES);
            self.written = 0;
        }
    }

    /// Writes all of it.
    pub(super) async fn write_all(&mut self) {
        while self.bytes() > 0 {
            self.write().await;
        }
    }

    /// Whether nobody listens any more.
    pub(super) fn is_closed(&self) -> bool {
        self.writing.is_none()
    }

    /// Says no more: the other side sees the end, also where it is heard by the same socket.
    pub(super) async fn close(&mut self) {
        (self.waiting, self.written) = (Vec::new(), 0);
        if let Some(mut writing) = self.writing.take() {
            writing.shutdown().await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// A side that reads in small pieces makes us move what waits for it seldom, and not each time.
    #[tokio::test]
    async fn what_waits_for_a_slow_reader_is_moved_seldom_and_let_go_of() {
        const PIECE: usize = 1 << 10;
        let (ours, mut theirs) = tokio::io::duplex(PIECE);
        let mut out = Out::new(Box::new(ours));
        let lines = [7, 1 << 20, 100].map(|bytes| "x\u{e9}y".repeat(bytes / 4));
        lines.iter().for_each(|line| out.push(line));
        let whole: Vec<u8> =
            lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
        let (mut heard, mut moved) = (Vec::new(), 0);
        while heard.len() < whole.len() {
            let before = out.waiting.len();
            out.write().await;
            moved += usize::from(out.waiting.len() < before);
            assert_eq!(
                out.bytes(),
                whole.len() - heard.len() - PIECE.min(whole.len() - heard.len())
            );
            let mut piece = vec![0; PIECE.min(whole.len() - heard.len())];
            theirs.read_exact(&mut piece).await.unwrap();
            heard.extend(piece);
        }
        assert!(heard == whole && moved < 30, "{moved}");
        assert!(out.waiting.capacity() <= BUFFER_BYTES);
    }
}
