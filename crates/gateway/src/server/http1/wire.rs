//! What both ways of a connection hold: what came and is not understood, and what is to go out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::BadRequest;
use super::head::{Head, Heads};
use crate::http1::{BadContent, Buffer, Content};

/// What is kept of the room that a long answer took.
const OUT_BYTES_KEPT: usize = 8 << 10;
/// And while more of it may come.
const OUT_BYTES_MAX: usize = 64 << 10;
/// How much the other side must take within the time that it has for it, unless it takes all.
const STEP_BYTES: usize = 64 << 10;
/// How far is read ahead of what is being answered, to learn whether the other side is still there.
const AHEAD_BYTES_MAX: usize = 4 << 10;

/// The other side is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Gone;

/// A connection, shared by whoever reads a request's body and whoever answers. Both are parts of
/// one task as a rule, so that neither ever waits for the other.
pub(super) struct Shared<S>(Arc<Mutex<Wire<S>>>);

pub(super) struct Wire<S> {
    /// None once the connection is over, for whoever still holds a body of it.
    stream: Option<S>,
    buffer: Buffer,
    /// What is still to come of the request that is being answered.
    content: Content,
    /// Whether the client waits to be told before it sends that.
    expects: bool,
    /// What goes out, and how much of it is out.
    out: Vec<u8>,
    sent: usize,
    /// How often the other side took all of it, or a step.
    steps: u64,
    /// How much it took since.
    taken: usize,
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Shared<S> {
    pub(super) fn new(stream: S) -> Self {
        let (stream, buffer, out) = (Some(stream), Buffer::default(), Vec::new());
        let (content, expects) = (Content::Over, false);
        let (sent, steps, taken) = (0, 0, 0);
        let wire = Wire { stream, buffer, content, expects, out, sent, steps, taken };
        Self(Arc::new(Mutex::new(wire)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Wire<S>> {
        // Whoever failed with it in hand was part of the task that ends with it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody else holds it.
    pub(super) fn is_ours_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Ends it: what came of it and is not understood, and the stream.
    pub(super) fn end(self) -> Option<(S, Bytes)> {
        let mut wire = self.lock();
        let rest = Bytes::copy_from_slice(wire.buffer.rest());
        wire.stream.take().map(|stream| (stream, rest))
    }
}

impl<S> Wire<S> {
    /// What came and is not understood.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.rest()
    }

    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// How far the other side has come with taking what it asked for.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Nobody is told any more to send content: the answer begins.
    pub(super) fn begin_answer(&mut self) -> &mut Vec<u8> {
        self.expects = false;
        &mut self.out
    }

    /// The head of the next request, once it is there whole; its content is what is read then.
    pub(super) fn head(&mut self, heads: &mut Heads) -> Result<Option<Head>, BadRequest> {
        heads.read(&mut self.buffer)
    }

    /// Goes on to the content of a request: all of it where it is here already, and what it is
    /// otherwise.
    pub(super) fn begin(&mut self, content: Content, expects: bool) -> Option<Vec<u8>> {
        (self.content, self.expects) = (content, expects);
        let here = self.rest().len() as u64;
        match self.content.left() {
            Some(left) if left <= here => self.content.read(&mut self.buffer).ok(),
            _ => None,
        }
    }

    /// How long the content still is, where that was said.
    pub(super) fn left(&self) -> Option<u64> {
        self.content.left()
    }

    /// Whether the request came whole. What nobody wanted of it is passed over, as far as it is
    /// here.
    pub(super) fn is_whole(&mut self) -> bool {
        let passed = self.content.is_over() || self.content.read(&mut self.buffer).is_ok();
        passed && self.content.is_over()
    }

    pub(super) fn shrink(&mut self) {
        self.buffer.shrink();
        self.out.shrink_to(OUT_BYTES_KEPT);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Reads on.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(Gone)) };
        match ready!(self.buffer.poll_read(context, stream)) {
            Ok(1..) => Poll::Ready(Ok(())),
            Ok(0) | Err(_) => Poll::Ready(Err(Gone)),
        }
    }

    /// Ends once the client is gone; never where it has said much already, or its content is
    /// another's to read.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>, is_ours: bool) -> Poll<Gone> {
        let is_idle = is_ours || self.content.is_over();
        while is_idle && self.rest().len() < AHEAD_BYTES_MAX {
            if let Err(gone) = ready!(self.poll_read(context)) {
                return Poll::Ready(gone);
            }
        }
        Poll::Pending
    }

    /// The next of the content; nothing once it is over.
    pub(super) fn poll_content(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, BadContent>> {
        loop {
            let read = self.content.read(&mut self.buffer)?;
            if self.content.is_over() || !read.is_empty() {
                return Poll::Ready(Ok(read));
            }
            if std::mem::take(&mut self.expects) {
                self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            if let Poll::Ready(Err(Gone)) = self.poll_flush(context) {
                return Poll::Ready(Err(BadContent::BrokeOff));
            }
            if let Err(Gone) = ready!(self.poll_read(context)) {
                return Poll::Ready(Err(BadContent::BrokeOff));
            }
        }
    }

    /// Writes all that is to go out.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Err(Gone)) };
        while let Some(rest @ [_, ..]) = self.out.get(self.sent..) {
            match ready!(Pin::new(&mut *stream).poll_write(context, rest)) {
                Ok(written @ 1..) => {
                    (self.sent, self.taken) = (self.sent + written, self.taken + written);
                    if self.taken >= STEP_BYTES {
                        (self.steps, self.taken) = (self.steps + 1, 0);
                    }
                }
                Ok(0) | Err(_) => return Poll::Ready(Err(Gone)),
            }
        }
        if self.sent > 0 {
            (self.steps, self.taken, self.sent) = (self.steps + 1, 0, 0);
            self.out.clear();
        }
        if self.out.capacity() > OUT_BYTES_MAX {
            self.out.shrink_to(OUT_BYTES_KEPT);
        }
        Poll::Ready(Ok(()))
    }
}
