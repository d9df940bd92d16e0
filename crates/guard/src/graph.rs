//! Who may reach what: agents, their tools, and what the tools are.

use std::fmt::Write as _;

use serde::Serialize;

use crate::PolicySource;
use crate::agents::{AgentEntry, Agents, Leave, Outside};
use crate::config::{Risk, ToolEntry};
use crate::flow::Labels;

/// A policy as a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Graph {
    /// The tools there are.
    pub tools: Vec<ToolNode>,
    /// Who may call what.
    pub edges: Vec<Edge>,
}

/// A tool, and what it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolNode {
    /// Its name.
    pub tool: String,
    /// What is known of it: its risk, whether it runs commands, whether its arguments are bound.
    pub labels: Vec<String>,
}

/// An agent may call a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edge {
    /// The agent, as the policy names it.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// Whether a person is asked each time.
    pub asks: bool,
    /// Whether the agent's own rules bind the arguments further.
    pub bound: bool,
}

impl Graph {
    /// Draws a policy. Only what the chain's default deny says is drawn; guardrails that read a
    /// call's text may still object to it.
    #[must_use]
    pub fn of(source: &PolicySource) -> Self {
        let tools = source.tools.iter();
        let nodes = tools
            .clone()
            .map(|(name, entry)| ToolNode { tool: name.clone(), labels: labels(entry) });
        let edges = match &source.agents {
            None => tools
                .map(|(name, entry)| Edge {
                    agent: "*".to_owned(),
                    tool: name.clone(),
                    asks: tool_asks(entry),
                    bound: false,
                })
                .collect(),
            Some(agents) => edges_of(agents, source),
        };
        Self { tools: nodes.collect(), edges }
    }

    /// As text for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut agent = None;
        let width =
            self.tools.iter().map(|node| node.tool.chars().count()).max().unwrap_or_default();
        for edge in &self.edges {
            if agent != Some(&edge.agent) {
                let _ = writeln!(text, "agent {}", edge.agent);
                agent = Some(&edge.agent);
            }
            let node = self.tools.iter().find(|node| node.tool == edge.tool);
            let labels = node.map(|node| node.labels.join(", ")).unwrap_or_default();
            let how = if edge.asks { "ask  " } else { "allow" };
            let bound = if edge.bound { ", bound by the agent" } else { "" };
            let _ = writeln!(text, "  {how}  {:width$}  {labels}{bound}", edge.tool);
        }
        let reached = |node: &&ToolNode| !self.edges.iter().any(|edge| edge.tool == node.tool);
        for node in self.tools.iter().filter(reached) {
            let _ = writeln!(text, "nobody  {:width$}  {}", node.tool, node.labels.join(", "));
        }
        text
    }

    /// In the language of Graphviz.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut text = "digraph policy {\n  rankdir=LR;\n".to_owned();
        for agent in self.agents() {
            let _ = writeln!(text, "  {} [shape=oval];", quoted(&format!("agent {agent}")));
        }
        for node in &self.tools {
            let _ = writeln!(text, "  {} [shape=box];", quoted(&node.tool));
            for label in &node.labels {
                let _ = writeln!(text, "  {} [shape=note];", quoted(&format!("label {label}")));
                let (tool, label) = (quoted(&node.tool), quoted(&format!("label {label}")));
                let _ = writeln!(text, "  {tool} -> {label} [arrowhead=none];");
            }
        }
        for edge in &self.edges {
            let style = if edge.asks { " [style=dashed, label=\"ask\"]" } else { "" };
            let agent = quoted(&format!("agent {}", edge.agent));
            let _ = writeln!(text, "  {agent} -> {}{style};", quoted(&edge.tool));
        }
        text + "}\n"
    }

    /// In the language of Mermaid.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = "graph LR\n".to_owned();
        let agents = self.agents();
        for (at, agent) in agents.iter().enumerate() {
            let _ = writeln!(text, "  a{at}([{}])", quoted(agent));
        }
        for (at, node) in self.tools.iter().enumerate() {
            let label = format!("{} · {}", node.tool, node.labels.join(", "));
            let _ = writeln!(text, "  t{at}[{}]", quoted(&label));
        }
        for edge in &self.edges {
            let agent = agents.iter().position(|agent| *agent == edge.agent);
            let tool = self.tools.iter().position(|node| node.tool == edge.tool);
            if let (Some(agent), Some(tool)) = (agent, tool) {
                let arrow = if edge.asks { "-. ask .->" } else { "-->" };
                let _ = writeln!(text, "  a{agent} {arrow} t{tool}");
            }
        }
        text
    }

    fn agents(&self) -> Vec<&str> {
        let mut agents: Vec<&str> = self.edges.iter().map(|edge| edge.agent.as_str()).collect();
        agents.dedup();
        agents
    }
}

fn edges_of(agents: &Agents, source: &PolicySource) -> Vec<Edge> {
    let pairs = agents.iter().flat_map(|(glob, entry)| {
        source.tools.iter().filter_map(move |(name, tool)| {
            let asks = asks(entry, name, tool)?;
            let bound = entry.args_of(name).next().is_some();
            Some(Edge { agent: glob.to_string(), tool: name.clone(), asks, bound })
        })
    });
    pairs.collect()
}

/// Whether a person is asked each time; nothing where the agent may not call the tool.
fn asks(entry: &AgentEntry, name: &str, tool: &ToolEntry) -> Option<bool> {
    match (entry.leave(name, tool.risk), entry.outside) {
        (Leave::Given, _) => Some(tool_asks(tool) || entry.asks(name, tool.risk)),
        (Leave::NotGiven, Outside::Ask) => Some(true),
        _ => None,
    }
}

fn tool_asks(tool: &ToolEntry) -> bool {
    tool.requires_approval.unwrap_or(tool.risk == Risk::Destructive)
}

fn labels(entry: &ToolEntry) -> Vec<String> {
    let mut labels = vec![entry.risk.as_str().to_owned()];
    let Labels { untrusted, private, sends, .. } = Labels::of(entry);
    for (holds, label) in [
        (untrusted, "reads untrusted"),
        (private, "reads private"),
        (sends, "sends external"),
        (entry.command.is_some(), "runs commands"),
    ] {
        labels.extend(holds.then(|| label.to_owned()));
    }
    labels.extend(entry.args.iter().map(|(pointer, _)| format!("{pointer} bound")));
    labels
}

/// A text in double quotes, for both languages.
fn quoted(text: &str) -> String {
    let plain = bakerst_model::Escaped(text).to_string();
    format!("\"{}\"", plain.replace('\\', "/").replace('"', "'"))
}
