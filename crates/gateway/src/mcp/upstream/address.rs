//! Servers behind an address: what is asked of them, and with which credentials.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    TE, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, Response, Uri};
use bakerst_model::Secret;

use super::http1::{Asked, Constant};
use super::pool::{FromServer as FromAddress, Pool};
use super::tls::Tls;
use super::{ServerError, Silent};

/// Headers that say how a message is to be read, and so are not for anybody to set.
const OURS: [HeaderName; 8] =
    [ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE];
/// And those of the protocol.
const PROTOCOL: &str = "mcp-";

/// Where a server is, and what it wants to see of us.
#[derive(Debug)]
pub struct McpAddress {
    /// Where it is.
    pub url: Uri,
    /// The token that it wants to see.
    pub bearer: Option<Secret>,
    /// Headers that it wants to see.
    pub headers: BTreeMap<String, Secret>,
    /// The certificates that vouch for it, where those that the system trusts do not.
    pub ca_file: Option<PathBuf>,
}

/// A server behind an address, and the connections to it.
pub(super) struct Address {
    /// What is asked for there.
    pub(super) path: Uri,
    /// The address as it is configured.
    pub(super) url: Uri,
    constant: Constant,
    pool: Arc<Pool>,
}

impl Address {
    pub(super) fn new(server: McpAddress) -> Result<Self, ServerError> {
        let McpAddress { url, bearer, headers, ca_file } = server;
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
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| wrong())?;
        Ok(Self {
            path: path.parse().map_err(|_| wrong())?,
            constant: Constant::new(host, &credentials(bearer.as_ref(), &headers)?),
            pool: Pool::new(bare.to_owned(), port, tls),
            url,
        })
    }

    /// Asks something of the server, and waits until the answer begins. No redirect is followed:
    /// only the configuration says where a server is.
    pub(super) async fn send(&self, asked: Asked<'_>) -> Result<Response<FromAddress>, Silent> {
        self.pool.send(&asked, &self.constant).await
    }
}

/// What a server wants to see of us, as headers.
fn credentials(
    bearer: Option<&Secret>,
    headers: &BTreeMap<String, Secret>,
) -> Result<HeaderMap, ServerError> {
    let mut credentials = HeaderMap::new();
    let secret = |bytes: &[u8]| {
        let mut value = HeaderValue::from_bytes(bytes).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    if let Some(token) = bearer {
        let words = [b"Bearer ", token.expose()].concat();
        credentials.insert(AUTHORIZATION, secret(&words).ok_or(ServerError::Bearer)?);
    }
    for (name, value) in headers {
        let unusable = |why| ServerError::Header { name: name.clone(), why };
        let known: HeaderName = name.parse().map_err(|_| unusable("it is no header's name"))?;
        if OURS.contains(&known) || known.as_str().starts_with(PROTOCOL) {
            return Err(unusable("the transport sets it itself"));
        }
        let value = secret(value.expose());
        let value = value.ok_or_else(|| unusable("its value holds what no header may"))?;
        if credentials.insert(known, value).is_some() {
            return Err(unusable("it is set twice"));
        }
    }
    Ok(credentials)
}
