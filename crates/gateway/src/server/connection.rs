//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use bakerst_model::Code;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, watch};

use super::http2::{self, Bounds};
use super::pace::{Deadline, Pace, Paced, Patience, paced};
use crate::problem::Problem;
use crate::source::Source;
use crate::wire::ErrorAnswer;

/// How much of a request is held in memory before somebody reads it.
pub(super) const BUFFER_BYTES_MAX: usize = 64 << 10;
/// How many headers a request may have: as many as hyper reads unless it is told otherwise, and
/// without memory of its own for each request.
pub(super) const HEADERS_MAX: usize = 100;
/// How long it may take to tell somebody that they are turned away.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection ended.
enum End {
    /// Both sides are done with it, or it broke.
    Over,
    /// The other side took too long.
    TooSlow,
    /// It was not begun yet: the other side speaks HTTP/2.
    Newer,
}

/// What holds for every connection of a listener.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) patience: Patience,
    pub(super) bounds: Bounds,
    /// How many connections there may be.
    pub(super) seats: Arc<Semaphore>,
}

/// Answers requests until the other side has no more, is too slow, or the server stops.
pub(super) async fn run<S, F, Fut>(
    stream: S,
    source: Source,
    answer: F,
    terms: &Terms,
    mut stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Source, Request<Body>) -> Fut + Send + Sync + Unpin + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let pace = Pace::new();
    let working = pace.clone();
    let service = service_fn(|request: Request<Incoming>| {
        let pace = working.clone();
        pace.busy();
        let answered = answer(source, request.map(Body::new));
        Box::pin(async move {
            let response = answered.await;
            Ok::<_, Infallible>(paced(response, pace))
        })
    });
    let stream = TokioIo::new(Paced::new(stream, pace.clone()));
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES_MAX)
        .serve_connection(stream, service);
    let mut deadline = Deadline::new(pace, terms.patience);
    let mut asked_to_stop = false;
    let end = loop {
        let step = poll_fn(|context| match connection.poll_without_shutdown(context) {
            Poll::Ready(Err(error)) if error.is_parse_version_h2() => Poll::Ready(End::Newer),
            Poll::Ready(_) => Poll::Ready(End::Over),
            Poll::Pending => deadline.poll(context).map(|()| End::TooSlow),
        });
        tokio::select! {
            end = step => break end,
            _ = stopping.wait_for(|stopping| *stopping), if !asked_to_stop => {
                asked_to_stop = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner();
    if let End::Newer = end {
        let stream = stream.again(parts.read_buf);
        let bounds = (terms.patience, terms.bounds);
        return http2::run(stream, source, &answer, bounds, &terms.seats, stopping).await;
    }
    let mut stream = stream.into_inner();
    match end {
        // Whoever has begun a request is told; whoever was idle knows by the connection's end.
        End::TooSlow if !parts.read_buf.is_empty() => {
            say_and_close(stream, Problem::from(Code::HeadTooSlow)).await;
        }
        _ => {
            // The other side may be gone already, and then nothing is left to be done.
            stream.shutdown().await.ok();
        }
    }
}

/// Writes an error without having read a request, and closes.
pub(super) async fn say_and_close<S>(mut stream: S, problem: Problem)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let body = ErrorAnswer::new(problem.code(), problem.message().to_owned());
    let body = serde_json::to_string(&body).unwrap_or_default();
    let status = problem.status();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    let say = async {
        stream.write_all((head + &body).as_bytes()).await?;
        stream.shutdown().await
    };
    // Who does not listen has had their chance.
    tokio::time::timeout(GOODBYE, say).await.ok();
}
