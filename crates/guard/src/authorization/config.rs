//! The shapes that authorization is written in.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bakerst_model::{AgentId, Code, Digest, Limits, UserId};
use serde::{Deserialize, Serialize, Serializer};

use crate::Registry;
use crate::document::{Fault, Node};

/// The section `authorization`.
#[derive(Clone, Debug, Serialize)]
pub struct Authorization {
    /// Who judges.
    #[serde(flatten)]
    pub engine: Engine,
    /// Who has which role.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: Arc<BTreeMap<String, Members>>,
}

/// Who judges.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Rego in this process.
    Rego(RegoSource),
    /// An OPA beside this process.
    Opa(Arc<OpaServer>),
}

/// Who has a role.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Members {
    /// Agents, by name.
    pub agents: Vec<String>,
    /// People, as applications name them.
    pub users: Vec<String>,
}

/// A policy in Rego.
#[derive(Clone, Debug, Serialize)]
pub struct RegoSource {
    /// The package whose `allow`, `deny` and `ask` count.
    pub package: String,
    /// Which Rego it is written in.
    pub syntax: Syntax,
    /// Its texts.
    pub modules: Vec<RegoModule>,
    /// Texts that hold tests alone. They have no part in decisions.
    #[serde(skip)]
    pub tests: Vec<RegoModule>,
}

/// One text of a policy.
#[derive(Clone, Debug)]
pub struct RegoModule {
    /// What to call it when something is wrong in it.
    pub name: String,
    /// The text.
    pub text: Arc<str>,
}

/// A module is known by its digest: the text itself is the operator's file.
impl Serialize for RegoModule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Known<'m> {
            name: &'m str,
            digest: Digest,
        }
        let digest = Digest::of(self.text.as_bytes());
        Known { name: &self.name, digest }.serialize(serializer)
    }
}

/// Which Rego a policy is written in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// That of OPA 1.0 and later: `allow if { … }`, `deny contains msg if { … }`.
    #[default]
    V1,
    /// The older one: `allow { … }`, `deny[msg] { … }`.
    V0,
}

/// An OPA to ask.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OpaServer {
    /// Where it listens.
    pub address: OpaAddress,
    /// The document that is asked for, as a path.
    pub path: String,
    /// How long it may take.
    pub timeout_millis: u64,
    /// How long an answer may be used again.
    pub cache_seconds: u64,
}

/// Where an OPA listens: beside us, as long as there is no TLS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OpaAddress {
    /// On loopback.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

impl fmt::Display for OpaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Serialize for OpaAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRego {
    package: Option<String>,
    #[serde(default)]
    syntax: Syntax,
    policy: Option<String>,
    file: Option<PathBuf>,
    #[serde(default)]
    files: Vec<PathBuf>,
    #[serde(default)]
    tests: Vec<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOpa {
    url: String,
    #[serde(default = "usual_path")]
    path: String,
    #[serde(default = "usual_timeout")]
    timeout_millis: u64,
    #[serde(default = "usual_cache")]
    cache_seconds: u64,
}

fn usual_path() -> String {
    "bakerst/authz".to_owned()
}

fn usual_timeout() -> u64 {
    250
}

fn usual_cache() -> u64 {
    5
}

/// The longest that a call may be held up by a remote policy.
const TIMEOUT_MILLIS_MAX: u64 = 10_000;
const FIELDS: [&str; 3] = ["rego", "opa", "roles"];

impl Authorization {
    /// Reads the section.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read(node: &Node, registry: &Registry, limits: &Limits) -> Result<Self, Fault> {
        node.fields(&FIELDS)?;
        let engine = match (node.get("rego"), node.get("opa")) {
            (Some(rego), None) => {
                let source = RegoSource::read(rego, "bakerst.authz", registry, limits);
                Engine::Rego(source.map_err(|fault| fault.at(rego.at()))?)
            }
            (None, Some(opa)) => Engine::Opa(Arc::new(OpaServer::read(opa)?)),
            (Some(_), Some(both)) => {
                return Err(
                    wrong("`rego` and `opa` are both given, and one must judge").at(both.at())
                );
            }
            (None, None) => {
                return Err(
                    wrong("expected `rego:` with a policy, or `opa:` with a server").at(node.at())
                );
            }
        };
        let roles: BTreeMap<String, Members> =
            node.get("roles").map(Node::read).transpose()?.unwrap_or_default();
        for (role, members) in &roles {
            check_members(members).map_err(|why| {
                let at = node.get("roles").and_then(|roles| roles.get(role)).unwrap_or(node).at();
                wrong(format!("the role `{role}` cannot be used: {why}")).at(at)
            })?;
        }
        Ok(Self { engine, roles: Arc::new(roles) })
    }
}

