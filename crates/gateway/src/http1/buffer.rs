//! What was read of a connection, and is not yet understood.

use std::pin::pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is read at once, at first. Most messages fit in with room to spare, which tells the
/// runtime that there is no more without asking the system again.
const READ_BYTES: usize = 4 << 10;
/// And of long ones.
const READ_BYTES_MAX: usize = 64 << 10;

#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    /// How much of it is understood.
    done: usize,
    /// Whether the last reading filled it.
    was_full: bool,
}

impl Buffer {
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.done..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// Counts so many bytes as understood.
    pub(crate) fn skip(&mut self, bytes: usize) {
        self.done += bytes.min(self.rest().len());
        if self.is_empty() {
            self.bytes.clear();
            self.done = 0;
        }
    }

    /// At most so many bytes, taken out.
    pub(crate) fn take(&mut self, max: u64, to: &mut Vec<u8>) -> u64 {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(self.rest().len());
        to.extend_from_slice(self.rest().get(..max).unwrap_or_default());
        self.skip(max);
        max as u64
    }

    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
    }

    /// Reads on; says how many bytes came, which are none once there are no more.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
    ) -> Poll<std::io::Result<usize>> {
        self.make_room();
        // Nothing is lost with this future: it holds nothing that was read.
        let read = ready!(pin!(from.read_buf(&mut self.bytes)).poll(context))?;
        self.was_full = self.bytes.len() == self.bytes.capacity();
        Poll::Ready(Ok(read))
    }

    fn make_room(&mut self) {
        self.bytes.drain(..self.done);
        self.done = 0;
        let wanted = match self.was_full {
            true => (self.bytes.capacity() * 2).min(READ_BYTES_MAX),
            false => READ_BYTES,
        };
        let wanted = wanted.max(self.bytes.len() + READ_BYTES);
        if self.bytes.len() == self.bytes.capacity() || self.was_full {
            self.bytes.reserve_exact(wanted - self.bytes.len());
        }
    }

    /// Lets go of what a long message made it grow to.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() && self.bytes.capacity() > READ_BYTES {
            *self = Self::default();
        }
    }
}
