//! Whole requests from the bytes of a connection, without one.

use axum::http::Method;

use super::BadRequest;
use super::head::Heads;
use crate::http1::{BadContent, Buffer};

/// What a client asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub method: Method,
    /// With what.
    pub target: String,
    /// How many headers there are.
    pub headers: usize,
    /// What followed its head.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub is_over: bool,
    /// Whether its answer is the last on its connection.
    pub is_last: bool,
}

/// Why no more requests are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Broken {
    /// What comes is none.
    #[error(transparent)]
    Head(#[from] BadRequest),
    /// The content of the last one cannot be read.
    #[error("the request broke off: {0}")]
    Content(#[from] BadContent),
}

/// Reads requests from the pieces that they come in, up to one that is the last or is not there
/// whole; and says why, where what comes then is none.
pub fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<Request>, Option<Broken>) {
    let (mut buffer, mut heads, mut requests) = (Buffer::default(), Heads::default(), Vec::new());
    let mut content = None;
    for piece in pieces {
        buffer.push(piece);
        loop {
            if content.is_none() {
                match heads.read(&mut buffer) {
                    Ok(Some(head)) => {
                        heads = Heads::default();
                        requests.push(Request {
                            method: head.request.method().clone(),
                            target: head.request.uri().to_string(),
                            headers: head.request.headers().len(),
                            content: Vec::new(),
                            is_over: false,
                            is_last: head.is_last,
                        });
                        content = Some(head.content);
                    }
                    Ok(None) => break,
                    Err(bad) => return (requests, Some(bad.into())),
                }
            }
            let (Some(coming), Some(request)) = (&mut content, requests.last_mut()) else { break };
            match coming.read(&mut buffer) {
                Ok(read) => request.content.extend(read),
                Err(bad) => return (requests, Some(bad.into())),
            }
            request.is_over = coming.is_over();
            match (request.is_over, request.is_last) {
                (false, _) => break,
                (true, true) => return (requests, None),
                (true, false) => content = None,
            }
        }
    }
    (requests, None)
}
