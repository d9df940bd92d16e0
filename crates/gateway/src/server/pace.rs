//! How long a connection may take over what it is doing.
//!
//! A client that has begun a request must finish its head soon, or slow clients could hold every
//! connection there is; one that sits between two requests may rest for longer, so that
//! applications can keep a connection for their next call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use bakerst_model::Limits;
use hyper::body::Frame;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// How long a connection may rest between two requests.
pub(super) const REST: Duration = Duration::from_secs(60);

const IDLE: u64 = 0;
const HEAD: u64 = 1;
const BUSY: u64 = 2;
/// Phases are counted in steps of this, so that one which comes around again is seen to have.
const STEP: u64 = 4;

/// How patient a server is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    head: Duration,
}

impl Patience {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { head: Duration::from_millis(limits.header_millis_max) }
    }

    /// How long a client may take over a head.
    pub(super) fn head(self) -> Duration {
        self.head
    }
}

/// What a connection is doing.
#[derive(Clone, Debug)]
pub(super) struct Pace(Arc<AtomicU64>);

impl Pace {
    /// A fresh connection owes a request.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(HEAD)))
    }

    /// A request is being worked on.
    pub(super) fn busy(&self) {
        self.enter(BUSY);
    }

    /// It was answered.
    pub(super) fn idle(&self) {
        self.enter(IDLE);
    }

    fn heard(&self) {
        if self.now() % STEP == IDLE {
            self.enter(HEAD);
        }
    }

    fn enter(&self, phase: u64) {
        // All of a connection runs in one task, so nobody comes in between.
        let count = self.now() / STEP;
        self.0.store((count + 1) * STEP + phase, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ends once a connection has taken too long.
pub(super) struct Deadline {
    pace: Pace,
    patience: Patience,
    seen: u64,
    sleep: Pin<Box<Sleep>>,
}

impl Deadline {
    pub(super) fn new(pace: Pace, patience: Patience) -> Self {
        let seen = pace.now();
        Self { pace, patience, seen, sleep: Box::pin(tokio::time::sleep(patience.head)) }
    }

    /// Whether it is too late by now; to be asked after each step of the connection.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let now = self.pace.now();
        let may_take = match now % STEP {
            BUSY => return Poll::Pending,
            HEAD => self.patience.head,
            _ => REST,
        };
        if now != self.seen {
            self.seen = now;
            self.sleep.as_mut().reset(Instant::now() + may_take);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// An answer that keeps its connection busy until all of it is said.
pub(super) fn paced(response: Response<Body>, pace: Pace) -> Response<Body> {
    if response.body().size_hint().exact().is_some() {
        // It is one piece, on its way already.
        pace.idle();
        return response;
    }
    response.map(|body| Body::new(Saying { body, pace }))
}

/// A body that is still being said.
struct Saying {
    body: Body,
    pace: Pace,
}

impl HttpBody for Saying {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }
}

impl Drop for Saying {
    fn drop(&mut self) {
        self.pace.idle();
    }
}

/// What a connection that speaks HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that says when something was heard.
pub(super) struct Paced<S> {
    stream: S,
    pace: Pace,
    opening: Opening,
}

/// Where a stream is.
enum Opening {
    /// Nothing of it was read; or only these bytes, which do not tell yet which version they are of.
    Fresh(Vec<u8>),
    /// These were read before, and are read again.
    Again(Bytes),
    /// Past that, as almost always.
    Past,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pace: Pace) -> Self {
        Self { stream, pace, opening: Opening::Fresh(Vec::new()) }
    }

    /// The same stream, of which these bytes are read again.
    pub(super) fn again(self, bytes: Bytes) -> Self {
        Self { opening: Opening::Again(bytes), ..self }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> Paced<S> {
    /// Reads the first bytes: so many that they tell which version of HTTP they are of.
    fn poll_opening(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Opening::Fresh(held) = &mut self.opening else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        loop {
            if buffer.remaining() > held.len() {
                buffer.put_slice(held);
            }
            let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
            let read = buffer.filled().get(before..).unwrap_or_default();
            if polled.is_ready() && (read.len() == held.len() || !is_begun(read)) {
                self.opening = Opening::Past;
                return polled;
            }
            read.clone_into(held);
            buffer.set_filled(before);
            ready!(polled)?;
        }
    }
}

/// Whether this is how HTTP/2 begins, and not all of it.
fn is_begun(read: &[u8]) -> bool {
    read.len() < PREFACE.len() && PREFACE.starts_with(read)
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        match &mut this.opening {
            Opening::Past => ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?,
            Opening::Fresh(_) => ready!(this.poll_opening(context, buffer))?,
            Opening::Again(bytes) => {
                buffer.put_slice(&bytes.split_to(bytes.len().min(buffer.remaining())));
                if bytes.is_empty() {
                    this.opening = Opening::Past;
                }
            }
        }
        if buffer.filled().len() > before {
            this.pace.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
