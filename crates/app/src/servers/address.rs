//! A server behind an address: each message is a request, and the answer its body, whole or as a
//! stream of events.

use std::time::Duration;

use bakerst_gateway::sse::Events;
use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{Escaped, Limits};
use bakerst_sinks::{Tls, Transport};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::{Instant, timeout_at};

use super::{ASIDES_MAX, Answered, Remote, Talk, answer_of, is_here};

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// How long a server may take to hear that nobody asks any more.
const PARTING: Duration = Duration::from_millis(500);

/// A conversation with a server. It ends with a word to the server, if that wants one.
pub(super) struct HttpTalk {
    runtime: Runtime,
    line: Line,
}

/// What is sent each time, and to whom.
struct Line {
    url: Uri,
    tls: Option<Tls>,
    headers: HeaderMap,
    deadline: Instant,
    bytes_max: usize,
    last_id: u64,
}

impl HttpTalk {
    pub(super) fn open(
        remote: &Remote,
        patience: Duration,
        limits: &Limits,
    ) -> Result<Self, String> {
        let url: Uri = remote.url.parse().map_err(|_| "its address is none".to_owned())?;
        let tls = tls_of(&url, remote)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &remote.headers {
            let odd = || format!("its header `{}` cannot be one", Escaped(name));
            let mut value = HeaderValue::from_str(value).map_err(|_| odd())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| odd())?, value);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("there is no runtime: {e}"))?;
        let deadline = Instant::now() + patience;
        let line =
            Line { url, tls, headers, deadline, bytes_max: limits.lock_bytes_max, last_id: 0 };
        Ok(Self { runtime, line })
    }
}

/// TLS where the address asks for it. Without, nobody's credentials cross a network.
fn tls_of(url: &Uri, remote: &Remote) -> Result<Option<Tls>, String> {
    let host = url.host().ok_or("its address has no host")?;
    match url.scheme_str() {
        Some("https") => {
            let transport = Transport { ca_file: remote.ca_file.clone(), ..Transport::default() };
            Tls::new(host, &transport).map(Some).map_err(|e| e.to_string())
        }
        Some("http") if is_here(url) || remote.headers.is_empty() => Ok(None),
        Some("http") => Err("its credentials would cross the network without TLS".to_owned()),
        _ => Err("its address is neither `http` nor `https`".to_owned()),
    }
}

impl Talk for HttpTalk {
    fn request(&mut self, method: &str, params: &Value) -> Result<Answered, String> {
        self.line.last_id += 1;
        let id = self.line.last_id;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let line = &mut self.line;
        let answered = self
            .runtime
            .block_on(async { timeout_at(line.deadline, line.ask(method, &message, id)).await });
        let answered = answered.map_err(|_| format!("it did not answer `{method}` in time"))??;
        if let (true, Answered::Result(result)) = (method == "initialize", &answered) {
            let agreed = result.get("protocolVersion").and_then(Value::as_str);
            let agreed = agreed.and_then(|version| HeaderValue::from_str(version).ok());
            agreed.into_iter().for_each(|version| drop(self.line.headers.insert(VERSION, version)));
        }
        Ok(answered)
    }

    fn notify(&mut self, method: &str) -> Result<(), String> {
        let message = json!({ "jsonrpc": "2.0", "method": method });
        let line = &mut self.line;
        let sent = self
            .runtime
            .block_on(async { timeout_at(line.deadline, line.send(Method::POST, &message)).await });
        let sent = sent.map_err(|_| format!("it did not take `{method}` in time"))??;
        expect_success(sent.status(), method)
    }

    fn ungreeted(&mut self, version: &'static str) {
        self.line.headers.insert(VERSION, HeaderValue::from_static(version));
    }

    fn last_words(&mut self) -> String {
        String::new()
    }
}

impl Drop for HttpTalk {
    fn drop(&mut self) {
        if self.line.headers.contains_key(SESSION) {
            let line = &mut self.line;
            let parting = Instant::now() + PARTING;
            // It forgets us by itself sooner or later.
            let _ = self.runtime.block_on(async {
                timeout_at(parting, line.send(Method::DELETE, &Value::Null)).await
            });
        }
    }
}

