//! The servers behind us, and how they are reached over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, Uri};
use bakerst_model::{Limits, Secret};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::message::Request as Asked;
use super::relay::Cleared;

/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection to a server is kept for the next request.
const KEPT: Duration = Duration::from_secs(60);

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// The headers of a client that its server gets to see. A credential is none of them: what a
/// client proves to us, it does not prove to anybody else.
const PASSED: [HeaderName; 9] = [
    ACCEPT,
    CONTENT_TYPE,
    VERSION,
    METHOD,
    NAME,
    LAST_EVENT,
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
];
/// And those that mirror a tool's parameters.
const PARAMETER: &str = "mcp-param-";

/// A server that agents may reach through us.
#[derive(Debug)]
pub struct McpServer {
    /// Where it is.
    pub url: Uri,
    /// What it wants to see of us.
    pub bearer: Option<Secret>,
}

/// Why a server cannot be used as it is configured.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ServerError {
    /// Nothing that can be connected to.
    #[error("`{url}` is no address of a server, expected one as `http://127.0.0.1:3000/mcp`")]
    Url {
        /// What was given.
        url: String,
    },
    /// TLS to servers is not built yet, and a secret must not travel in the clear.
    #[error("`{url}` needs TLS, which is not built yet: reach it by a local address")]
    Tls {
        /// What was given.
        url: String,
    },
    /// A credential that no header can hold.
    #[error("the bearer token holds characters that no header may")]
    Bearer,
}

/// All servers behind us, and the connections to them.
pub struct McpServers {
    servers: BTreeMap<Arc<str>, Server>,
    client: Client<HttpConnector, Full<Bytes>>,
    patience: Duration,
}

struct Server {
    url: Uri,
    authorization: Option<HeaderValue>,
}

/// Why there is no answer of a server's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Silent {
    /// It is not there, or the connection broke.
    #[error("the server cannot be reached")]
    Away,
    /// It took too long.
    #[error("the server took longer than `upstream_millis_max` allows")]
    Slow,
}

