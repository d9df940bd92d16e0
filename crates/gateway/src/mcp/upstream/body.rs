//! What comes back from a server, whichever kind it is.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use super::duplex::Heard;
use super::http1::BadAnswer;
use super::pool::FromServer as FromAddress;

/// An answer's body.
pub(crate) enum FromServer {
    /// As it comes over a connection.
    Address(FromAddress),
    /// In one piece.
    Whole(Option<Bytes>),
    /// The events of a server that is not asked over HTTP.
    Events(Box<Heard>),
}

impl FromServer {
    /// A body of these bytes.
    pub(super) fn whole(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        Self::Whole((!text.is_empty()).then_some(text))
    }
}

impl HttpBody for FromServer {
    type Data = Bytes;
    type Error = BadAnswer;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BadAnswer>>> {
        match self.get_mut() {
            Self::Address(body) => Pin::new(body).poll_frame(context),
            Self::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Events(heard) => {
                heard.poll_event(context).map(|event| event.map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Address(body) => body.is_end_stream(),
            Self::Whole(text) => text.is_none(),
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Address(body) => body.size_hint(),
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Events(_) => SizeHint::default(),
        }
    }
}
