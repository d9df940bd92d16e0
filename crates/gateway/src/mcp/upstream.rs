//! The servers behind us, and how they are reached. Whatever kind of server it is, here it is asked
//! and answers as one of streamable HTTP.

mod address;
mod body;
mod duplex;
pub mod http1;
mod mirrored;
mod pool;
mod tls;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::HeaderName;
use axum::http::{HeaderMap, Method, Response};
use bakerst_model::{Code, Limits};

use super::relay::Cleared;
use super::revision::Revision;
use super::session::Owner;
use address::Address;
pub use address::McpAddress;
pub(crate) use body::FromServer;
use duplex::{Duplex, Seats};
pub use duplex::{McpProcess, McpProgram, McpRunning};
use http1::Asked;
pub(crate) use mirrored::check_mirrored;

pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
pub(super) const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
pub(super) const METHOD: HeaderName = HeaderName::from_static("mcp-method");
pub(super) const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A server that agents may reach through us.
pub enum McpServer {
    /// Behind one address, by streamable HTTP.
    Http(McpAddress),
    /// Behind two, as the first revision had it: one to listen at, and one to send to, which the
    /// server names.
    Sse(McpAddress),
    /// A program that is started for each session.
    Program(Arc<dyn McpProgram>),
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
    /// A revision that nobody knows.
    #[error(
        "`{revision}` is no revision of the protocol, expected one as `2025-11-25` or `2026-07-28`"
    )]
    Revision {
        /// What was given.
        revision: String,
    },
    /// A credential that no header can hold.
    #[error("the bearer token holds characters that no header may")]
    Bearer,
    /// A header that cannot be sent.
    #[error("the header `{name}` cannot be sent: {why}")]
    Header {
        /// What it was called.
        name: String,
        /// Why.
        why: &'static str,
    },
}

/// All servers behind us, and what leads to them.
pub struct McpServers {
    servers: BTreeMap<Arc<str>, Server>,
    seats: Seats,
    /// The revisions that the configuration says servers speak.
    stated: BTreeMap<Arc<str>, Revision>,
    patience: Duration,
}

enum Server {
    Address(Box<Address>),
    Duplex(Duplex),
}

/// Why there is no answer of a server's.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Silent {
    /// It is not there, or the connection broke.
    #[error("the server cannot be reached")]
    Away,
    /// What it says cannot be relied on.
    #[error("the server's answer breaks the rules of HTTP/1.1")]
    Garbled,
    /// It took too long.
    #[error("the server took longer than `upstream_millis_max` allows")]
    Slow,
    /// It is a program, and cannot be started.
    #[error("the server cannot be started")]
    NotStarted,
    /// It ended by itself soon after its start, and more than once.
    #[error(
        "the server ended soon after its start; it is started again in {seconds} s at the earliest"
    )]
    Resting {
        /// How long that is.
        seconds: u64,
    },
    /// There are as many sessions as there may be.
    #[error("as many sessions with servers are open as `server_sessions_max` allows")]
    Full,
    /// And of this caller with this server.
    #[error(
        "this client has as many sessions with the server as `server_sessions_per_caller_max` allows"
    )]
    FullForCaller,
    /// It ended, or the connection did.
    #[error("the server ended before it answered")]
    Ended,
    /// It wants messages sent to another server.
    #[error("the server named an address for messages that is not its own")]
    Elsewhere,
}

impl Silent {
    /// What an operator may look up.
    pub(crate) const fn code(self) -> Option<Code> {
        match self {
            Self::NotStarted | Self::Resting { .. } => Some(Code::ServerNotStarted),
            Self::Full | Self::FullForCaller => Some(Code::ServerSessionsFull),
            Self::Elsewhere => Some(Code::ServerElsewhere),
            Self::Away | Self::Garbled | Self::Slow | Self::Ended => None,
        }
    }
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

impl Outgoing<'_> {
    fn text(&self) -> &str {
        match self {
            Outgoing::Cleared(cleared) => cleared.text(),
            Outgoing::Told(text) => text,
            Outgoing::Plain => "",
        }
    }
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
        let seats = Seats::new(limits);
        let ready = |server| {
            Ok(match server {
                McpServer::Http(address) => Server::Address(Box::new(Address::new(address)?)),
                McpServer::Sse(address) => {
                    Server::Duplex(Duplex::sse(Address::new(address)?, seats.clone(), limits))
                }
                McpServer::Program(program) => {
                    Server::Duplex(Duplex::program(program, seats.clone(), limits))
                }
            })
        };
        let servers = servers.into_iter().map(|(name, server)| match ready(server) {
            Ok(ready) => Ok((Arc::from(name), ready)),
            Err(error) => Err((name, error)),
        });
        let servers = servers.collect::<Result<_, _>>()?;
        let patience = Duration::from_millis(limits.upstream_millis_max);
        Ok(Self { servers, seats, stated: BTreeMap::new(), patience })
    }

    /// The same servers, of which this one is known to speak this revision and those like it.
    ///
    /// # Errors
    /// When there is no such revision.
    pub fn speaking(mut self, name: &str, revision: &str) -> Result<Self, ServerError> {
        let known = Revision::parse(revision);
        let known = known.ok_or_else(|| ServerError::Revision { revision: revision.to_owned() })?;
        self.stated.insert(name.into(), known);
        Ok(self)
    }

    /// The revision that the configuration says a server speaks, or the way to it.
    pub(crate) fn stated(&self, name: &str) -> Option<Revision> {
        let known = match self.servers.get(name)? {
            Server::Duplex(duplex) => duplex.speaks(),
            Server::Address(_) => None,
        };
        self.stated.get(name).copied().or(known)
    }

    /// The server of this name, as it is known.
    pub(crate) fn name(&self, name: &str) -> Option<Arc<str>> {
        self.servers.get_key_value(name).map(|(known, _)| known.clone())
    }

    /// The names of all servers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.servers.keys()
    }

    /// Sends something of this owner's to a server and waits until it begins to answer.
    pub(crate) async fn send(
        &self,
        name: &str,
        method: Method,
        client: &HeaderMap,
        session: Option<&str>,
        owner: &Owner,
        outgoing: Outgoing<'_>,
    ) -> Result<Response<FromServer>, Silent> {
        match self.servers.get(name).ok_or(Silent::Away)? {
            Server::Address(address) => {
                let (path, text) = (&address.path, outgoing.text());
                let asked = Asked { method: &method, path, client, session, text };
                let sent = tokio::time::timeout(self.patience, address.send(asked)).await;
                sent.unwrap_or(Err(Silent::Slow)).map(|answer| answer.map(FromServer::Address))
            }
            Server::Duplex(duplex) => duplex.send(method, client, session, owner, outgoing).await,
        }
    }

    /// Ends every session with servers that have to be told, and waits for them a while.
    pub(crate) async fn end(&self) {
        for server in self.servers.values() {
            if let Server::Duplex(duplex) = server {
                duplex.end();
            }
        }
        self.seats.until_empty().await;
    }
}
