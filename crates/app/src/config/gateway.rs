//! The servers behind the gateway.

mod server;

use std::collections::BTreeMap;

use bakerst_gateway::McpServers;
use bakerst_guard::document::{Fault, Node};
use bakerst_model::{Code, Limits};
use bakerst_sinks::Keyring;
use serde::{Deserialize, Serialize};

use crate::children::Starter;
use crate::failure::Failure;
use crate::servers;
use server::Server;

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

impl Gateway {
    /// Refuses what no server can be called, or be reached by.
    pub(crate) fn check(&self, node: &Node, limits: &Limits) -> Result<(), Fault> {
        for (name, server) in &self.mcp.servers {
            let at = ["gateway", "mcp", "servers", name];
            let at = at.iter().try_fold(node, |node, name| node.get(name)).unwrap_or(node);
            let fault = |message: String| Fault::new(Code::ConfigValue, message).at(at.at());
            if !is_name(name) {
                return Err(fault(format!(
                    "`{name}` cannot name a server, expected letters, digits, `-` and `_`"
                )));
            }
            server.check(name, limits).map_err(|(field, message)| {
                let at = at.get(field).unwrap_or(at).at();
                Fault::new(Code::ConfigValue, message).at(at)
            })?;
        }
        Ok(())
    }

    /// The names and addresses of servers that are behind one.
    pub(crate) fn addresses(&self) -> Vec<(String, String)> {
        let servers = self.mcp.servers.iter();
        servers
            .filter_map(|(name, server)| Some((name.clone(), server.url()?.to_owned())))
            .collect()
    }

    /// What an operator should know before relying on these servers.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let servers = self.mcp.servers.iter();
        let in_clear =
            servers.filter_map(|(name, server)| Some((name, server.credential_in_clear()?)));
        in_clear
            .map(|(name, (field, url))| {
                let (code, remedy) = (Code::CredentialInClear, Code::CredentialInClear.remedy());
                format!(
                    "{code} the server `{name}` gets its `{field}` at `{url}`, where whoever is on the way reads it: {remedy}"
                )
            })
            .collect()
    }

    /// A server as it is asked by somebody who is no client, with its credentials.
    pub(crate) fn asked(
        &self,
        name: &str,
        keyring: &dyn Keyring,
    ) -> Option<Result<servers::Server, Failure>> {
        let server = self.mcp.servers.get(name)?;
        Some(server.asked(name, keyring).map_err(|(_, why)| unusable(name, why)))
    }

    /// Whether there are any servers.
    pub(crate) fn has_servers(&self) -> bool {
        !self.mcp.servers.is_empty()
    }

    /// The servers, with their credentials.
    pub(crate) fn servers(
        &self,
        limits: &Limits,
        keyring: &dyn Keyring,
    ) -> Result<McpServers, Failure> {
        let starter = Starter::new()
            .map_err(|e| Failure::environment(Code::ServerNotStarted, e.to_string()))?;
        let ready = self.mcp.servers.iter().map(|(name, server)| {
            let ready = server.ready(name, keyring, &starter);
            Ok((name.clone(), ready.map_err(|(_, why)| unusable(name, why))?))
        });
        let ready: Vec<_> = ready.collect::<Result<_, Failure>>()?;
        let ready = McpServers::new(ready, limits);
        let ready = ready.map_err(|(name, error)| unusable(&name, error))?;
        let mut servers = self.mcp.servers.iter();
        servers.try_fold(ready, |ready, (name, server)| {
            server.known(name, ready).map_err(|(_, why)| unusable(name, why))
        })
    }
}

fn unusable(name: &str, why: impl std::fmt::Display) -> Failure {
    Failure::usage(Code::ConfigValue, format!("the server `{name}` cannot be used: {why}"))
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
