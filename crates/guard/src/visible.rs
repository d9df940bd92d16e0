//! Which tools an agent gets to see.

use std::sync::LazyLock;

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_model::{AgentId, Code, Event, Reason, ToolDefinition, ToolName, canonical_tool_name};

use crate::Policy;
use crate::agents::{Leave, Outside};
use crate::pins::{Listing, Lock, Pins, Screen, State};

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

    /// What a server's list holds that agents must not see, and what somebody should look at: tools
    /// that are not what was approved, that nobody approved where somebody must, whose descriptions
    /// read like instructions, or whose names look like others'.
    #[must_use]
    pub fn screen(&self, server: &str, listing: &Listing) -> Vec<Screened> {
        let nothing = Lock::default();
        let pins = self.source().pins.as_ref();
        let lock = pins.map_or(&nothing, |pins| pins.lock());
        // How the server is reached is as the lock has it: it goes by its name here.
        let server = lock.servers().find(|known| known.name == server);
        let wording = pins.map(Pins::wording).unwrap_or_default();
        let Some(detector) = &*DETECTOR else {
            return listing.tools.iter().map(unreadable).collect();
        };
        let judged = Screen { lock, wording, detector }.judge(server, listing);
        let listed = listing.tools.iter().map(|tool| tool.name().to_owned());
        let listed = listed.chain(listing.unusable.iter().map(|tool| tool.name.clone()));
        let screened = judged.into_iter().zip(listed).filter_map(|(one, listed)| {
            let must_be_pinned = pins.is_some_and(|pins| pins.objection(&one.name).is_some());
            let is_pinned = lock.pin(&one.name).is_some();
            let reason = match &one.state {
                State::Visible => return None,
                State::Warned(reason) | State::Hidden(reason) if is_pinned || must_be_pinned => {
                    reason.clone()
                }
                // A schema that we cannot use is no danger where nobody asked us to.
                _ => one.objections.iter().find(|held| held.code != Code::ToolUnusable)?.reason(),
            };
            let hidden = !matches!(one.state, State::Warned(_));
            let event = one.event(server).ok().flatten();
            Some(Screened { listed, hidden, reason, event })
        });
        screened.collect()
    }
}

/// A tool of a list that is not as it should be.
#[derive(Clone, Debug)]
pub struct Screened {
    /// What its server calls it; escaped, where that is no name.
    pub listed: String,
    /// Whether agents must not see it, nor call it.
    pub hidden: bool,
    /// Why.
    pub reason: Reason,
    /// What the log is told.
    pub event: Option<Event>,
}

/// Reads descriptions; the same for every policy, so that none switches it off by the way.
static DETECTOR: LazyLock<Option<Detector>> =
    LazyLock::new(|| Detector::new(Sensitivity::Medium, &[]).ok());

/// Nothing is shown that was not looked at.
fn unreadable(tool: &ToolDefinition) -> Screened {
    let reason = Reason::new(Code::Undecided, "its description could not be looked at".to_owned());
    Screened { listed: tool.name().to_owned(), hidden: true, reason, event: None }
}
