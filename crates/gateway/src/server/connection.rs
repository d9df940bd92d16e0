//! One connection, from its first byte to its last.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use bakerst_model::Code;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Semaphore, watch};

use super::http1::{self, End};
use super::http2::{self, Bounds};
use super::pace::Patience;
use super::replayed::Replayed;
use crate::problem::Problem;
use crate::source::Source;
use crate::wire::ErrorAnswer;

/// How long it may take to tell somebody that they are turned away.
const GOODBYE: Duration = Duration::from_secs(1);

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
    stopping: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Fn(Source, Request<Body>) -> Fut + Send + Sync + Unpin + 'static,
    Fut: Future<Output = Response<Body>> + Send + 'static,
{
    let answered = |request| answer(source, request);
    let (end, rest) = http1::run(stream, answered, terms.patience, stopping.clone()).await;
    let Some((mut stream, first)) = rest else { return };
    match end {
        End::Newer => {
            let (stream, bounds) = (Replayed::new(first, stream), (terms.patience, terms.bounds));
            http2::run(stream, source, &answer, bounds, &terms.seats, stopping).await;
        }
        End::Bad(bad) => say_and_close(stream, bad.into()).await,
        // Whoever has begun a request is told; whoever was idle knows by the connection's end.
        End::TooSlow { begun: true } => {
            say_and_close(stream, Problem::from(Code::HeadTooSlow)).await;
        }
        End::TooSlow { begun: false } | End::Over => {
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
