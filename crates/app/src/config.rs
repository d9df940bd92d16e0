//! The configuration: one file, read whole or not at all.

mod audit;
pub(crate) mod changes;
mod gateway;
mod identity;
pub(crate) mod lock;
mod model_folder;
mod rates;
mod sinks;
mod source;
#[cfg(test)]
mod tests;
mod written;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use bakerst_audit::sealed_input::SEALED_INPUT_BYTES_MAX;
use bakerst_guard::authorization::named_files;
use bakerst_guard::cases::PolicyCase;
use bakerst_guard::document::{Fault, Node};
use bakerst_guard::rate::Rates;
use bakerst_guard::{Policy, PolicySource, Registry, Sections, rails};
use bakerst_model::{Code, Limits};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
pub(crate) use audit::{Audit, Disk, Erasure, Retention, SealedInput, WhenLow};
pub(crate) use identity::{Identity, Jwt};
use source::Source;
use written::Text;
pub(crate) use written::{Written, read_policy_tests};

/// Sections whose settings nothing would enforce yet.
const NOT_BUILT: [&str; 7] =
    ["tenants", "budget", "models", "approvals", "sandbox", "cluster", "telemetry"];
const BUILT: [&str; 15] = [
    "identity",
    "rate_limits",
    "listen",
    "enforcement",
    "durability",
    "guardrails",
    "tools",
    "authorization",
    "agents",
    "pins",
    "policy_tests",
    "limits",
    "audit",
    "secrets",
    "gateway",
];

/// The deepest nesting that the JSON reader can be told to follow.
const JSON_DEPTH_MAX: usize = bakerst_model::json::DEPTH_CEILING;

/// What a configuration comes to, every default filled in.
#[derive(Debug, Serialize)]
pub(crate) struct Config {
    /// Where it was read from; nothing for the built-in one.
    #[serde(skip)]
    pub(crate) file: Option<PathBuf>,
    /// Where to listen.
    pub(crate) listen: Listen,
    /// Whether calls are judged at all.
    pub(crate) enforcement: Enforcement,
    /// What "recorded" means.
    pub(crate) durability: Durability,
    /// The bounds on what outsiders can make grow.
    pub(crate) limits: Limits,
    /// What becomes of records.
    pub(crate) audit: Audit,
    /// Where secrets are.
    pub(crate) secrets: Secrets,
    /// The servers behind the gateway.
    pub(crate) gateway: gateway::Gateway,
    /// Whose tokens are good, beside our own.
    pub(crate) identity: Identity,
    /// How often calls may be made.
    pub(crate) rate_limits: Rates,
    /// The policy.
    #[serde(flatten)]
    pub(crate) policy: PolicySource,
    /// The texts that the policy was read from.
    #[serde(skip)]
    pub(crate) written: Written,
}

/// Where to listen.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    /// For TCP; loopback only, as long as there is no TLS.
    pub(crate) address: SocketAddr,
    /// Whether the hook door also listens on a Unix socket in the state folder.
    pub(crate) socket: bool,
}

impl Default for Listen {
    fn default() -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], 8731)), socket: true }
    }
}

/// Whether calls are judged at all.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Enforcement {
    /// They are.
    #[default]
    On,
    /// Consumer mode: hooks that do nothing.
    Off,
}

/// What "recorded" means.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// On the disk, before the answer.
    #[default]
    Strict,
    /// With the operating system before the answer, on the disk a moment later.
    Batched,
}

/// Where secrets are.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Secrets {
    /// The key that seals the others; in the configuration folder unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) master_key_file: Option<PathBuf>,
}

impl Config {
    /// Reads the configuration: the file that is named, else the one in the configuration folder,
    /// else the built-in one.
    pub(crate) fn load(named: Option<&Path>) -> Result<Self, Failure> {
        match named {
            Some(path) => Self::read(&Source::read(path)?),
            None => {
                let usual = crate::paths::config_folder().join("bakerst.yaml");
                if usual.exists() { Self::read(&Source::read(&usual)?) } else { Self::built_in() }
            }
        }
    }

    fn built_in() -> Result<Self, Failure> {
        Self::read(&Source::built_in())
    }

    /// The lock that it names, as a path from here.
    pub(crate) fn lock_file(&self) -> Option<PathBuf> {
        let named = self.policy.pins.as_ref()?.file();
        let folder = self.file.as_deref().and_then(Path::parent);
        Some(folder.map_or_else(|| named.into(), |folder| folder.join(named)))
    }

    /// Compiles the policy; a policy that cannot be compiled is reported as its file's fault.
    pub(crate) fn compile(&self) -> Result<Policy, Failure> {
        let compiled = Policy::compile(self.policy.clone(), self.limits.clone());
        compiled.map_err(|fault| {
            let file = self.file.as_ref().map(|file| file.display().to_string());
            let mut failure = Failure::usage(fault.code, fault.message);
            failure.message.extend(file.map(|file| format!(" (in {file})")));
            failure.hint = fault.hint;
            failure
        })
    }

    fn read(source: &Source) -> Result<Self, Failure> {
        let node = source.parse()?;
        if node.get("kind").and_then(Node::as_text) == Some("ConfigMap") {
            let inner = source.config_map_entry(&node)?;
            return Self::read(&inner);
        }
        let config = match node.get("chain") {
            // A bare file of guardrails; everything else is as usual.
            Some(_) => {
                let chain = Text { source: source.clone(), node };
                let registry = registry(source, None, Some(&chain.node))?;
                Self::of_parts(source, Node::empty(), Some(chain), &registry)
            }
            None => Self::of_sections(node, source)?,
        };
        config.map_err(|fault| source.failure(fault))
    }

