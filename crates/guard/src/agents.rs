//! What each agent may do: which tools, with which arguments, towards whom, and when a person is
//! asked.
//!
//! Agents are named by patterns. The most specific one counts, alone; two of which neither is more
//! specific are refused, since nobody could tell which of them counts. `default` is for calls that
//! name no agent, and for agents that no other pattern matches. Where there is no `default`, an
//! agent that nothing matches may do nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bakerst_model::{AgentId, Code, Limits};
use serde::{Deserialize, Serialize};

use crate::args::ArgRules;
use crate::args::host::HostPattern;
use crate::config::Risk;
use crate::document::{Fault, Node, Position};
use crate::glob::Glob;

mod ceilings;
mod conflicts;
mod egress;

pub use ceilings::{Budget, Resources, TimeCaps};

/// The name that stands for calls without an agent, and for all agents that nothing else matches.
pub const DEFAULT: &str = "default";

/// The agents of a policy, by pattern.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Agents(BTreeMap<Glob, AgentEntry>);

/// What one agent may do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AgentEntry {
    /// The tools that it may call.
    pub tools: Vec<Glob>,
    /// Tools that it may not call, whatever `tools` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<Glob>,
    /// What becomes of a call of any other tool.
    #[serde(default)]
    pub outside: Outside,
    /// The riskiest tools that it may call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_max: Option<Risk>,
    /// Tools whose calls a person must approve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires_approval: Vec<Glob>,
    /// The risk from which on a person must approve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_from: Option<Risk>,
    /// What arguments must look like, by patterns of tools; beside what the tools say themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<Glob, ArgRules>,
    /// The hosts that addresses in its calls may reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<HostPattern>>,
    /// What it may spend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// How long it may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<TimeCaps>,
    /// What its tasks may use of a machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// What becomes of a call of a tool that an agent was not given.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// It is refused.
    #[default]
    Deny,
    /// A person is asked.
    Ask,
}

/// What an agent's entry says to a tool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leave {
    /// It may be called.
    Given,
    /// It is not among `tools`.
    NotGiven,
    /// It is among `deny`.
    Denied,
    /// It is riskier than `risk_max`.
    TooRisky,
}

impl Agents {
    /// Reads the mapping of agents.
    ///
    /// # Errors
    /// Says what does not fit, and where; of two rules that contradict each other, both places.
    pub(crate) fn read(node: &Node, limits: &Limits) -> Result<Self, Fault> {
        let agents: BTreeMap<String, AgentEntry> = node.read()?;
        if agents.len() > limits.agents_max {
            let (got, max) = (agents.len(), limits.agents_max);
            let message = format!("{got} agents are more than `agents_max` allows ({max})");
            return Err(Fault::new(Code::ConfigValue, message).at(node.at()));
        }
        let mut read = BTreeMap::new();
        for (name, entry) in agents {
            let at = node.place_of(&name).unwrap_or(node.at());
            let fault = |why: String| Fault::new(Code::ConfigValue, why).at(at);
            let glob = Glob::parse(&name).map_err(|why| {
                fault(format!("`{}` names no agent: {why}", bakerst_model::Escaped(&name)))
            })?;
            AgentId::parse(&name).map_err(|why| fault(format!("it names no agent: {why}")))?;
            entry.check_size(limits).map_err(fault)?;
            read.insert(glob, entry);
        }
        let agents = Self(read);
        conflicts::refuse(&agents, node)?;
        Ok(agents)
    }

    /// Every pattern and its entry.
    pub fn iter(&self) -> impl Iterator<Item = (&Glob, &AgentEntry)> {
        self.0.iter()
    }

    /// The agents by name, ready to be asked.
    pub(crate) fn book(&self) -> AgentBook {
        let mut book = AgentBook::default();
        let mut globs = Vec::new();
        for (glob, entry) in &self.0 {
            let entry = Arc::new(entry.clone());
            match glob.is_exact() {
                true => drop(book.exact.insert(glob.as_str().into(), entry)),
                false => globs.push((glob.clone(), entry)),
            }
        }
        globs.sort_by_cached_key(|(glob, _)| glob.specificity());
        book.globs = globs;
        book
    }
}

impl AgentEntry {
    fn check_size(&self, limits: &Limits) -> Result<(), String> {
        let lists =
            [self.tools.len(), self.deny.len(), self.requires_approval.len(), self.args.len()];
        let egress = self.egress.as_ref().map_or(0, Vec::len);
        let (got, max) = (lists.into_iter().fold(egress, usize::max), limits.patterns_max);
        match got > max {
            true => Err(format!("{got} patterns are more than `patterns_max` allows ({max})")),
            false => Ok(()),
        }
    }

    /// Whether it may call a tool of this name and risk.
    #[must_use]
    pub fn leave(&self, tool: &str, risk: Risk) -> Leave {
        let listed = |list: &[Glob]| list.iter().any(|glob| glob.matches(tool));
        if listed(&self.deny) {
            Leave::Denied
        } else if !listed(&self.tools) {
            Leave::NotGiven
        } else if self.risk_max.is_some_and(|max| risk > max) {
            Leave::TooRisky
        } else {
            Leave::Given
        }
    }

    /// Whether a person must approve each of its calls of this tool.
    #[must_use]
    pub fn asks(&self, tool: &str, risk: Risk) -> bool {
        self.approval_from.is_some_and(|from| risk >= from)
            || self.requires_approval.iter().any(|glob| glob.matches(tool))
    }

    /// The rules about the arguments of this tool.
    pub fn args_of(&self, tool: &str) -> impl Iterator<Item = &ArgRules> {
        self.args.iter().filter(move |(glob, _)| glob.matches(tool)).map(|(_, rules)| rules)
    }

    /// What is written here and enforced by nothing yet.
    pub(crate) fn unenforced(&self) -> impl Iterator<Item = &'static str> {
        let set = [
            (self.budget.is_some(), "budget"),
            (self.time.is_some(), "time"),
            (self.resources.is_some(), "resources"),
        ];
        set.into_iter().filter(|(set, _)| *set).map(|(_, name)| name)
    }
}

/// Compiled agents.
#[derive(Debug, Default)]
pub(crate) struct AgentBook {
    exact: HashMap<Box<str>, Arc<AgentEntry>>,
    /// The more specific of two that cover one another first.
    globs: Vec<(Glob, Arc<AgentEntry>)>,
}

impl AgentBook {
    /// The entry that counts for an agent.
    pub(crate) fn find(&self, agent: &AgentId) -> Option<&AgentEntry> {
        let name = agent.as_str();
        let exact = self.exact.get(name);
        let matching = || self.globs.iter().find(|(glob, _)| glob.matches(name));
        let found = exact.or_else(|| matching().map(|(_, entry)| entry));
        found.or_else(|| self.exact.get(DEFAULT)).map(AsRef::as_ref)
    }
}

/// A place in words, for faults that have two.
pub(crate) fn place(at: Option<Position>) -> String {
    at.map_or_else(String::new, |Position { line, column }| {
        format!(" (line {line}, column {column})")
    })
}