impl Line {
    /// Sends a request, and reads on until its answer is there.
    async fn ask(&mut self, method: &str, message: &Value, id: u64) -> Result<Answered, String> {
        let named = HeaderValue::from_str(method).map_err(|e| e.to_string())?;
        self.headers.insert(METHOD, named);
        let mut response = self.send(Method::POST, message).await?;
        if let Some(session) = response.headers().get(SESSION) {
            self.headers.insert(SESSION, session.clone());
        }
        let status = response.status();
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            expect_success(status, method)?;
            return self.listen(response.body_mut(), method, id).await;
        }
        let body = self.read(response.body_mut(), method).await?;
        // Some say with a status what others say in the answer, and say it there all the same.
        match json::parse(&body, self.bytes_max, DEPTH_CEILING).ok().and_then(answer_of) {
            Some(answer) => Ok(answer),
            None => {
                expect_success(status, method)?;
                Err(format!("its answer to `{method}` is no message"))
            }
        }
    }

    async fn listen(&self, body: &mut Incoming, method: &str, id: u64) -> Result<Answered, String> {
        let mut events = Events::new(self.bytes_max);
        let mut asides = 0;
        while let Some(piece) = next(body, method).await? {
            let told = events.push(&piece).map_err(|_| self.too_long(method))?;
            for data in told.into_iter().filter_map(|event| event.data) {
                let message = json::parse(data.as_bytes(), self.bytes_max, DEPTH_CEILING);
                let message =
                    message.map_err(|e| format!("its answer to `{method}` cannot be read: {e}"));
                let message = if data.is_empty() { continue } else { message? };
                let is_ours =
                    message.get("method").is_none() && message.get("id") == Some(&json!(id));
                if let Some(answer) = Some(message).filter(|_| is_ours).and_then(answer_of) {
                    return Ok(answer);
                }
                asides += 1;
                if asides >= ASIDES_MAX {
                    return Err(format!(
                        "it says {ASIDES_MAX} other things before it answers `{method}`"
                    ));
                }
            }
        }
        Err(format!("it ended before it answered `{method}`"))
    }

    async fn read(&self, body: &mut Incoming, method: &str) -> Result<Vec<u8>, String> {
        let mut whole = Vec::new();
        while let Some(piece) = next(body, method).await? {
            if whole.len() + piece.len() > self.bytes_max {
                return Err(self.too_long(method));
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    fn too_long(&self, method: &str) -> String {
        format!(
            "its answer to `{method}` is longer than `lock_bytes_max` allows ({})",
            self.bytes_max
        )
    }

    /// Sends one request over a connection of its own. No redirect is followed.
    async fn send(&self, method: Method, message: &Value) -> Result<Response<Incoming>, String> {
        let host = self.url.authority().map_or("", |authority| authority.as_str());
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(&method).uri(path).header(HOST, host);
        if let Some(headers) = request.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let body = if method == Method::POST { message.to_string() } else { String::new() };
        let request = request.body(Full::new(Bytes::from(body)));
        let request = request.map_err(|e| format!("it cannot be asked: {e}"))?;
        let mut sender = self.connect().await?;
        sender.send_request(request).await.map_err(|e| format!("it cannot be reached: {e}"))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let unreachable = |e: std::io::Error| format!("it cannot be reached: {e}");
        let host = self.url.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.map_err(unreachable)?;
        match &self.tls {
            None => shake(stream).await,
            Some(tls) => shake(tls.connect(stream).await.map_err(unreachable)?).await,
        }
    }
}

async fn shake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| format!("it cannot be reached: {e}"))?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn next(body: &mut Incoming, method: &str) -> Result<Option<Bytes>, String> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| format!("its answer to `{method}` broke off: {e}"))?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

fn expect_success(status: StatusCode, method: &str) -> Result<(), String> {
    match status {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(format!(
            "it wants to know who asks ({status}); hand in its list with `bakerst policy pin --tools`"
        )),
        status => Err(format!("it answers `{method}` with {status}")),
    }
}
