//! The shapes that policies are written in.

mod conflicts;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bakerst_detect::pattern::{Pattern, compile_regex};
use bakerst_model::{Code, Limits};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agents::Agents;
use crate::args::ArgRules;
use crate::authorization::{Authorization, RegoSource};
use crate::document::{Fault, Node};
use crate::flow::{Reads, Sends};
use crate::pins::Pins;
use crate::rails::{self, BUILT_IN};
use crate::{CommandPlace, Guardrail, Mode, OnError, Registry};

/// A policy as it is written, with every default filled in.
#[derive(Clone, Debug, Serialize)]
pub struct PolicySource {
    /// The chain and what goes with it.
    pub guardrails: Guardrails,
    /// The tools there are.
    pub tools: BTreeMap<String, ToolEntry>,
    /// The security team's own policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization: Option<Authorization>,
    /// What each agent may do; where nothing is said, all may call all tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agents: Option<Agents>,
    /// The tools as they were approved; where nothing is said, none needs to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
}

/// The chain, the lists that go with it, and the examples that it must agree with.
#[derive(Clone, Debug, Serialize)]
pub struct Guardrails {
    /// The guardrails in order.
    pub chain: Vec<RailEntry>,
    /// The programs that a command tool may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_allowlist: Option<Vec<String>>,
    /// Amounts over which a person decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Threshold>,
    /// Calls that must be allowed, or the policy does not load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must_allow: Vec<Example>,
    /// Calls that a person must be asked about, or the policy does not load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must_ask: Vec<Example>,
    /// Calls that must be denied, or the policy does not load.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub must_deny: Vec<Example>,
}

/// One guardrail of a chain.
#[derive(Clone, Debug, Serialize)]
pub struct RailEntry {
    /// Its name.
    pub name: String,
    /// `rust` or `rego` for a custom guardrail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Whether it is in the chain at all.
    pub enabled: bool,
    /// Whether its word counts.
    pub mode: Mode,
    /// What becomes of a call that it cannot judge.
    pub on_error: OnError,
    /// Its own settings.
    pub config: RailConfig,
}

/// How a custom guardrail is written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// In Rust, in this binary.
    Rust,
    /// In Rego.
    Rego,
    /// Behind HTTP.
    Http,
}

/// A guardrail's own settings.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum RailConfig {
    /// Of `prompt-injection`.
    PromptInjection(rails::prompt_injection::Config),
    /// Of `schema-validation`.
    SchemaValidation(rails::schema_validation::Config),
    /// Of `tool-policy`.
    ToolPolicy(rails::tool_policy::Config),
    /// Of `destructive-gate`.
    DestructiveGate(rails::destructive_gate::Config),
    /// Of `authorization`.
    Authorization(rails::authorization::Config),
    /// Of `flow-control`.
    FlowControl(rails::flow_control::Config),
    /// Of `human-approval`.
    HumanApproval(rails::human_approval::Config),
    /// Of `output-sanitization`.
    OutputSanitization(rails::output_sanitization::Config),
    /// Of a custom guardrail in Rego.
    Rego(RegoSource),
    /// Of a custom guardrail, and the guardrail that it made.
    Custom(CustomRail),
}

/// A custom guardrail: its settings as written, and itself.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct CustomRail {
    config: Value,
    #[serde(skip)]
    pub(crate) guardrail: Arc<dyn Guardrail>,
}

impl fmt::Debug for CustomRail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomRail({})", self.config)
    }
}

/// A tool as a policy declares it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ToolEntry {
    /// What it can do.
    pub risk: Risk,
    /// Whether a person must approve each call; by default, of destructive tools.
    #[serde(default, alias = "requiresApproval", skip_serializing_if = "Option::is_none")]
    pub requires_approval: Option<bool>,
    /// Where its input holds a command: commands are read, and held against
    /// `command_allowlist`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandPlace>,
    /// What its arguments must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Where its output comes from; by default, from anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// Whether it carries what it is given to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<Sends>,
    /// Whether it changes anything that matters; by default, told by `risk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
    /// The arguments that say where something goes or what is acted upon, beside those that show it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<String>,
    /// Arguments that look like destinations and are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub harmless: Vec<String>,
    /// What else is asked of its arguments, place by place.
    #[serde(default, skip_serializing_if = "ArgRules::is_empty")]
    pub args: ArgRules,
}

/// What a tool can do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// It looks.
    Read,
    /// It changes what can be changed back.
    Write,
    /// It touches what matters: money, messages, access, commands.
    Sensitive,
    /// It changes what cannot be changed back.
    Destructive,
}

impl Risk {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sensitive => "sensitive",
            Self::Destructive => "destructive",
        }
    }
}

