//! One small HTTP client for all sinks that speak HTTP.
//!
//! It keeps one connection, follows no redirect, reads no more of an answer than is of use, and goes
//! through no proxy but those that are between us and the host anyway.

use std::io;
use std::time::Duration;

use bakerst_audit::delivery::{Outcome, Reason};
use bakerst_model::Secret;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls::Tls;
use crate::{ConfigError, Transport};

/// The longest answer that is read: what a bulk request answers about each of its records.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A host, and how to speak to it.
pub(crate) struct Client {
    host: String,
    port: u16,
    /// What the header `Host` says.
    authority: HeaderValue,
    base: String,
    tls: Option<Tls>,
    headers: HeaderMap,
    /// What must never be repeated in a message.
    secrets: Vec<Secret>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    retry_after_millis: Option<u64>,
    location: Option<String>,
}

impl Client {
    pub(crate) fn new(url: &str, transport: &Transport) -> Result<Self, ConfigError> {
        let wrong = |why: &str| ConfigError::Value { setting: "url", why: why.to_owned() };
        let uri: Uri =
            url.parse().map_err(|_| wrong("expected an address such as `https://host/path`"))?;
        let host = uri.host().ok_or_else(|| wrong("expected `https://` and a host"))?.to_owned();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(wrong("expected no credentials in it: they would be shown wherever it is"));
        }
        let tls = match uri.scheme_str() {
            Some("https") => Some(Tls::new(&host, transport)?),
            Some("http") if transport.allow_plaintext || is_loopback(&host) => None,
            Some("http") => {
                return Err(wrong(
                    "expected `https`: records would cross the network in plain sight; `transport.allow_plaintext` allows that",
                ));
            }
            _ => return Err(wrong("expected `https://` or `http://`")),
        };
        let authority = HeaderValue::from_str(authority).map_err(|_| wrong("expected a host"))?;
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let base = uri.path().trim_end_matches('/').to_owned();
        let mut headers = HeaderMap::new();
        let agent = HeaderValue::from_static(concat!("bakerst/", env!("CARGO_PKG_VERSION")));
        headers.insert(USER_AGENT, agent);
        let secrets = Vec::new();
        Ok(Self { host, port, authority, base, tls, headers, secrets, connection: None })
    }

    /// Sends this header along with every request.
    pub(crate) fn header(&mut self, name: HeaderName, value: &str) -> Result<(), ConfigError> {
        let value = HeaderValue::from_str(value).map_err(|_| ConfigError::Value {
            setting: "config",
            why: format!("the value for the header `{name}` cannot stand in a header"),
        })?;
        self.headers.insert(name, value);
        Ok(())
    }

    /// Sends this secret along with every request, behind a word such as `Bearer`.
    pub(crate) fn secret_header(
        &mut self,
        setting: &'static str,
        name: HeaderName,
        before: &str,
        secret: Secret,
    ) -> Result<(), ConfigError> {
        let text = [before.as_bytes(), secret.expose()].concat();
        let mut value = HeaderValue::from_bytes(&text).map_err(|_| ConfigError::Secret {
            setting,
            why: "it cannot stand in a header".to_owned(),
        })?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        self.secrets.push(secret);
        Ok(())
    }

    /// Authenticates with a bearer token.
    pub(crate) fn bearer(&mut self, token: Secret) -> Result<(), ConfigError> {
        self.secret_header("token", AUTHORIZATION, "Bearer ", token)
    }

    /// Authenticates with a name and a password.
    pub(crate) fn basic(&mut self, user: &str, password: Secret) -> Result<(), ConfigError> {
        use base64::Engine as _;
        let pair = [user.as_bytes(), b":", password.expose()].concat();
        let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
        self.secrets.push(password);
        let encoded = Secret::new(encoded.into_bytes());
        self.secret_header("password", AUTHORIZATION, "Basic ", encoded)
    }

    /// The path that the configured address has of its own.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Posts a body and reads the whole answer.
    pub(crate) async fn post(
        &mut self,
        path: &str,
        kind: &'static str,
        body: Vec<u8>,
        headers: &[(HeaderName, String)],
    ) -> io::Result<Answer> {
        let path = format!("{}{path}", self.base);
        let path = if path.is_empty() { "/" } else { &path };
        let mut request = Request::builder().method(Method::POST).uri(path);
        request = request.header(CONTENT_TYPE, kind);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?).await
    }

    /// Reads what is at a path and query, whole.
    pub(crate) async fn get(&mut self, path: &str) -> io::Result<Answer> {
        let request = Request::builder().method(Method::GET).uri(path);
        self.send(request.body(Full::default()).map_err(io::Error::other)?).await
    }

    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> io::Result<Answer> {
        request.headers_mut().insert(HOST, self.authority.clone());
        request.headers_mut().extend(self.headers.clone());
        // Taken out, so that a send which is dropped halfway leaves no connection in doubt.
        let mut connection = match self.connection.take() {
            Some(connection) if connection.is_ready() => connection,
            _ => self.connect().await?,
        };
        let response = connection.send_request(request).await.map_err(io::Error::other)?;
        let answer = read(response).await?;
        if connection.ready().await.is_ok() {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let connect = async {
            let host = self.host.trim_start_matches('[').trim_end_matches(']');
            let stream = TcpStream::connect((host, self.port)).await?;
            stream.set_nodelay(true)?;
            match &self.tls {
                Some(tls) => handshake(tls.connect(stream).await?).await,
                None => handshake(stream).await,
            }
        };
        let connected = tokio::time::timeout(CONNECT_WITHIN, connect).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Words of the other side, without our secrets in them.
    pub(crate) fn words(&self, answer: &Answer) -> Reason {
        let end = answer.body.len().min(Reason::BYTES_MAX);
        let text = String::from_utf8_lossy(answer.body.get(..end).unwrap_or_default());
        let mut text = format!("{} {}", answer.status.as_u16(), text.trim());
        for secret in &self.secrets {
            if let Ok(secret) = std::str::from_utf8(secret.expose()) {
                text = text.replace(secret, "[secret]");
            }
        }
        Reason::new(text.trim_end())
    }

    /// What an answer means where the sink has no rules of its own.
    pub(crate) fn judge(&self, answer: &Answer) -> Outcome {
        let why = self.words(answer);
        match answer.status.as_u16() {
            200..=299 => Outcome::Accepted,
            300..=399 => {
                let to = answer.location.as_deref().unwrap_or("elsewhere");
                let text = format!(
                    "{} redirects to {to}, which is not followed: correct `url`",
                    answer.status.as_u16()
                );
                Outcome::Denied(Reason::new(text))
            }
            401 | 403 | 404 | 405 | 407 => Outcome::Denied(why),
            408 | 425 | 429 => Outcome::Failed { why, after_millis: answer.retry_after_millis },
            400..=499 => Outcome::Refused(why),
            _ => Outcome::Failed { why, after_millis: answer.retry_after_millis },
        }
    }

    /// Asks for patience, as the sink did.
    pub(crate) fn failed(&self, answer: &Answer) -> Outcome {
        Outcome::Failed { why: self.words(answer), after_millis: answer.retry_after_millis }
    }
}

/// What a broken connection means: perhaps the sink has it, perhaps not; so it is sent again.
pub(crate) fn broken(error: &io::Error) -> Outcome {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    Outcome::Failed { why: Reason::new(words), after_millis: None }
}

async fn handshake<S>(stream: S) -> io::Result<SendRequest<Full<Bytes>>>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let shaken = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let (mut sender, connection) = shaken;
    tokio::spawn(connection);
    sender.ready().await.map_err(io::Error::other)?;
    Ok(sender)
}

async fn read(response: hyper::Response<hyper::body::Incoming>) -> io::Result<Answer> {
    let status = response.status();
    let text =
        |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // A date there is left aside: clocks differ, and our own patience does as well.
    let retry_after = text(RETRY_AFTER).and_then(|seconds| seconds.trim().parse::<u64>().ok());
    let location = text(hyper::header::LOCATION).map(str::to_owned);
    let limited = Limited::new(response.into_body(), ANSWER_BYTES_MAX);
    let body = limited.collect().await.map_err(io::Error::other)?.to_bytes();
    let retry_after_millis = retry_after.map(|seconds| seconds.saturating_mul(1000));
    Ok(Answer { status, body, retry_after_millis, location })
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
