//! HTTP/1.1, as a client speaks it with servers that it does not trust.
//!
//! Reading is done by values that touch no connection: `heads` reads an answer's head, what follows
//! it is `Content`. `line` drives them over a connection. Whatever could be read in two ways is
//! not read at all: the answer is refused, and its connection closed.

mod heads;
mod line;
mod request;
mod whole;

use crate::http1::{BadContent, HEADERS_MAX};

pub(super) use crate::http1::Content;
pub(super) use line::{Failed, Line};
pub(super) use request::{Asked, Constant};
pub use whole::{Whole, read};

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// The most answers that only say that the answer will come.
const PROVISIONAL_MAX: usize = 8;

/// Why what a server says is no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadAnswer {
    /// Its head is too long.
    #[error("the head of the answer is longer than {HEAD_BYTES_MAX} bytes")]
    HeadBytes,
    /// Its head has too many headers.
    #[error("the answer has more than {HEADERS_MAX} headers")]
    Headers,
    /// Its head breaks the rules.
    #[error("the head of the answer cannot be read")]
    Head,
    /// There are several ways to tell where it ends.
    #[error("the answer does not say clearly where it ends")]
    Length,
    /// It never comes.
    #[error("more than {PROVISIONAL_MAX} provisional answers come before the answer")]
    Provisional,
    /// It changes what is spoken.
    #[error("the server switches to another protocol")]
    Switched,
    /// What follows its head cannot be read.
    #[error("the answer broke off: {0}")]
    Content(#[from] BadContent),
}

#[cfg(test)]
mod tests;