/// An amount over which a person decides.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The tool.
    pub tool: String,
    /// Where its input holds the amount, as a JSON pointer.
    pub arg: String,
    /// The largest amount that needs no approval.
    pub over: f64,
}

/// A call that a policy must judge as its author says.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The tool.
    pub tool: String,
    /// Its input.
    #[serde(default)]
    pub input: Value,
    /// The agent, where it matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// Words, or `{regex: …}`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "RawPattern", into = "RawPattern")]
pub struct PatternEntry(Pattern);

#[derive(Deserialize, Serialize)]
#[serde(untagged, expecting = "expected words, or `regex:` with a regular expression")]
enum RawPattern {
    Words(String),
    Regex(RegexPattern),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RegexPattern {
    regex: String,
}

impl TryFrom<RawPattern> for PatternEntry {
    type Error = String;

    fn try_from(raw: RawPattern) -> Result<Self, String> {
        match raw {
            RawPattern::Words(words) if words.trim().is_empty() => {
                Err("the pattern is empty".to_owned())
            }
            RawPattern::Words(words) => Ok(Self(Pattern::Words(words))),
            RawPattern::Regex(RegexPattern { regex }) => {
                compile_regex(&regex).map_err(|e| e.to_string())?;
                Ok(Self(Pattern::Regex(regex)))
            }
        }
    }
}

impl From<PatternEntry> for RawPattern {
    fn from(PatternEntry(pattern): PatternEntry) -> Self {
        match pattern {
            Pattern::Words(words) => Self::Words(words),
            Pattern::Regex(regex) => Self::Regex(RegexPattern { regex }),
        }
    }
}

pub(crate) fn compiled(patterns: &[PatternEntry]) -> Vec<Pattern> {
    patterns.iter().map(|PatternEntry(pattern)| pattern.clone()).collect()
}

const GUARDRAILS_FIELDS: [&str; 6] =
    ["chain", "command_allowlist", "thresholds", "must_allow", "must_ask", "must_deny"];
const RAIL_FIELDS: [&str; 6] = ["name", "kind", "enabled", "mode", "on_error", "config"];

impl Guardrails {
    /// Reads the mapping that has `chain` in it.
    ///
    /// # Errors
    /// Says what does not fit, and where.
    pub fn read(node: &Node, registry: &Registry, limits: &Limits) -> Result<Self, Fault> {
        node.fields(&GUARDRAILS_FIELDS)?;
        let Some(chain) = node.get("chain") else {
            let fault = Fault::new(Code::ConfigValue, "the field `chain` is missing");
            return Err(fault.at(node.at()));
        };
        conflicts::refuse_in_lists(node)?;
        Ok(Self {
            chain: read_chain(chain, registry, limits)?,
            command_allowlist: read_field(node, "command_allowlist")?,
            thresholds: read_field(node, "thresholds")?.unwrap_or_default(),
            must_allow: read_field(node, "must_allow")?.unwrap_or_default(),
            must_ask: read_field(node, "must_ask")?.unwrap_or_default(),
            must_deny: read_field(node, "must_deny")?.unwrap_or_default(),
        })
    }
}

fn read_field<T: serde::de::DeserializeOwned>(node: &Node, name: &str) -> Result<Option<T>, Fault> {
    node.get(name).map(Node::read).transpose()
}

fn read_chain(node: &Node, registry: &Registry, limits: &Limits) -> Result<Vec<RailEntry>, Fault> {
    let mut chain: Vec<RailEntry> = Vec::new();
    for item in node.items()? {
        let entry = RailEntry::read(item, registry, limits)?;
        if chain.iter().any(|earlier| earlier.name == entry.name) {
            let message = format!("the guardrail `{}` is in the chain twice", entry.name);
            return Err(Fault::new(Code::ConfigValue, message).at(item.at()));
        }
        let (got, max) = (entry.config.longest_list(), limits.patterns_max);
        if got > max {
            let message = format!("{got} patterns are more than `patterns_max` allows ({max})");
            return Err(Fault::new(Code::ConfigValue, message).at(item.at()));
        }
        chain.push(entry);
    }
    if chain.len() > limits.guardrails_max {
        let (got, max) = (chain.len(), limits.guardrails_max);
        let message = format!("{got} guardrails are more than `guardrails_max` allows ({max})");
        return Err(Fault::new(Code::ConfigValue, message).at(node.at()));
    }
    Ok(chain)
}

impl RailEntry {
    /// A built-in guardrail as it is when a policy says nothing about it.
    pub(crate) fn implied(name: &str, config: RailConfig) -> Self {
        Self {
            name: name.to_owned(),
            kind: None,
            enabled: true,
            mode: Mode::Enforce,
            on_error: OnError::Deny,
            config,
        }
    }

