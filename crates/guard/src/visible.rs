//! Which tools an agent gets to see.

use bakerst_model::{AgentId, ToolName, canonical_tool_name};

use crate::Policy;
use crate::agents::{Leave, Outside};

impl Policy {
    /// The name by which this policy knows a server's tool: the one that says whose it is, where
    /// the policy declares that, else the tool's own. None where it is no name at all.
    #[must_use]
    pub fn name_of(&self, server: &str, tool: &str) -> Option<ToolName> {
        let whose = canonical_tool_name(Some(server), tool).ok();
        let declared = |name: &ToolName| self.source().tools.contains_key(name.as_str());
        whose.filter(declared).or_else(|| ToolName::parse(tool).ok())
    }

    /// Whether an agent gets to see a tool. One whose every call would be denied is not shown, so
    /// that what its description says reaches no model either.
    #[must_use]
    pub fn shows(&self, agent: &AgentId, tool: &ToolName) -> bool {
        let (name, source) = (tool.as_str(), self.source());
        let Some(entry) = source.tools.get(name) else { return false };
        if source.pins.as_ref().is_some_and(|pins| pins.objection(name).is_some()) {
            return false;
        }
        let Some(agents) = &source.agents else { return true };
        let book = agents.book();
        book.find(agent).is_some_and(|agent| match agent.leave(name, entry.risk) {
            Leave::Given => true,
            Leave::NotGiven => agent.outside == Outside::Ask,
            Leave::Denied | Leave::TooRisky => false,
        })
    }
}
