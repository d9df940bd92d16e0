//! A server of the Model Context Protocol that answers as it is told, and keeps what it was asked.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, Response};
use bakerst_gateway::McpAddress;
use bakerst_model::Secret;
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// A request that reached the server.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) verb: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Seen {
    /// The message in it.
    pub(crate) fn message(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Upstream {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    accepted: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Upstream {
    /// A server that answers like this.
    pub(crate) async fn start(
        answer: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(answer));
        let accepted = Arc::<AtomicUsize>::default();
        let (kept, counted) = (seen.clone(), accepted.clone());
        let serving = tokio::spawn(async move {
            // They end with the server that took them.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let (kept, answer) = (kept.clone(), answer.clone());
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (kept, answer) = (kept.clone(), answer.clone());
                    async move {
                        let (parts, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let text = String::from_utf8(body.into()).unwrap();
                        let seen = Seen { verb: parts.method, headers: parts.headers, text };
                        kept.lock().unwrap().push(seen.clone());
                        Ok::<_, Infallible>(answer(&seen))
                    }
                });
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                connections.spawn(connection);
            }
        });
        Self { url, seen, accepted, serving: serving.abort_handle() }
    }

    /// Something that listens at this address, and never says a word.
    pub(crate) fn at(address: std::net::SocketAddr) -> Self {
        let serving = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let url = format!("http://{address}/mcp");
        Self { url, seen: Arc::default(), accepted: Arc::default(), serving }
    }

    /// Where it is, for whoever puts it behind the door.
    pub(crate) fn address(&self) -> McpAddress {
        McpAddress {
            url: self.url.parse().unwrap(),
            bearer: Some(Secret::new(b"for-the-server".to_vec())),
            headers: BTreeMap::new(),
            ca_file: None,
        }
    }

    /// How many connections it was reached by.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// What it was asked, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it was sent a message of this method.
    pub(crate) async fn until(&self, method: &str) {
        while !self.methods().iter().any(|sent| sent == method) {
            tokio::task::yield_now().await;
        }
    }

    /// The methods of the messages that it was sent.
    pub(crate) fn methods(&self) -> Vec<String> {
        let method = |seen: &Seen| seen.message()["method"].as_str().unwrap_or("-").to_owned();
        self.seen().iter().map(method).collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A stream of events that goes on for as long as somebody has the other end.
pub(crate) fn streaming() -> (mpsc::UnboundedSender<Value>, Response<Body>) {
    struct Stream(mpsc::UnboundedReceiver<Value>);
    impl hyper::body::Body for Stream {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            let event = |message: Value| Frame::data(format!("data: {message}\n\n").into());
            self.0.poll_recv(context).map(|message| message.map(|message| Ok(event(message))))
        }
    }
    let (said, coming) = mpsc::unbounded_channel();
    (
        said,
        Response::builder()
            .header("content-type", "text/event-stream")
            .body(Body::new(Stream(coming)))
            .unwrap(),
    )
}

/// An answer of this kind.
pub(crate) fn said(status: u16, kind: &str, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    if !kind.is_empty() {
        response = response.header("content-type", kind);
    }
    response.body(text.into()).unwrap()
}
