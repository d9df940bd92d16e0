//! One connection.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::task::coop::unconstrained;

use super::BadAnswer;
use super::heads::{Head, Heads};
use super::request::Sending;
use crate::http1::{BadContent, Buffer, Content};
use crate::mcp::upstream::tls::Stream;

/// A connection. Where it is dropped in the middle of anything, it is closed.
pub(in crate::mcp::upstream) struct Line {
    stream: Stream,
    buffer: Buffer,
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::mcp::upstream) enum Failed {
    /// The server has seen nothing of it.
    Unsent,
    /// It may have.
    Lost,
    /// It was answered, by what is no answer.
    Bad(BadAnswer),
}

impl Line {
    pub(in crate::mcp::upstream) fn new(stream: Stream) -> Self {
        Self { stream, buffer: Buffer::default() }
    }

    /// Whether the other end has neither closed the connection nor said anything that nobody asked
    /// for. The runtime knows without asking the system.
    pub(in crate::mcp::upstream) fn is_quiet(&mut self) -> bool {
        let (mut byte, stream) = ([0; 1], &mut self.stream);
        let mut byte = ReadBuf::new(&mut byte);
        let heard = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut byte));
        // A task that has done much already would be told that there is nothing to read.
        let heard = pin!(unconstrained(heard)).poll(&mut Context::from_waker(Waker::noop()));
        heard.is_pending() && self.buffer.is_empty()
    }

    /// The connection as it is kept between two requests: small. None where there is more than was
    /// asked for, which the next to ask would take for an answer.
    pub(in crate::mcp::upstream) fn at_rest(mut self) -> Option<Self> {
        self.buffer.shrink();
        self.buffer.is_empty().then_some(self)
    }

    /// Sends a request and waits until the answer begins.
    pub(in crate::mcp::upstream) async fn ask(
        &mut self,
        mut sending: Sending<'_>,
    ) -> Result<Head, Failed> {
        let mut heads = Heads::default();
        poll_fn(|context| self.poll_ask(context, &mut sending, &mut heads)).await
    }

    fn poll_ask(
        &mut self,
        context: &mut Context<'_>,
        sending: &mut Sending<'_>,
        heads: &mut Heads,
    ) -> Poll<Result<Head, Failed>> {
        if !sending.is_done()
            && let Poll::Ready(Err(_)) = sending.poll(context, &mut self.stream)
        {
            // Under TLS it may be on its way although nothing counts as sent.
            let is_unsent = sending.is_unsent() && self.stream.is_plain();
            return Poll::Ready(Err(if is_unsent { Failed::Unsent } else { Failed::Lost }));
        }
        // A server may answer before it has heard all, and may then not listen to the rest.
        loop {
            match heads.read(&mut self.buffer, &sending.method) {
                Ok(None) => {}
                Ok(Some(mut head)) => {
                    head.is_last |= !sending.is_done();
                    return Poll::Ready(Ok(head));
                }
                Err(bad) => return Poll::Ready(Err(Failed::Bad(bad))),
            }
            match ready!(self.buffer.poll_read(context, &mut self.stream)) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Poll::Ready(Err(Failed::Lost)),
            }
        }
    }

    /// What of an answer's content is there.
    pub(in crate::mcp::upstream) fn read(
        &mut self,
        content: &mut Content,
    ) -> Result<Vec<u8>, BadAnswer> {
        Ok(content.read(&mut self.buffer)?)
    }

    /// The next of an answer's content; nothing once it is over.
    pub(in crate::mcp::upstream) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        content: &mut Content,
    ) -> Poll<Result<Vec<u8>, BadAnswer>> {
        while !content.is_over() {
            match ready!(self.buffer.poll_read(context, &mut self.stream)) {
                Ok(1..) => {}
                Ok(0) => content.end()?,
                Err(_) => return Poll::Ready(Err(BadContent::BrokeOff.into())),
            }
            let read = content.read(&mut self.buffer)?;
            if !read.is_empty() {
                return Poll::Ready(Ok(read));
            }
        }
        Poll::Ready(Ok(Vec::new()))
    }
}