/// What goes to a server.
pub(crate) enum Outgoing<'m> {
    /// A request that was cleared.
    Cleared(&'m Cleared),
    /// A message that asks for nothing: a notification, or an answer to the server's own request.
    Told(&'m str),
    /// No message at all: a stream is opened, or a session ended.
    Plain,
}

impl McpServers {
    /// Makes the servers ready.
    ///
    /// # Errors
    /// Names the server that cannot be used.
    pub fn new(
        servers: impl IntoIterator<Item = (String, McpServer)>,
        limits: &Limits,
    ) -> Result<Self, (String, ServerError)> {
        let servers = servers.into_iter().map(|(name, server)| match Server::new(&server) {
            Ok(ready) => Ok((Arc::from(name), ready)),
            Err(error) => Err((name, error)),
        });
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .build(connector);
        let patience = Duration::from_millis(limits.upstream_millis_max);
        Ok(Self { servers: servers.collect::<Result<_, _>>()?, client, patience })
    }

    /// The server of this name, as it is known.
    pub(crate) fn name(&self, name: &str) -> Option<Arc<str>> {
        self.servers.get_key_value(name).map(|(known, _)| known.clone())
    }

    /// Sends something to a server and waits until it begins to answer. No redirect is followed:
    /// only the configuration says where a server is.
    pub(crate) async fn send(
        &self,
        name: &str,
        method: Method,
        client: &HeaderMap,
        session: Option<&str>,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<Incoming>, Silent> {
        let server = self.servers.get(name).ok_or(Silent::Away)?;
        let text = match outgoing {
            Outgoing::Cleared(cleared) => cleared.text(),
            Outgoing::Told(text) => text,
            Outgoing::Plain => "",
        };
        let mut request = Request::new(Full::from(Bytes::copy_from_slice(text.as_bytes())));
        *request.method_mut() = method;
        *request.uri_mut() = server.url.clone();
        let headers = request.headers_mut();
        let passed = client
            .iter()
            .filter(|(name, _)| PASSED.contains(name) || name.as_str().starts_with(PARAMETER));
        for (name, value) in passed {
            headers.append(name, value.clone());
        }
        if let Some(Ok(session)) = session.map(HeaderValue::from_str) {
            headers.insert(SESSION, session);
        }
        if let Some(authorization) = &server.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        match tokio::time::timeout(self.patience, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => Err(Silent::Away),
            Err(_) => Err(Silent::Slow),
        }
    }
}

impl Server {
    fn new(server: &McpServer) -> Result<Self, ServerError> {
        let url = &server.url;
        let wrong = || ServerError::Url { url: url.to_string() };
        match (url.scheme_str(), url.authority()) {
            (Some("http"), Some(authority)) if !authority.as_str().contains('@') => {}
            (Some("https"), Some(_)) => return Err(ServerError::Tls { url: url.to_string() }),
            _ => return Err(wrong()),
        }
        let bearer = server.bearer.as_ref().map(|token| {
            let words = [b"Bearer ", token.expose()].concat();
            let mut value = HeaderValue::try_from(words).map_err(|_| ServerError::Bearer)?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Self { url: url.clone(), authorization: bearer.transpose()? })
    }
}

/// Checks that the headers which mirror a request's body say what the body says. Decisions are
/// made by the body alone; a header that says another thing is meant for somebody who is not.
pub(crate) fn check_mirrored(
    headers: &HeaderMap,
    request: &Asked<'_>,
    revision: &str,
) -> Result<(), String> {
    let one = |name: &HeaderName| -> Result<Option<&str>, String> {
        let mut values = headers.get_all(name).iter();
        match (values.next().map(HeaderValue::to_str), values.next()) {
            (None, _) => Ok(None),
            (Some(Ok(value)), None) => Ok(Some(value)),
            _ => Err(format!("the header `{name}` is sent twice, or is no text")),
        }
    };
    let equal = |name: &HeaderName, body: &str| match one(name)? {
        Some(value) if decoded(value).as_deref() == Some(body) => Ok(()),
        Some(_) => Err(format!("the header `{name}` says another thing than the body")),
        None => Err(format!("the header `{name}` is missing")),
    };
    equal(&VERSION, revision)?;
    equal(&METHOD, &request.method())?;
    match request.mirrored_name() {
        Some(name) => equal(&NAME, &name),
        None => Ok(()),
    }
}

/// The value of a header, which may be wrapped where it is more than plain text.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(value.to_owned()),
        Some(wrapped) => String::from_utf8(from_base64(wrapped)?).ok(),
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - bare.len() > 2 {
        return None;
    }
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len()), 0u32, 0);
    for byte in bare.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.extend(u8::try_from((bits >> held) & 0xff));
        }
    }
    // What is left over must be nothing, or one value could be written in two ways.
    (bits & ((1 << held) - 1) == 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::super::message::{Kind, Message};
    use super::*;

    #[track_caller]
    fn checked(headers: &[(&'static str, &str)], body: &str) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let Kind::Request(request) = Message::read(body).unwrap().kind else { panic!("{body}") };
        check_mirrored(&map, &request, "2026-07-28")
    }

    #[test]
    fn headers_that_mirror_the_body_must_say_what_it_says() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        assert_eq!(checked(&[version, method, ("mcp-name", "a")], call), Ok(()));
        assert_eq!(checked(&[version, method, ("mcp-name", "=?base64?YQ==?=")], call), Ok(()));
        for headers in [
            vec![version, method],
            vec![version, method, ("mcp-name", "b")],
            vec![version, method, ("mcp-name", "a"), ("mcp-name", "a")],
            vec![version, method, ("mcp-name", "=?base64?YR==?=")],
            vec![version, ("mcp-method", "tools/list"), ("mcp-name", "a")],
            vec![("mcp-protocol-version", "2025-11-25"), method, ("mcp-name", "a")],
            vec![method, ("mcp-name", "a")],
        ] {
            assert!(checked(&headers, call).is_err(), "{headers:?}");
        }
    }
}
