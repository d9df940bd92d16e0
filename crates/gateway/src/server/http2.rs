//! A connection that speaks HTTP/2: many requests at once, and each of them answered within the same
//! bounds as one that has a connection for itself.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{Request, Response};
use bakerst_model::{Code, Limits};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use super::pace::{Patience, REST};
use crate::http1::HEADERS_MAX;
use crate::problem::Problem;
use crate::reply::{Audience, Reply};
use crate::source::Source;

/// How much of a request is held in memory before somebody reads it.
const BUFFER_BYTES_MAX: usize = 64 << 10;
/// How often the other side is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
/// How long the other side may take to go once it was told that the connection ends.
const GOODBYE: Duration = Duration::from_secs(5);

/// How much one connection may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    streams_max: u32,
    resets_max: usize,
    window_bytes_max: u32,
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            streams_max: limits.http2_streams_max,
            resets_max: limits.http2_resets_max,
            window_bytes_max: limits.http2_window_bytes_max,
        }
    }

    fn builder(self) -> http2::Builder<TokioExecutor> {
        // A list of headers within this is read and refused by name where it is too long.
        let head_bytes = u32::try_from(BUFFER_BYTES_MAX).unwrap_or(u32::MAX);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams_max)
            .max_pending_accept_reset_streams(self.resets_max)
            .max_local_error_reset_streams(self.resets_max)
            .initial_stream_window_size(self.window_bytes_max)
            .initial_connection_window_size(self.window_bytes_max)
            .max_header_list_size(head_bytes)
            .max_send_buf_size(BUFFER_BYTES_MAX)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        builder
    }
}

/// What goes on within a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    /// Requests whose answers are not out yet.
    open: usize,
    /// Requests that were taken back before they were answered; each that was answered makes up for one.
    taken_back: usize,
}

/// One request, from its head to the last byte of its answer.
struct Open {
    traffic: Arc<watch::Sender<Traffic>>,
    is_answered: bool,
    /// The first request goes with its connection; each that is open beside it counts as one more.
    _seat: Option<OwnedSemaphorePermit>,
}

impl Open {
    /// Opens a request, unless as many connections and requests are open as may be.
    fn new(traffic: &Arc<watch::Sender<Traffic>>, seats: &Arc<Semaphore>) -> Option<Self> {
        let seat = match traffic.borrow().open {
            0 => None,
            _ => Some(seats.clone().try_acquire_owned().ok()?),
        };
        traffic.send_modify(|traffic| traffic.open += 1);
        Some(Self { traffic: traffic.clone(), is_answered: false, _seat: seat })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.traffic.send_modify(|traffic| {
            traffic.open = traffic.open.saturating_sub(1);
            traffic.taken_back = match self.is_answered {
                true => traffic.taken_back.saturating_sub(1),
                false => traffic.taken_back.saturating_add(1),
            };
        });
    }
}

/// Answers requests until the other side has no more, goes too far, or the server stops.
pub(super) async fn run<S, F, Fut>(
    stream: S,
    source: Source,
    answer: F,
    (patience, bounds): (Patience, Bounds),
    seats: &Arc<Semaphore>,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Source, Request<Body>) -> Fut,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let traffic = Arc::new(watch::Sender::new(Traffic::default()));
    let mut changed = traffic.subscribe();
    let service = service_fn(|request: Request<Incoming>| {
        let open = Open::new(&traffic, seats);
        let answered = match (&open, request.headers().len()) {
            (None, _) => {
                let message = "as many connections and requests beside them are open as `connections_max` allows";
                Err(Problem::new(Code::TooBusy, message))
            }
            (_, headers) if headers > HEADERS_MAX => {
                let message =
                    format!("there are {headers} headers, at most {HEADERS_MAX} are allowed");
                Err(Problem::new(Code::HeadTooLong, message))
            }
            _ => Ok(answer(source, request.map(Body::new))),
        };
        Box::pin(async move {
            let response = match answered {
                Ok(answered) => answered.await,
                Err(problem) => Reply::problem(&problem, Audience::Agent).into_response(),
            };
            Ok::<_, Infallible>(response.map(|body| Body::new(Said::new(body, open))))
        })
    });
    let connection = bounds.builder().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // A fresh connection owes a request as soon as any other does.
    let mut due = Instant::now() + patience.head();
    let mut is_ending = false;
    loop {
        let Traffic { open, taken_back } = *changed.borrow_and_update();
        if taken_back > bounds.resets_max {
            return;
        }
        tokio::select! {
            // Both sides are done with it, or it broke.
            _ = &mut connection => return,
            // The sender lives as long as we do.
            _ = changed.changed() => {
                if changed.borrow().open == 0 {
                    due = Instant::now() + if is_ending { GOODBYE } else { REST };
                }
                continue;
            }
            () = tokio::time::sleep_until(due), if open == 0 => {
                if is_ending {
                    return;
                }
            }
            _ = stopping.wait_for(|stopping| *stopping), if !is_ending => {}
        }
        (is_ending, due) = (true, Instant::now() + GOODBYE);
        connection.as_mut().graceful_shutdown();
    }
}

/// An answer on its way.
struct Said {
    body: Body,
    open: Option<Open>,
}

impl Said {
    fn new(body: Body, open: Option<Open>) -> Self {
        let mut said = Self { body, open };
        // What has no body is out with its head.
        if said.body.is_end_stream() {
            said.is_heard();
        }
        said
    }

    fn is_heard(&mut self) {
        if let Some(open) = &mut self.open {
            open.is_answered = true;
        }
    }
}

impl HttpBody for Said {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Nobody asks for the body of an answer whose head could not be sent any more.
        self.is_heard();
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.body)
    }
}
