//! Connections to one server, kept for the next request.
//!
//! Whoever asks drives the connection itself. Handing a request to a task of the connection's own,
//! and its answer back, would take longer than all that is done with it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::Silent;
use super::tls::{Stream, Tls};

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next request.
const KEPT: Duration = Duration::from_secs(60);
/// How many are kept; those beyond are closed once they are done with.
const KEPT_MAX: usize = 256;

/// The connections to one server.
pub(super) struct Pool {
    host: String,
    port: u16,
    tls: Option<Tls>,
    idle: Mutex<Idle>,
}

#[derive(Default)]
struct Idle {
    lines: Vec<(Line, Instant)>,
    /// Whether somebody looks after those that nobody asks for.
    is_swept: bool,
}

/// One connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<Stream>, Full<Bytes>>>>,
    is_over: bool,
}

impl Line {
    /// Lets the connection do what it can.
    fn drive(&mut self, context: &mut Context<'_>) {
        if !self.is_over {
            self.is_over = self.connection.as_mut().poll(context).is_ready();
        }
    }

    /// Whether it would take a request right now.
    fn is_free(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        !self.is_over && self.sender.is_ready()
    }

    /// Sends a request and waits until the answer begins. What the server has not got is handed
    /// back.
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Option<Request<Full<Bytes>>>> {
        let mut sent = Box::pin(self.sender.try_send_request(request));
        let answered = poll_fn(|context| {
            if !self.is_over {
                self.is_over = self.connection.as_mut().poll(context).is_ready();
            }
            match sent.as_mut().poll(context) {
                Poll::Pending if self.is_over => Poll::Ready(None),
                polled => polled.map(Some),
            }
        });
        match answered.await {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut error)) => Err(error.take_message()),
            None => Err(None),
        }
    }
}

impl Pool {
    pub(super) fn new(host: String, port: u16, tls: Option<Tls>) -> Arc<Self> {
        Arc::new(Self { host, port, tls, idle: Mutex::default() })
    }

    /// Sends a request and waits until the answer begins. A connection that the server closed
    /// while nobody used it is replaced; what may have reached the server is not sent again.
    pub(super) async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<FromServer>, Silent> {
        loop {
            let (mut line, is_fresh) = match self.kept() {
                Some(line) => (line, false),
                None => (self.connect().await?, true),
            };
            match line.exchange(request).await {
                Ok(response) => {
                    let pool = self.clone();
                    return Ok(response.map(|body| FromServer { body, line: Some(line), pool }));
                }
                Err(Some(unsent)) if !is_fresh => request = unsent,
                Err(_) => return Err(Silent::Away),
            }
        }
    }

    fn kept(&self) -> Option<Line> {
        let mut idle = self.idle();
        while let Some((mut line, since)) = idle.lines.pop() {
            if since.elapsed() < KEPT && line.is_free() {
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
        let stream = stream.map_err(|_| Silent::Away)?;
        let ready = Builder::new().handshake(TokioIo::new(stream)).await;
        let (sender, connection) = ready.map_err(|_| Silent::Away)?;
        Ok(Line { sender, connection: Box::pin(connection), is_over: false })
    }

    /// Keeps a connection, unless it is done for.
    fn keep(self: &Arc<Self>, mut line: Line) {
        if !line.is_free() {
            return;
        }
        let mut idle = self.idle();
        if idle.lines.len() < KEPT_MAX {
            idle.lines.push((line, Instant::now()));
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
        tokio::time::sleep(KEPT).await;
        let mut idle = pool.idle();
        idle.lines.retain_mut(|(line, since)| since.elapsed() < KEPT && line.is_free());
        if idle.lines.is_empty() {
            idle.is_swept = false;
            return;
        }
    }
}

/// An answer's body. Reading it drives the connection, which is kept for the next request once
/// all is read.
pub(crate) struct FromServer {
    body: Incoming,
    line: Option<Line>,
    pool: Arc<Pool>,
}

impl HttpBody for FromServer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut polled = Pin::new(&mut this.body).poll_frame(context);
        if let (Poll::Pending, Some(line)) = (&polled, &mut this.line) {
            line.drive(context);
            polled = Pin::new(&mut this.body).poll_frame(context);
        }
        let frame = ready!(polled);
        if frame.is_none()
            && let Some(line) = this.line.take()
        {
            this.pool.keep(line);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
