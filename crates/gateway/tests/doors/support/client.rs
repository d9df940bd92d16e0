//! A small HTTP client that sends exactly what it is told to.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(crate) struct Client {
    wire: Wire,
    token: Option<String>,
    left_over: Vec<u8>,
}

/// What requests go over.
enum Wire {
    /// One after another, as the bytes that a test makes of them.
    One(Box<dyn Stream>),
    /// HTTP/2.
    Two(SendRequest<Full<Bytes>>),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn field(&self, name: &str) -> Value {
        self.json()[name].clone()
    }

    /// Status and code, as `403 AUT-003`.
    pub(crate) fn verdict(&self) -> String {
        format!("{} {}", self.status, self.field("code").as_str().unwrap_or("-"))
    }

    async fn of(response: Response<Incoming>) -> Self {
        let status = response.status().as_u16();
        let lines = response.headers().iter();
        let lines = lines.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
        let head = lines.collect();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Self { status, head, text: String::from_utf8(body.into()).unwrap() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A request with a body, as bytes.
pub(crate) fn request(line: &str, token: Option<&str>, headers: &str, body: &[u8]) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let mut bytes = format!(
        "{line} HTTP/1.1\r\nhost: localhost\r\n{}{headers}content-length: {}\r\n\r\n",
        token.unwrap_or_default(),
        body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The same over HTTP/2.
fn request_two(
    line: &str,
    token: Option<&str>,
    headers: &str,
    body: &[u8],
) -> Request<Full<Bytes>> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}

impl Client {
    pub(crate) async fn tcp(address: SocketAddr, token: Option<&str>) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), token)
    }

    pub(crate) async fn unix(path: &Path, token: Option<&str>) -> Self {
        Self::over(UnixStream::connect(path).await.unwrap(), token)
    }

    fn over(stream: impl Stream + 'static, token: Option<&str>) -> Self {
        let token = token.map(str::to_owned);
        Self { wire: Wire::One(Box::new(stream)), token, left_over: Vec::new() }
    }

    /// Somebody who speaks HTTP/2.
    pub(crate) async fn two(address: SocketAddr, token: Option<&str>) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self::two_over(stream, token).await
    }

    /// The same over a Unix socket.
    pub(crate) async fn two_unix(path: &Path, token: Option<&str>) -> Self {
        Self::two_over(UnixStream::connect(path).await.unwrap(), token).await
    }

    async fn two_over(stream: impl Stream + 'static, token: Option<&str>) -> Self {
        let (executor, stream) = (TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = http2::handshake(executor, stream).await.unwrap();
        tokio::spawn(connection);
        let token = token.map(str::to_owned);
        Self { wire: Wire::Two(sender), token, left_over: Vec::new() }
    }

    /// Another one on the same connection, which must be one over HTTP/2.
    pub(crate) fn beside(&self) -> Self {
        let Wire::Two(sender) = &self.wire else { panic!("this connection is not shared") };
        let wire = Wire::Two(sender.clone());
        Self { wire, token: self.token.clone(), left_over: Vec::new() }
    }

    /// Whether its connection over HTTP/2 has ended.
    pub(crate) fn is_over(&self) -> bool {
        matches!(&self.wire, Wire::Two(sender) if sender.is_closed())
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.exchange(&format!("GET {path}"), "", b"").await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Reply {
        self.exchange(&format!("DELETE {path}"), "", b"").await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.post_bytes(path, body.to_string().as_bytes()).await
    }

    pub(crate) async fn post_bytes(&mut self, path: &str, body: &[u8]) -> Reply {
        let kind = "content-type: application/json\r\n";
        self.exchange(&format!("POST {path}"), kind, body).await
    }

    pub(crate) async fn exchange(&mut self, line: &str, headers: &str, body: &[u8]) -> Reply {
        if let Wire::Two(sender) = &mut self.wire {
            let request = request_two(line, self.token.as_deref(), headers, body);
            return Reply::of(sender.send_request(request).await.unwrap()).await;
        }
        let bytes = request(line, self.token.as_deref(), headers, body);
        self.send(&bytes).await;
        self.reply().await
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match &mut self.wire {
            Wire::One(stream) => stream,
            Wire::Two(_) => panic!("HTTP/2 has no bytes of its own making"),
        }
    }

    /// Sends bytes as they are; a server that has stopped listening is no fault of the test's.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream().write_all(bytes).await.ok();
    }

    /// Waits until this much of an answer has come.
    pub(crate) async fn until(&mut self, word: &str) {
        let mut chunk = vec![0; 64 << 10];
        while !String::from_utf8_lossy(&self.left_over).contains(word) {
            let read = self.stream().read(&mut chunk).await.unwrap_or(0);
            let said = String::from_utf8_lossy(&self.left_over);
            assert!(read > 0, "the connection ended without `{word}`: {said}");
            self.left_over.extend_from_slice(&chunk[..read]);
        }
    }

    /// Reads one answer.
    pub(crate) async fn reply(&mut self) -> Reply {
        self.try_reply().await.expect("the connection ended without an answer")
    }

    /// Reads on in a stream of events until this many messages have come, and gives them all.
    pub(crate) async fn messages(&mut self, at_least: usize) -> Vec<Value> {
        loop {
            let text = String::from_utf8_lossy(&self.left_over).into_owned();
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let messages: Vec<Value> =
                data.filter_map(|data| serde_json::from_str(data).ok()).collect();
            if messages.len() >= at_least {
                return messages;
            }
            let mut chunk = vec![0; 64 << 10];
            let read = self.stream().read(&mut chunk).await.unwrap_or(0);
            assert!(read > 0, "the stream ended: {text}");
            self.left_over.extend_from_slice(&chunk[..read]);
        }
    }

    /// Reads one answer, if there comes one before the connection ends.
    pub(crate) async fn try_reply(&mut self) -> Option<Reply> {
        let mut bytes = std::mem::take(&mut self.left_over);
        loop {
            if let Some((reply, end)) = parse(&bytes) {
                self.left_over = bytes.split_off(end);
                return Some(reply);
            }
            let mut chunk = vec![0; 64 << 10];
            let read = self.stream().read(&mut chunk).await.unwrap_or(0);
            if read == 0 {
                assert!(bytes.is_empty(), "half an answer: {}", String::from_utf8_lossy(&bytes));
                return None;
            }
            bytes.extend_from_slice(&chunk[..read]);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Reply, usize)> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut reply = Reply { status, head, text: String::new() };
    if reply.header("transfer-encoding") == Some("chunked") {
        let (text, end) = unchunked(bytes, head_end + 4)?;
        reply.text = text;
        return Some((reply, end));
    }
    let length: usize = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
    let end = head_end + 4 + length;
    reply.text = String::from_utf8(bytes.get(head_end + 4..end)?.to_vec()).unwrap();
    Some((reply, end))
}

/// The text of a body in chunks, and where it ends, once all of it is there.
fn unchunked(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut text = Vec::new();
    loop {
        let rest = bytes.get(at..)?;
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        at += line + 2;
        text.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        if size == 0 {
            return (at <= bytes.len()).then(|| (String::from_utf8(text).unwrap(), at));
        }
    }
}
