//! Where an answer goes: as one body, or as a stream of events once there is more than one thing
//! to say, or nothing to say for a while.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use hyper::body::Frame;
use tokio::sync::{Notify, mpsc, oneshot};

use super::sse::{Event, KEEP_ALIVE};
use super::upstream::SESSION;

/// How many events wait for a client that reads slowly, before its server has to wait too.
const EVENTS_MAX: usize = 16;
/// Keeps proxies from holding events back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Whoever was to get the answer is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Gone;

/// The sending end.
#[derive(Default)]
pub(super) struct Outlet {
    head: Option<oneshot::Sender<Response<Body>>>,
    events: Option<mpsc::Sender<Bytes>>,
    /// Our name for the session that the answer opens.
    session: Option<HeaderValue>,
    /// When the client may try again.
    retry_after: Option<u64>,
    /// Told once the client takes its request back.
    taken_back: Option<Arc<Notify>>,
    /// Whether nobody listens at all.
    is_deaf: bool,
}

impl Outlet {
    /// An outlet, and where its answer comes out.
    pub(super) fn new() -> (Self, oneshot::Receiver<Response<Body>>) {
        let (head, answer) = oneshot::channel();
        (Self { head: Some(head), ..Self::default() }, answer)
    }

    /// An outlet that nobody listens to, and that stays open.
    pub(super) fn deaf() -> Self {
        Self { is_deaf: true, ..Self::default() }
    }

    /// Has it end as well once this is told.
    pub(super) fn ends_with(&mut self, taken_back: Arc<Notify>) {
        self.taken_back = Some(taken_back);
    }

    /// Names the session that the answer opens.
    pub(super) fn name_session(&mut self, name: &str) {
        self.session = HeaderValue::from_str(name).ok();
    }

    /// Says when the client may try again.
    pub(super) fn retry_after(&mut self, seconds: u64) {
        self.retry_after = Some(seconds);
    }

    /// Whether events are being sent already.
    pub(super) fn is_stream(&self) -> bool {
        self.events.is_some()
    }

    /// Answers with one body, or as the last event of a stream that has begun.
    pub(super) async fn finish(mut self, status: StatusCode, message: String) -> Result<(), Gone> {
        if self.is_stream() {
            return match message.is_empty() {
                true => Ok(()),
                false => self.event(&Event::of(message)).await,
            };
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        if !message.is_empty() {
            *response.body_mut() = Body::from(message);
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
        }
        self.begin(response)
    }

    /// Answers with this, before there is anything else to say.
    pub(super) fn answer(mut self, response: Response<Body>) -> Result<(), Gone> {
        self.head.take().ok_or(Gone)?.send(response).map_err(|_| Gone)
    }

    /// Begins a stream of events, unless it has begun.
    pub(super) fn stream(&mut self) -> Result<(), Gone> {
        if self.is_stream() || self.is_deaf {
            return Ok(());
        }
        let (events, coming) = mpsc::channel(EVENTS_MAX);
        let mut response = Response::new(Body::new(Stream(coming)));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(BUFFERING, HeaderValue::from_static("no"));
        self.events = Some(events);
        self.begin(response)
    }

    /// Sends an event.
    pub(super) async fn event(&mut self, event: &Event) -> Result<(), Gone> {
        self.stream()?;
        self.send(event.write()).await
    }

    /// Says nothing, so that nobody believes that we are gone.
    pub(super) async fn keep_alive(&mut self) -> Result<(), Gone> {
        self.stream()?;
        self.send(KEEP_ALIVE.to_owned()).await
    }

    /// Ends once whoever was to get the answer is gone.
    pub(super) async fn gone(&mut self) {
        let taken_back = self.taken_back.clone();
        let closed = async {
            match (&mut self.head, &self.events) {
                (_, Some(events)) => events.closed().await,
                (Some(head), None) => head.closed().await,
                (None, None) if self.is_deaf => std::future::pending().await,
                (None, None) => {}
            }
        };
        match taken_back {
            None => closed.await,
            Some(taken_back) => tokio::select! {
                () = closed => {}
                () = taken_back.notified() => taken_back.notify_one(),
            },
        }
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        if self.is_deaf {
            return Ok(());
        }
        let events = self.events.as_ref().ok_or(Gone)?;
        events.send(text.into()).await.map_err(|_| Gone)
    }

    fn begin(&mut self, mut response: Response<Body>) -> Result<(), Gone> {
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(session) = self.session.take() {
            headers.insert(SESSION, session);
        }
        self.head.take().ok_or(Gone)?.send(response).map_err(|_| Gone)
    }
}

/// The events of a stream, as a body. Dropped by the server when the client goes.
struct Stream(mpsc::Receiver<Bytes>);

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
