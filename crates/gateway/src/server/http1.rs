//! HTTP/1.1, as a server speaks it with clients that it does not trust.
//!
//! `head` reads a request's head, and what could be read in two ways is refused. `wire` holds what
//! came and what goes out; `incoming` is a body that is still on its way, `answer` writes. `line`
//! takes one request after another, all within the task of its connection: nothing is handed from
//! one task to another, and nothing is read ahead of what is wanted.

mod answer;
mod head;
mod incoming;
mod line;
mod whole;
mod wire;

use bakerst_model::Code;

pub(super) use line::{End, run};
pub use whole::{Broken, Request, read};

use crate::http1::{BadEnd, HEADERS_MAX};
use crate::problem::Problem;

/// The longest head of a request that is read; doors answer shorter ones only.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Why what a client says is no request.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRequest {
    /// Its head is too long.
    #[error("the head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadBytes,
    /// Its head has too many headers.
    #[error("there are more than {HEADERS_MAX} headers")]
    Headers,
    /// Its head breaks the rules.
    #[error("the head breaks the rules of HTTP/1.1")]
    Head,
    /// There are several ways to tell where it ends.
    #[error("the head does not say clearly where the request ends")]
    Length,
}

impl From<BadEnd> for BadRequest {
    fn from(bad: BadEnd) -> Self {
        match bad {
            BadEnd::Bytes => Self::HeadBytes,
            BadEnd::Headers => Self::Headers,
            BadEnd::Line => Self::Head,
        }
    }
}

impl From<BadRequest> for Problem {
    fn from(bad: BadRequest) -> Self {
        let code = match bad {
            BadRequest::HeadBytes | BadRequest::Headers => Code::HeadTooLong,
            BadRequest::Head | BadRequest::Length => Code::HeadUnreadable,
        };
        Self::new(code, bad.to_string())
    }
}

#[cfg(test)]
mod tests;
