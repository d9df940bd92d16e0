//! An HTTP server with a script.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// A header that must be there, once.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("no `{name}` in {:?}", self.headers));
        assert!(values.next().is_none(), "`{name}` is there twice");
        value.to_str().unwrap()
    }

    pub(crate) fn has_header(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Every line of the body as JSON; each must end.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        assert!(text.ends_with('\n'), "the last line does not end");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) struct Says {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// An answer.
#[expect(clippy::needless_pass_by_value, reason = "texts and JSON are written in place")]
pub(crate) fn says(status: u16, body: impl ToString) -> Says {
    Says { status, headers: Vec::new(), body: body.to_string() }
}

impl Says {
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A server that answers as it is told, and remembers.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<VecDeque<Says>>>,
}

impl Server {
    /// Answers these in order, and the last for ever.
    pub(crate) async fn start(script: impl IntoIterator<Item = Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let (remember, answers) = (asked.clone(), script.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (remember, answers) = (remember.clone(), answers.clone());
                let service =
                    service_fn(move |request| answer(request, remember.clone(), answers.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, asked, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers otherwise from now on.
    pub(crate) fn now_says(&self, script: impl IntoIterator<Item = Says>) {
        *self.script.lock().unwrap() = script.into_iter().collect();
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// The one thing that was asked.
    pub(crate) fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }
}

async fn answer(
    request: Request<Incoming>,
    remember: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<VecDeque<Says>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.method(), "POST");
    let path = request.uri().to_string();
    let headers = request.headers().clone();
    let body = request.into_body().collect().await?.to_bytes();
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    assert_eq!(length, body.len());
    assert!(headers["host"].to_str().unwrap().starts_with("127.0.0.1:"));
    assert!(headers["user-agent"].to_str().unwrap().starts_with("bakerst/"));
    remember.lock().unwrap().push(Asked { path, headers, body });
    let says = {
        let mut script = script.lock().unwrap();
        if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
    };
    let mut response = Response::builder().status(says.status);
    for (name, value) in says.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(says.body))).unwrap())
}
