//! HTTP/1.1 as it lies on a connection, where a client and a server read it alike.
//!
//! Nothing here touches a connection. `head` finds where a head ends and reads of it where the
//! message does, `content` takes apart what follows. Whatever could be read in two ways is not
//! read at all.

mod buffer;
mod content;
mod head;
#[cfg(test)]
pub(crate) mod parts;

pub(crate) use buffer::Buffer;
pub(crate) use content::Content;
pub(crate) use head::{BadEnd, Framing, HeadEnd, Unclear};

/// The most headers in a head.
pub(crate) const HEADERS_MAX: usize = 100;
/// The most that a message in chunks may hold beside its content and their sizes: extensions of
/// chunks, and what comes after the last.
pub(crate) const EXTRA_BYTES_MAX: usize = 16 << 10;

/// Why the content of a message cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadContent {
    /// Its chunks break the rules.
    #[error("its chunks cannot be read")]
    Chunk,
    /// It says too much that is no content.
    #[error("it holds more than {EXTRA_BYTES_MAX} bytes beside its content")]
    Extras,
    /// The connection ended before it did.
    #[error("the connection ended too early")]
    BrokeOff,
}
