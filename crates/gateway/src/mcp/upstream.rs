//! The servers behind us, and how they are reached over HTTP.

mod mirrored;
mod pool;
mod tls;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, Uri};
use bakerst_model::{Limits, Secret};
use http_body_util::Full;

use super::relay::Cleared;
pub(crate) use mirrored::check_mirrored;
pub(crate) use pool::FromServer;
use pool::Pool;
use tls::Tls;

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
    /// The certificates that vouch for it, where those that the system trusts do not.
    pub ca_file: Option<PathBuf>,
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
    /// Nobody could vouch for it.
    #[error("`{url}` cannot be reached by TLS: {why}")]
    Tls {
        /// What was given.
        url: String,
        /// Why.
        why: String,
    },
    /// Certificates for a connection that shows none.
    #[error("`ca_file` is for an `https` address")]
    NeedlessRoots,
    /// A credential that no header can hold.
    #[error("the bearer token holds characters that no header may")]
    Bearer,
}

/// All servers behind us, and the connections to them.
pub struct McpServers {
    servers: BTreeMap<Arc<str>, Server>,
    patience: Duration,
}

struct Server {
    /// What is asked for there.
    path: Uri,
    host: HeaderValue,
    authorization: Option<HeaderValue>,
    pool: Arc<Pool>,
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
        let patience = Duration::from_millis(limits.upstream_millis_max);
        Ok(Self { servers: servers.collect::<Result<_, _>>()?, patience })
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
    ) -> Result<Response<FromServer>, Silent> {
        let server = self.servers.get(name).ok_or(Silent::Away)?;
        let text = match outgoing {
            Outgoing::Cleared(cleared) => cleared.text(),
            Outgoing::Told(text) => text,
            Outgoing::Plain => "",
        };
        let mut request = Request::new(Full::from(Bytes::copy_from_slice(text.as_bytes())));
        *request.method_mut() = method;
        *request.uri_mut() = server.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, server.host.clone());
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
        let sent = tokio::time::timeout(self.patience, server.pool.send(request)).await;
        sent.unwrap_or(Err(Silent::Slow))
    }
}

impl Server {
    fn new(server: &McpServer) -> Result<Self, ServerError> {
        let McpServer { url, bearer, ca_file } = server;
        let wrong = || ServerError::Url { url: url.to_string() };
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        let bare = authority.host().trim_start_matches('[').trim_end_matches(']');
        let (usual, tls) = match url.scheme_str() {
            Some("http") if ca_file.is_some() => return Err(ServerError::NeedlessRoots),
            Some("http") => (80, None),
            Some("https") => {
                let tls = Tls::new(bare, ca_file.as_deref());
                (443, Some(tls.map_err(|why| ServerError::Tls { url: url.to_string(), why })?))
            }
            _ => return Err(wrong()),
        };
        let port = authority.port_u16().unwrap_or(usual);
        let bearer = bearer.as_ref().map(|token| {
            let words = [b"Bearer ", token.expose()].concat();
            let mut value = HeaderValue::try_from(words).map_err(|_| ServerError::Bearer)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            path: path.parse().map_err(|_| wrong())?,
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?,
            authorization: bearer.transpose()?,
            pool: Pool::new(bare.to_owned(), port, tls),
        })
    }
}