    fn of_sections(node: Node, source: &Source) -> Result<Result<Self, Fault>, Failure> {
        let known = [BUILT.as_slice(), NOT_BUILT.as_slice()].concat();
        let fields = node.fields(&known).map_err(|fault| source.failure(fault))?;
        for (name, section) in fields {
            if NOT_BUILT.contains(&name) {
                let message = format!("the section `{name}` is not built yet");
                let fault = Fault::new(Code::ConfigNotBuilt, message).at(section.at());
                return Err(source.failure(fault.hint("leave it out: it would not be enforced")));
            }
        }
        let guardrails = node.get("guardrails");
        match guardrails.and_then(|section| section.get("file")) {
            None => {
                let chain = guardrails.cloned();
                let chain = chain.map(|node| Text { source: source.clone(), node });
                let written = chain.as_ref().map(|chain| &chain.node);
                let registry = registry(source, node.get("authorization"), written)?;
                Ok(Self::of_parts(source, node, chain, &registry))
            }
            Some(file) => {
                let outer = guardrails.unwrap_or(&node);
                let path = outer
                    .fields(&["file"])
                    .and_then(|_| file.read::<PathBuf>())
                    .map_err(|fault| source.failure(fault))?;
                let inner = source.beside(&path)?;
                let chain = inner.guardrails_text()?;
                // Faults inside the guardrails are that file's, so it is read for itself first.
                let limits = section(&node, "limits").map_err(|fault| source.failure(fault))?;
                let registry = registry(source, node.get("authorization"), Some(&chain.node))?;
                PolicySource::read(Some(&chain.node), node.get("tools"), &registry, &limits)
                    .map_err(|fault| chain.source.failure(fault))?;
                Ok(Self::of_parts(source, node, Some(chain), &registry))
            }
        }
    }

    fn of_parts(
        source: &Source,
        node: Node,
        chain: Option<Text>,
        registry: &Registry,
    ) -> Result<Self, Fault> {
        let limits: Limits = section(&node, "limits")?;
        let lock = lock::of_section(source, node.get("pins"), &limits)?;
        let sections = Sections {
            guardrails: chain.as_ref().map(|text| &text.node),
            pins: node.get("pins").zip(lock.as_ref()),
            ..Sections::of(&node)
        };
        let config = Self {
            file: source.path().map(Path::to_owned),
            listen: section(&node, "listen")?,
            enforcement: section(&node, "enforcement")?,
            durability: section(&node, "durability")?,
            audit: Audit::read(node.get("audit"))?,
            secrets: section(&node, "secrets")?,
            gateway: section(&node, "gateway")?,
            identity: section(&node, "identity")?,
            rate_limits: rates::of_section(&node)?,
            policy: PolicySource::read_sections(&sections, registry, &limits)?,
            limits,
            written: Written { sections: Text { source: source.clone(), node }, guardrails: chain },
        };
        config.check(&config.written.sections.node)?;
        // Tests are run when somebody asks, but a slip in one is said at once.
        if let Some(tests) = config.written.sections.node.get("policy_tests") {
            PolicyCase::read_list(tests, &config.limits)?;
        }
        Ok(config)
    }

    fn check(&self, node: &Node) -> Result<(), Fault> {
        let Limits { json_depth_max, sealed_input_bytes_max, .. } = self.limits;
        let bounds = [
            ("json_depth_max", json_depth_max, JSON_DEPTH_MAX),
            ("sealed_input_bytes_max", sealed_input_bytes_max, SEALED_INPUT_BYTES_MAX),
        ];
        if let Some((name, _, most)) = bounds.into_iter().find(|(_, set, most)| set > most) {
            let message = format!("`{name}` is at most {most}");
            let at = node.get("limits").and_then(|limits| limits.get(name));
            return Err(Fault::new(Code::ConfigValue, message).at(at.unwrap_or(node).at()));
        }
        self.gateway.check(node, &self.limits)?;
        self.identity.check(node)?;
        check_address(self.listen.address.ip())
            .map_err(|fault| fault.at(node.get("listen").unwrap_or(node).at()))
    }
}

/// What a policy may name: the custom guardrails of this build, and the texts of the files that it
/// is spread over, which stand beside the configuration.
fn registry(
    source: &Source,
    authorization: Option<&Node>,
    guardrails: Option<&Node>,
) -> Result<Registry, Failure> {
    let sections = Sections { authorization, guardrails, ..Sections::default() };
    let files = named_files(&sections).map_err(|fault| source.failure(fault))?;
    let known = rails::custom().reading_models(model_folder::read);
    files.into_iter().try_fold(known, |registry, path: PathBuf| {
        let text = source.beside(&path)?.into_text();
        Ok(registry.with_text(path, text))
    })
}

/// Off loopback, TLS is required; as long as there is none, only loopback will do.
pub(crate) fn check_address(ip: IpAddr) -> Result<(), Fault> {
    match ip.is_loopback() {
        true => Ok(()),
        false => {
            let message = format!("`{ip}` is not loopback, and TLS is not built yet");
            Err(Fault::new(Code::TlsRequired, message))
        }
    }
}

fn section<T: serde::de::DeserializeOwned + Default>(node: &Node, name: &str) -> Result<T, Fault> {
    node.get(name).map(Node::read).transpose().map(Option::unwrap_or_default)
}
