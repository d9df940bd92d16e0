//! The servers behind the gateway.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bakerst_gateway::{McpAddress, McpServer, McpServers, ServerError};
use bakerst_guard::document::{Fault, Node};
use bakerst_model::{Code, Limits, Secret};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The section `gateway`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gateway {
    mcp: Mcp,
}

/// The MCP door.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Mcp {
    /// The servers that agents reach under `/mcp/{server}`.
    servers: BTreeMap<String, Server>,
}

/// A server that agents reach through us.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Where it is.
    url: String,
    /// The file that holds the token which it wants to see of us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bearer_file: Option<PathBuf>,
    /// The certificates that vouch for it, where those that the system trusts do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    /// A revision of the protocol that it is known to speak; found out where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
}

/// The longest token that is read from a file.
const BEARER_BYTES_MAX: u64 = 16 << 10;

impl Gateway {
    /// Refuses what no server can be called, or be reached by.
    pub(crate) fn check(&self, node: &Node, limits: &Limits) -> Result<(), Fault> {
        for (name, server) in &self.mcp.servers {
            let at = ["gateway", "mcp", "servers", name];
            let at = at.iter().try_fold(node, |node, name| node.get(name)).unwrap_or(node).at();
            let fault = |message: String| Fault::new(Code::ConfigValue, message).at(at);
            if !is_name(name) {
                return Err(fault(format!(
                    "`{name}` cannot name a server, expected letters, digits, `-` and `_`"
                )));
            }
            let alone = [(name.clone(), server.reached(None).map_err(|e| fault(e.to_string()))?)];
            let ready = McpServers::new(alone, limits).map_err(|(_, error)| error);
            let known = ready.and_then(|ready| server.known(name, ready));
            known.map_err(|error| fault(error.to_string()))?;
        }
        Ok(())
    }

    /// The servers' names and addresses.
    pub(crate) fn addresses(&self) -> Vec<(String, String)> {
        self.mcp.servers.iter().map(|(name, server)| (name.clone(), server.url.clone())).collect()
    }

    /// Whether there are any servers.
    pub(crate) fn has_servers(&self) -> bool {
        !self.mcp.servers.is_empty()
    }

    /// The servers, with their credentials.
    pub(crate) fn servers(&self, limits: &Limits) -> Result<McpServers, Failure> {
        let ready = self.mcp.servers.iter().map(|(name, server)| {
            let bearer = server.bearer_file.as_ref().map(read_bearer).transpose()?;
            let reached = server.reached(bearer);
            Ok((
                name.clone(),
                reached.map_err(|e| Failure::usage(Code::ConfigValue, e.to_string()))?,
            ))
        });
        let ready: Vec<_> = ready.collect::<Result<_, Failure>>()?;
        let unusable = |name: &str, error: ServerError| {
            let message = format!("the server `{name}` cannot be used: {error}");
            Failure::usage(Code::ConfigValue, message)
        };
        let ready = McpServers::new(ready, limits).map_err(|(name, e)| unusable(&name, e))?;
        let mut servers = self.mcp.servers.iter();
        servers.try_fold(ready, |ready, (name, server)| {
            server.known(name, ready).map_err(|error| unusable(name, error))
        })
    }
}

impl Server {
    fn reached(&self, bearer: Option<Secret>) -> Result<McpServer, ServerError> {
        let url = self.url.parse().map_err(|_| ServerError::Url { url: self.url.clone() })?;
        let headers = BTreeMap::new();
        Ok(McpServer::Http(McpAddress { url, bearer, headers, ca_file: self.ca_file.clone() }))
    }
}

impl Server {
    /// The same servers, with what is known of this one.
    fn known(&self, name: &str, ready: McpServers) -> Result<McpServers, ServerError> {
        match &self.protocol {
            Some(protocol) => ready.speaking(name, protocol),
            None => Ok(ready),
        }
    }
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn read_bearer(file: &PathBuf) -> Result<Secret, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file)
        .and_then(|file| file.take(BEARER_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| {
        let message = format!("the token in `{}` cannot be read: {error}", file.display());
        Failure::environment(Code::ConfigUnreadable, message)
    })?;
    Ok(Secret::new(bytes.trim_ascii().to_vec()))
}