fn check_members(Members { agents, users }: &Members) -> Result<(), bakerst_model::IdError> {
    agents.iter().try_for_each(|agent| AgentId::parse(agent).map(drop))?;
    users.iter().try_for_each(|user| UserId::parse(user).map(drop))
}

impl RegoSource {
    /// Reads a policy: its text, or a mapping that says where its texts are.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read(
        node: &Node,
        package: &str,
        registry: &Registry,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        let raw = match node.as_text() {
            Some(text) => RawRego {
                package: None,
                syntax: Syntax::default(),
                policy: Some(text.to_owned()),
                file: None,
                files: Vec::new(),
                tests: Vec::new(),
            },
            None => node.read()?,
        };
        let RawRego { package: named, syntax, policy, file, files, tests } = raw;
        let load = |path: &PathBuf| {
            let name = path.display().to_string();
            match registry.text(path) {
                Some(text) => Ok(RegoModule { name, text }),
                None => Err(wrong(format!("the file `{name}` cannot be read here")).at(node.at())),
            }
        };
        let inline = policy.map(|text| RegoModule { name: "policy".into(), text: text.into() });
        let mut modules: Vec<_> = inline.into_iter().collect();
        for path in file.iter().chain(&files) {
            modules.push(load(path)?);
        }
        let tests: Vec<_> = tests.iter().map(load).collect::<Result<_, _>>()?;
        if modules.is_empty() {
            return Err(wrong("there is no policy in it: expected `policy`, `file` or `files`"));
        }
        let bytes: usize = modules.iter().chain(&tests).map(|module| module.text.len()).sum();
        let max = limits.rego_bytes_max;
        if bytes > max {
            let message = format!("{bytes} bytes are more than `rego_bytes_max` allows ({max})");
            return Err(wrong(message).at(node.at()));
        }
        let package = named.unwrap_or_else(|| package.to_owned());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !package.split('.').all(|part| !part.is_empty() && part.chars().all(plain)) {
            let message = format!("`{package}` is no package, expected one as `bakerst.authz`");
            return Err(wrong(message).at(node.get("package").unwrap_or(node).at()));
        }
        Ok(Self { package, syntax, modules, tests })
    }
}

impl OpaServer {
    fn read(node: &Node) -> Result<Self, Fault> {
        let RawOpa { url, path, timeout_millis, cache_seconds } = node.read()?;
        let at = |name: &str| node.get(name).unwrap_or(node).at();
        let address = read_address(&url).map_err(|fault| fault.at(at("url")))?;
        let path = path.trim_matches('/').to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !path.split('/').all(|part| !part.is_empty() && part.chars().all(plain)) {
            let message = format!("`{path}` is no path, expected one as `bakerst/authz`");
            return Err(wrong(message).at(at("path")));
        }
        if !(1..=TIMEOUT_MILLIS_MAX).contains(&timeout_millis) {
            let message = format!("`timeout_millis` is from 1 to {TIMEOUT_MILLIS_MAX}");
            return Err(wrong(message).at(at("timeout_millis")));
        }
        Ok(Self { address, path, timeout_millis, cache_seconds })
    }
}

fn read_address(url: &str) -> Result<OpaAddress, Fault> {
    if let Some(path) = url.strip_prefix("unix:") {
        return match path.strip_prefix("//").unwrap_or(path) {
            path if path.starts_with('/') => Ok(OpaAddress::Unix(path.into())),
            _ => Err(wrong(format!("`{url}` names no whole path, expected `unix:/run/opa.sock`"))),
        };
    }
    if url.starts_with("https://") {
        let message = "OPA over TLS is not built yet";
        let hint = "run OPA beside `bakerst`, on 127.0.0.1 or on a Unix socket";
        return Err(Fault::new(Code::ConfigNotBuilt, message).hint(hint));
    }
    let expected = "expected `http://127.0.0.1:8181` or `unix:/run/opa.sock`";
    let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
    let host = host.ok_or_else(|| wrong(format!("`{url}` is no address of an OPA, {expected}")))?;
    let address = match host.strip_prefix("localhost:").map(str::parse) {
        Some(Ok(port)) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        _ => host.parse().ok(),
    };
    match address {
        Some(address) if address.ip().is_loopback() => Ok(OpaAddress::Tcp(address)),
        Some(address) => Err(Fault::new(
            Code::TlsRequired,
            format!("`{address}` is not loopback, and OPA over TLS is not built yet"),
        )),
        None => Err(wrong(format!("`{url}` is no address of an OPA, {expected}"))),
    }
}

fn wrong(message: impl Into<String>) -> Fault {
    Fault::new(Code::ConfigValue, message)
}
