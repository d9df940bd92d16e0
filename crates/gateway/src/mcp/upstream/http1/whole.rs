//! A whole answer from the bytes of a connection, without one.

use axum::http::Method;

use super::BadAnswer;
use super::heads::Heads;
use crate::http1::Buffer;

/// What a server answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Whole {
    /// Its status.
    pub status: u16,
    /// What followed its head.
    pub content: Vec<u8>,
    /// Whether that is all of it.
    pub is_over: bool,
    /// Whether another request may be sent where this one was.
    pub is_kept: bool,
}

/// Reads the answer to a `POST` from the pieces that it comes in, after which the connection ends,
/// or does not. None where its head is not there yet.
///
/// # Errors
/// Says why it is no answer.
pub fn read<'p>(
    pieces: impl IntoIterator<Item = &'p [u8]>,
    is_ended: bool,
) -> Result<Option<Whole>, BadAnswer> {
    let (mut buffer, mut heads) = (Buffer::default(), Heads::default());
    let (mut head, mut content) = (None, Vec::new());
    for piece in pieces {
        buffer.push(piece);
        if head.is_none() {
            head = heads.read(&mut buffer, &Method::POST)?;
        }
        if let Some(head) = &mut head {
            content.extend(head.content.read(&mut buffer)?);
        }
    }
    let Some(mut head) = head else { return Ok(None) };
    if is_ended {
        head.content.end()?;
    }
    let is_over = head.content.is_over();
    let is_kept = is_over && !head.is_last && !is_ended && buffer.is_empty();
    Ok(Some(Whole { status: head.response.status().as_u16(), content, is_over, is_kept }))
}
