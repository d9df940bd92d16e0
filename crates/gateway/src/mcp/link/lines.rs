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
}

impl Out {
    pub(super) fn new(writing: Writing) -> Self {
        Self { writing: Some(writing), waiting: Vec::new() }
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
        self.waiting.len()
    }

    /// Writes some of what waits.
    pub(super) async fn write(&mut self) {
        let written = match &mut self.writing {
            Some(writing) => writing.write(&self.waiting).await,
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        match written {
            Ok(bytes @ 1..) => drop(self.waiting.drain(..bytes)),
            Ok(0) | Err(_) => self.close().await,
        }
    }

    /// Writes all of it.
    pub(super) async fn write_all(&mut self) {
        while !self.waiting.is_empty() {
            self.write().await;
        }
    }

    /// Whether nobody listens any more.
    pub(super) fn is_closed(&self) -> bool {
        self.writing.is_none()
    }

    /// Says no more: the other side sees the end, also where it is heard by the same socket.
    pub(super) async fn close(&mut self) {
        self.waiting.clear();
        if let Some(mut writing) = self.writing.take() {
            writing.shutdown().await.ok();
        }
    }
}