    fn read(node: &Node, registry: &Registry, limits: &Limits) -> Result<Self, Fault> {
        node.fields(&RAIL_FIELDS)?;
        let name: String = read_field(node, "name")?.ok_or_else(|| {
            Fault::new(Code::ConfigValue, "the field `name` is missing").at(node.at())
        })?;
        let name_at = node.get("name").map_or(node.at(), Node::at);
        let kind = read_field(node, "kind")?;
        let none = Node::empty();
        let config = node.get("config").unwrap_or(&none);
        Ok(Self {
            config: RailConfig::read(&name, kind, config, registry, limits)
                .map_err(|fault| fault.at(name_at))?,
            name,
            kind,
            enabled: read_field(node, "enabled")?.unwrap_or(true),
            mode: read_field(node, "mode")?.unwrap_or_default(),
            on_error: read_field(node, "on_error")?.unwrap_or_default(),
        })
    }
}

impl RailConfig {
    fn longest_list(&self) -> usize {
        match self {
            Self::PromptInjection(config) => config.longest_list(),
            Self::DestructiveGate(config) => config.longest_list(),
            Self::OutputSanitization(config) => config.longest_list(),
            Self::SchemaValidation(_)
            | Self::ToolPolicy(_)
            | Self::FlowControl(_)
            | Self::Authorization(_)
            | Self::Rego(_)
            | Self::HumanApproval(_)
            | Self::Custom(_) => 0,
        }
    }

    fn read(
        name: &str,
        kind: Option<Kind>,
        node: &Node,
        registry: &Registry,
        limits: &Limits,
    ) -> Result<Self, Fault> {
        match (kind, name) {
            (Some(Kind::Rust | Kind::Rego), _) if BUILT_IN.contains(&name) => Err(Fault::new(
                Code::ConfigValue,
                format!("`{name}` is built in and takes no `kind`"),
            )),
            (Some(Kind::Rust), _) => Ok(Self::Custom(CustomRail {
                config: node.read()?,
                guardrail: registry.make(name, node)?,
            })),
            (Some(Kind::Rego), _) => {
                let package = format!("bakerst.{}", name.replace('-', "_"));
                Ok(Self::Rego(RegoSource::read(node, &package, registry, limits)?))
            }
            (Some(Kind::Http), _) => Err(not_built("guardrails of this `kind`")),
            (None, "prompt-injection") => {
                rails::prompt_injection::Config::read(node, registry, limits)
                    .map(Self::PromptInjection)
            }
            (None, "schema-validation") => Ok(Self::SchemaValidation(node.read()?)),
            (None, "tool-policy") => Ok(Self::ToolPolicy(node.read()?)),
            (None, "destructive-gate") => Ok(Self::DestructiveGate(node.read()?)),
            (None, "authorization") => Ok(Self::Authorization(node.read()?)),
            (None, "flow-control") => Ok(Self::FlowControl(node.read()?)),
            (None, "human-approval") => Ok(Self::HumanApproval(node.read()?)),
            (None, "output-sanitization") => Ok(Self::OutputSanitization(node.read()?)),
            (None, name) => Err(Fault::unknown_name("guardrail", name, &BUILT_IN)),
        }
    }
}

fn not_built(what: &str) -> Fault {
    Fault::new(Code::ConfigNotBuilt, format!("{what} is not built yet"))
        .hint("leave it out: it would not be enforced")
}

pub(crate) use conflicts::refuse_between_tools_and_agents;

/// Reads the mapping of tools.
///
/// # Errors
/// Says what does not fit, and where.
pub(crate) fn read_tools(
    node: &Node,
    limits: &Limits,
) -> Result<BTreeMap<String, ToolEntry>, Fault> {
    let tools: BTreeMap<String, ToolEntry> = node.read()?;
    if tools.len() > limits.tools_max {
        let (got, max) = (tools.len(), limits.tools_max);
        let message = format!("{got} tools are more than `tools_max` allows ({max})");
        return Err(Fault::new(Code::ConfigValue, message).at(node.at()));
    }
    for (name, entry) in &tools {
        let fault = |message: String| {
            let at = node.get(name).map_or(node.at(), Node::at);
            Fault::new(Code::ConfigValue, message).at(at)
        };
        if let Err(why) = bakerst_model::ToolName::parse(name) {
            return Err(fault(format!("this tool's name cannot be used: {why}")));
        }
        if let Some(schema) = &entry.schema {
            rails::schema_validation::compile(schema)
                .map_err(|why| fault(format!("the schema of `{name}` cannot be used: {why}")))?;
        }
        let (got, max) = (entry.args.iter().count(), limits.patterns_max);
        if got > max {
            return Err(fault(format!("{got} rules are more than `patterns_max` allows ({max})")));
        }
    }
    Ok(tools)
}
