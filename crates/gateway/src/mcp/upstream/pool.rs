//! Connections to one server, kept for the next request.
//!
//! Whoever asks drives the connection itself. Handing a request to a task of the connection's own,
//! and its answer back, would take longer than all that is done with it.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::Response;
use hyper::body::{Frame, SizeHint};
use tokio::net::TcpStream;

use super::Silent;
use super::http1::{Asked, BadAnswer, Constant, Content, Failed, Line};
use super::tls::{Stream, Tls};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a round is. A connection is kept until nobody has used it for a whole one, so that
/// nobody has to look at the clock when it is.
const ROUND: Duration = Duration::from_secs(30);
/// How many are kept; those beyond are closed once they are done with.
const KEPT_MAX: usize = 256;

/// So many requests that are out make a crowd. One more gives others their turn before it is sent, so
/// that all are sent one right after the other: whoever reads them is woken once, and not for each.
const CROWD: usize = 3;

/// The connections to one server.
pub(super) struct Pool {
    host: String,
    port: u16,
    tls: Option<Tls>,
    idle: Mutex<Idle>,
    /// How many requests wait for their answers to begin.
    out: AtomicUsize,
}

/// A request that is out.
struct Out<'p>(&'p AtomicUsize);

impl Drop for Out<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Idle {
    /// Those that nobody uses, and the round since which.
    lines: Vec<(Line, u64)>,
    round: u64,
    /// Whether somebody looks after those that nobody asks for.
    is_swept: bool,
}

impl Pool {
    pub(super) fn new(host: String, port: u16, tls: Option<Tls>) -> Arc<Self> {
        Arc::new(Self { host, port, tls, idle: Mutex::default(), out: AtomicUsize::default() })
    }

    /// Sends a request and waits until the answer begins. A connection that the server closed
    /// while nobody used it is replaced; what may have reached the server is not sent again.
    pub(super) async fn send(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        constant: &Constant,
    ) -> Result<Response<FromServer>, Silent> {
        let before = self.out.fetch_add(1, Ordering::Relaxed);
        let _out = Out(&self.out);
        if before >= CROWD {
            tokio::task::yield_now().await;
        }
        loop {
            let (mut line, is_fresh) = match self.kept() {
                Some(line) => (line, false),
                None => (self.connect().await?, true),
            };
            match line.ask(asked.written(constant)).await {
                Ok(head) => {
                    let (response, ()) = head.response.into_parts();
                    let body = FromServer::begin(self, line, head.content, head.is_last);
                    let body = body.map_err(|_| Silent::Garbled)?;
                    return Ok(Response::from_parts(response, body));
                }
                Err(Failed::Unsent) if !is_fresh => {}
                Err(Failed::Unsent | Failed::Lost) => return Err(Silent::Away),
                Err(Failed::Bad(_)) => return Err(Silent::Garbled),
            }
        }
    }

    /// A connection that was used before and can be used again.
    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle();
        while let Some((mut line, _)) = idle.lines.pop() {
            if line.is_quiet() {
                return Some(line);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Line, Silent> {
        let connected = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            match &self.tls {
                None => Ok(Stream::Plain(stream)),
                Some(tls) => tls.connect(stream).await,
            }
        };
        let stream: std::io::Result<Stream> =
            tokio::time::timeout(CONNECT, connected).await.map_err(|_| Silent::Away)?;
        stream.map(Line::new).map_err(|_| Silent::Away)
    }

    /// Keeps a connection whose answer was read to its end.
    fn keep(self: &Arc<Self>, line: Line) {
        let mut idle = self.idle();
        if idle.lines.len() < KEPT_MAX {
            let round = idle.round;
            idle.lines.push((line, round));
        }
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(self.clone()));
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes what nobody asked for in time, until nothing is left.
async fn sweep(pool: Arc<Pool>) {
    loop {
        tokio::time::sleep(ROUND).await;
        let mut idle = pool.idle();
        idle.round += 1;
        let round = idle.round;
        idle.lines.retain_mut(|(line, since)| round - *since < 2 && line.is_quiet());
        if idle.lines.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}

/// An answer's body. Reading it drives the connection, which is kept for the next request once
/// all is read, and closed where this is let go before.
pub(crate) struct FromServer {
    /// What came already.
    come: Vec<u8>,
    rest: Option<Rest>,
}

/// What of an answer is still to come, and over which connection.
struct Rest {
    pool: Arc<Pool>,
    line: Line,
    content: Content,
    is_last: bool,
}

impl FromServer {
    /// The body whose head has just been read. Most of them have come with it, and need the
    /// connection no more.
    fn begin(
        pool: &Arc<Pool>,
        mut line: Line,
        mut content: Content,
        is_last: bool,
    ) -> Result<Self, BadAnswer> {
        let come = line.read(&mut content)?;
        let rest = Rest { pool: pool.clone(), line, content, is_last };
        Ok(Self { come, rest: rest.unless_over() })
    }
}

impl Rest {
    /// What is to be done as long as there is more to come. The connection is kept if not.
    fn unless_over(self) -> Option<Self> {
        if !self.content.is_over() {
            return Some(self);
        }
        if let Some(line) = self.line.at_rest().filter(|_| !self.is_last) {
            self.pool.keep(line);
        }
        None
    }
}

impl HttpBody for FromServer {
    type Data = Bytes;
    type Error = BadAnswer;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BadAnswer>>> {
        let this = self.get_mut();
        if let Some(rest) = this.rest.as_mut().filter(|_| this.come.is_empty()) {
            let read = ready!(rest.line.poll_read(context, &mut rest.content));
            let rest = this.rest.take();
            match read {
                Ok(read) => {
                    this.come = read;
                    this.rest = rest.and_then(Rest::unless_over);
                }
                // With it goes the connection.
                Err(bad) => return Poll::Ready(Some(Err(bad))),
            }
        }
        let come = std::mem::take(&mut this.come);
        Poll::Ready((!come.is_empty()).then(|| Ok(Frame::data(come.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.come.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.rest.as_ref().map_or(Some(0), |rest| rest.content.left());
        let exact = left.and_then(|left| left.checked_add(self.come.len() as u64));
        exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests;
