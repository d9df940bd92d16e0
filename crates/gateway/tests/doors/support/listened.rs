//! A server of the first revision: whoever listens at one address is told of another to send to,
//! and hears the answers where they listen.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response};
use bakerst_gateway::{McpAddress, McpServer};
use bakerst_model::Secret;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::said;

type Answer = dyn Fn(&Value) -> Vec<String> + Send + Sync;
type Endpoint = dyn Fn(usize) -> String + Send + Sync;

/// A server that runs until it is dropped.
pub(crate) struct Listened {
    url: String,
    state: Arc<State>,
    serving: AbortHandle,
}

struct State {
    /// How it names the address for a session.
    endpoint: Box<Endpoint>,
    /// What it says on the stream when it is told something.
    answer: Box<Answer>,
    sessions: Mutex<HashMap<usize, mpsc::UnboundedSender<String>>>,
    opened: Mutex<usize>,
    told: Mutex<Vec<Value>>,
}

impl Listened {
    /// A server that answers like this, in lines of a stream of events.
    pub(crate) async fn start(
        endpoint: impl Fn(usize) -> String + Send + Sync + 'static,
        answer: impl Fn(&Value) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/sse", listener.local_addr().unwrap());
        let state = Arc::new(State {
            endpoint: Box::new(endpoint),
            answer: Box::new(answer),
            sessions: Mutex::default(),
            opened: Mutex::default(),
            told: Mutex::default(),
        });
        let serves = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let serves = serves.clone();
                let service = service_fn(move |request| {
                    let serves = serves.clone();
                    async move { Ok::<_, Infallible>(serves.serve(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                connections.spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, state, serving: serving.abort_handle() }
    }

    pub(crate) fn server(&self) -> McpServer {
        McpServer::Sse(McpAddress {
            url: self.url.parse().unwrap(),
            bearer: Some(Secret::new(b"for-the-server".to_vec())),
            headers: BTreeMap::from([("x-api-key".to_owned(), Secret::new(b"k".to_vec()))]),
            ca_file: None,
        })
    }

    /// How many have begun to listen.
    pub(crate) fn opened(&self) -> usize {
        *self.state.opened.lock().unwrap()
    }

    /// How many listen.
    pub(crate) fn listening(&self) -> usize {
        let sessions = self.state.sessions.lock().unwrap();
        sessions.values().filter(|session| !session.is_closed()).count()
    }

    /// What it was told, in order.
    pub(crate) fn told(&self) -> Vec<Value> {
        self.state.told.lock().unwrap().clone()
    }

    /// Ends all streams.
    pub(crate) fn hang_up(&self) {
        self.state.sessions.lock().unwrap().clear();
    }
}

impl Drop for Listened {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl State {
    async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("authorization"), Some("Bearer for-the-server"));
        assert_eq!(header("x-api-key"), Some("k"));
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/sse") => {
                assert_eq!(header("accept"), Some("text/event-stream"));
                self.listen()
            }
            (&Method::POST, "/messages") => {
                assert_eq!(header("content-type"), Some("application/json"));
                let query = request.uri().query().unwrap_or_default();
                let number = query.strip_prefix("session=").and_then(|text| text.parse().ok());
                let body = request.into_body().collect().await.unwrap().to_bytes();
                self.tell(number.unwrap_or_default(), &serde_json::from_slice(&body).unwrap())
            }
            (method, path) => panic!("{method} {path} is none of ours"),
        }
    }

    fn listen(&self) -> Response<Body> {
        let (says, said_here) = mpsc::unbounded_channel();
        let number = {
            let mut opened = self.opened.lock().unwrap();
            *opened += 1;
            *opened
        };
        says.send(format!("event: endpoint\ndata: {}\n\n", (self.endpoint)(number))).unwrap();
        self.sessions.lock().unwrap().insert(number, says);
        said(200, "text/event-stream", Body::new(Stream(said_here)))
    }

    fn tell(&self, session: usize, message: &Value) -> Response<Body> {
        self.told.lock().unwrap().push(message.clone());
        let sessions = self.sessions.lock().unwrap();
        let Some(says) = sessions.get(&session) else { return said(404, "", "no such session") };
        for event in (self.answer)(message) {
            let _ = says.send(event);
        }
        said(202, "text/plain", "Accepted")
    }
}

struct Stream(mpsc::UnboundedReceiver<String>);

impl axum::body::HttpBody for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let said = self.0.poll_recv(context);
        said.map(|text| text.map(|text| Ok(Frame::data(text.into()))))
    }
}
