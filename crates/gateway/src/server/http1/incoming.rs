//! The body of a request that is still on its way.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::Shared;
use crate::http1::BadContent;

/// Reads from the connection when it is asked to, and not before.
pub(super) struct Incoming<S>(pub(super) Shared<S>);

impl<S: AsyncRead + AsyncWrite + Send + Unpin> HttpBody for Incoming<S> {
    type Data = Bytes;
    type Error = BadContent;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BadContent>>> {
        let read = ready!(self.0.lock().poll_content(context));
        Poll::Ready(match read {
            Ok(read) if read.is_empty() => None,
            Ok(read) => Some(Ok(Frame::data(read.into()))),
            Err(bad) => Some(Err(bad)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().left() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().left().map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}
