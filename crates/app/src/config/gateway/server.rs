//! A server behind the gateway, as it is configured: behind an address, or started by us.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bakerst_gateway::{McpAddress, McpServer, McpServers, ServerError};
use bakerst_model::{Limits, Secret};
use bakerst_sinks::{Keyring, SecretRef};
use hyper::Uri;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::children::{Program, Starter};
use crate::servers::{self, Launch, Remote};

/// A server that agents reach through us.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// How it is spoken with there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transport: Option<Transport>,
    /// The file that holds the token which it wants to see of us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bearer_file: Option<PathBuf>,
    /// The sealed secret that is this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bearer_secret: Option<String>,
    /// Headers that it wants to see of us.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, SecretRef>,
    /// The certificates that vouch for it, where those that the system trusts do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    /// The program that it is, and its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    /// Variables of its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    env: BTreeMap<String, Variable>,
    /// The folder that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cwd: Option<PathBuf>,
    /// A revision of the protocol that it is known to speak; found out where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
}

/// How a server behind an address is spoken with.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Transport {
    /// Streamable HTTP.
    Http,
    /// Two addresses, as in the first revision.
    Sse,
}

/// The value of a variable: itself, or where it is.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Variable {
    Plain(String),
    Secret(SecretRef),
}

impl<'de> Deserialize<'de> for Variable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Variable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or where a secret is, such as `{secret: NAME}`")
            }

            fn visit_str<E>(self, text: &str) -> Result<Variable, E> {
                Ok(Variable::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Variable, A::Error> {
                SecretRef::deserialize(MapAccessDeserializer::new(map)).map(Variable::Secret)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// What is wrong with a server, and in which field.
pub(super) type Wrong = (&'static str, String);

/// What a server is.
enum Kind<'s> {
    Address(&'s str),
    Program,
}

impl Server {
    /// Where it is, if it is behind an address.
    pub(super) fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// A credential that whoever is on the way to the server can read: in which setting, and where it
    /// goes.
    pub(super) fn credential_in_clear(&self) -> Option<(&'static str, &str)> {
        let url = self.url()?;
        let fields = [
            ("bearer_file", self.bearer_file.is_some()),
            ("bearer_secret", self.bearer_secret.is_some()),
            ("headers", !self.headers.is_empty()),
        ];
        let (field, _) = fields.into_iter().find(|(_, is_given)| *is_given)?;
        let parsed: Uri = url.parse().ok()?;
        (parsed.scheme_str() == Some("http") && !servers::is_here(&parsed)).then_some((field, url))
    }

    /// Refuses what no server can be, its secrets aside: they may be elsewhere than the
    /// configuration is checked.
    pub(super) fn check(&self, name: &str, limits: &Limits) -> Result<(), Wrong> {
        let none = McpServers::new([], limits).map_err(|(_, error)| blamed(&error))?;
        self.known(name, none)?;
        if let Kind::Address(url) = self.kind()? {
            let some = || Secret::new(b"x".to_vec());
            let headers = self.headers.keys().map(|name| (name.clone(), some())).collect();
            let alone = [(String::new(), self.address(url, None, headers)?)];
            McpServers::new(alone, limits).map_err(|(_, error)| blamed(&error))?;
        }
        Ok(())
    }

    /// The same servers, with what is known of this one.
    pub(super) fn known(&self, name: &str, ready: McpServers) -> Result<McpServers, Wrong> {
        match &self.protocol {
            Some(protocol) => ready.speaking(name, protocol).map_err(|error| blamed(&error)),
            None => Ok(ready),
        }
    }

    fn kind(&self) -> Result<Kind<'_>, Wrong> {
        let Self {
            url,
            transport,
            bearer_file,
            bearer_secret,
            headers,
            ca_file,
            command,
            env,
            cwd,
            protocol: _,
        } = self;
        let refused = |field, words: &str| Err((field, words.to_owned()));
        let of_addresses = [
            ("transport", transport.is_some()),
            ("bearer_file", bearer_file.is_some()),
            ("bearer_secret", bearer_secret.is_some()),
            ("headers", !headers.is_empty()),
            ("ca_file", ca_file.is_some()),
        ];
        let of_programs = [("env", !env.is_empty()), ("cwd", cwd.is_some())];
        let given = |fields: &[(&'static str, bool)]| {
            fields.iter().find(|(_, is_given)| *is_given).map(|(field, _)| *field)
        };
        match (url, command.is_empty()) {
            (Some(_), false) => refused("command", "a server has a `url` or a `command`, not both"),
            (None, true) => refused("url", "expected a `url`, or a `command` to start"),
            (Some(url), true) => match given(&of_programs) {
                Some(field) => refused(field, "only a server with a `command` is started by us"),
                None if bearer_file.is_some() && bearer_secret.is_some() => {
                    refused("bearer_secret", "expected one of `bearer_file` and `bearer_secret`")
                }
                None => Ok(Kind::Address(url)),
            },
            (None, false) => {
                if let Some(field) = given(&of_addresses) {
                    return refused(field, "only a server with a `url` is behind an address");
                }
                if cwd.as_ref().is_some_and(|folder| !folder.is_absolute()) {
                    return refused("cwd", "expected a path from the root, such as `/srv/tools`");
                }
                let is_name =
                    |name: &String| !name.is_empty() && !name.contains('=') && !name.contains('\0');
                if command.first().is_some_and(String::is_empty)
                    || command.iter().any(|word| word.contains('\0'))
                {
                    return refused("command", "expected a program and its arguments");
                }
                match env.keys().all(is_name) {
                    true => Ok(Kind::Program),
                    false => refused("env", "a variable's name is not empty and holds no `=`"),
                }
            }
        }
    }

    /// The server, with its credentials.
    pub(super) fn ready(
        &self,
        name: &str,
        keyring: &dyn Keyring,
        starter: &Arc<Starter>,
    ) -> Result<McpServer, Wrong> {
        match self.kind()? {
            Kind::Address(url) => {
                self.address(url, self.bearer(keyring)?, self.header_secrets(keyring)?)
            }
            Kind::Program => {
                let program = Program {
                    name: name.to_owned(),
                    command: self.command.clone(),
                    variables: self.variables(keyring)?,
                    folder: self.cwd.clone(),
                    starter: starter.clone(),
                };
                Ok(McpServer::Program(Arc::new(program)))
            }
        }
    }

    /// The server as it is asked by somebody who is no client.
    pub(super) fn asked(
        &self,
        name: &str,
        keyring: &dyn Keyring,
    ) -> Result<servers::Server, Wrong> {
        let text = |field: &'static str, secret: &Secret| {
            let text = std::str::from_utf8(secret.expose()).map(str::to_owned);
            text.map_err(|_| (field, format!("what `{field}` names is no text")))
        };
        match self.kind()? {
            Kind::Address(_) if self.transport == Some(Transport::Sse) => {
                let why = "only its clients speak the transport of separate addresses; hand in its \
                           list with `bakerst policy pin --tools`";
                Err(("transport", why.to_owned()))
            }
            Kind::Address(url) => {
                let mut headers = BTreeMap::new();
                for (name, secret) in self.header_secrets(keyring)? {
                    headers.insert(name, text("headers", &secret)?);
                }
                if let Some(bearer) = self.bearer(keyring)? {
                    let bearer = format!("Bearer {}", text("bearer_secret", &bearer)?);
                    headers.insert("authorization".to_owned(), bearer);
                }
                let (name, url, ca_file) = (name.to_owned(), url.to_owned(), self.ca_file.clone());
                Ok(servers::Server::Address(Remote { name, url, headers, ca_file }))
            }
            Kind::Program => {
                let mut variables = BTreeMap::new();
                for (name, secret) in self.variables(keyring)? {
                    variables.insert(name, text("env", &secret)?);
                }
                let (name, command, folder) =
                    (name.to_owned(), self.command.clone(), self.cwd.clone());
                Ok(servers::Server::Program(Launch { name, command, variables, folder }))
            }
        }
    }

    /// The token that it wants to see.
    fn bearer(&self, keyring: &dyn Keyring) -> Result<Option<Secret>, Wrong> {
        let sealed = self.bearer_secret.as_ref().map(|secret| {
            let place = SecretRef { secret: Some(secret.clone()), ..SecretRef::default() };
            ("bearer_secret", place)
        });
        let file = self.bearer_file.as_ref().map(|file| {
            let place = SecretRef { file: Some(file.clone()), ..SecretRef::default() };
            ("bearer_file", place)
        });
        sealed.or(file).map(|(field, place)| fetched(field, &place, keyring)).transpose()
    }

    fn header_secrets(&self, keyring: &dyn Keyring) -> Result<BTreeMap<String, Secret>, Wrong> {
        let headers = self.headers.iter();
        headers
            .map(|(name, place)| Ok((name.clone(), fetched("headers", place, keyring)?)))
            .collect()
    }

    fn variables(&self, keyring: &dyn Keyring) -> Result<BTreeMap<String, Secret>, Wrong> {
        let variables = self.env.iter().map(|(name, value)| {
            let value = match value {
                Variable::Plain(text) => Secret::new(text.clone().into_bytes()),
                Variable::Secret(place) => fetched("env", place, keyring)?,
            };
            match value.expose().contains(&0) {
                true => Err(("env", format!("the variable `{name}` would hold a zero byte"))),
                false => Ok((name.clone(), value)),
            }
        });
        variables.collect()
    }

    fn address(
        &self,
        url: &str,
        bearer: Option<Secret>,
        headers: BTreeMap<String, Secret>,
    ) -> Result<McpServer, Wrong> {
        let none = || ServerError::Url { url: url.to_owned() };
        let url = url.parse().map_err(|_| ("url", none().to_string()))?;
        let address = McpAddress { url, bearer, headers, ca_file: self.ca_file.clone() };
        Ok(match self.transport {
            None | Some(Transport::Http) => McpServer::Http(address),
            Some(Transport::Sse) => McpServer::Sse(address),
        })
    }
}

fn fetched(field: &'static str, place: &SecretRef, keyring: &dyn Keyring) -> Result<Secret, Wrong> {
    place.fetch(field, keyring).map_err(|error| (field, error.to_string()))
}

/// An error, and the field that is to blame.
fn blamed(error: &ServerError) -> Wrong {
    let field = match error {
        ServerError::Url { .. } => "url",
        ServerError::Tls { .. } | ServerError::NeedlessRoots => "ca_file",
        ServerError::Revision { .. } => "protocol",
        ServerError::Bearer => "bearer_file",
        ServerError::Header { .. } => "headers",
    };
    (field, error.to_string())
}
