//! Servers' lists of tools held against what was approved: what is not as it should be is left
//! out, and its calls are denied, until a person approves it or the server lists it as it was.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_guard::Policy;
use bakerst_guard::pins::Listing;
use bakerst_model::{Actor, Code, Digest, Event, Journal as _, Reason, ToolDefinition};
use serde_json::Value;

use super::relay::Relay;
use super::session::Owner;
use crate::problem::Problem;

/// How many events one list may bring.
const EVENTS_MAX: usize = 100;
/// For how many owners lists are told apart; all beyond share one board, and with it what is
/// hidden.
const BOARDS_MAX: usize = 4096;

/// What the lists of one server have shown to one owner.
#[derive(Default)]
pub(crate) struct Shown(Mutex<State>);

#[derive(Default)]
struct State {
    /// The policy under which this was found; under another one nothing is known.
    policy: Option<Digest>,
    /// The last list, or page of one, that was looked at.
    last: Option<Digest>,
    /// Tools that are not as they should be, by what their server calls them.
    tools: BTreeMap<String, Found>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Found {
    hidden: bool,
    reason: Reason,
}

/// A tool as its server lists it.
#[derive(Clone, Copy)]
pub(crate) struct Listed<'a> {
    shown: &'a Shown,
    name: &'a str,
}

impl Listed<'_> {
    /// What its server's lists have shown against it.
    pub(crate) fn objection(&self, policy: &Policy) -> Option<Reason> {
        let state = self.shown.state();
        let found = state.tools.get(self.name).filter(|found| found.hidden)?;
        (state.policy == Some(policy.digest())).then(|| found.reason.clone())
    }
}

impl Shown {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything is hidden at all.
    pub(super) fn hides(&self) -> bool {
        !self.state().tools.is_empty()
    }

    /// A tool as it is listed.
    pub(super) fn listed<'a>(&'a self, name: &'a str) -> Listed<'a> {
        Listed { shown: self, name }
    }

    /// Takes in what one list, or one page of it, has shown, and hands back what was not known.
    fn learn(
        &self,
        policy: Digest,
        listing: &Listing,
        found: Vec<bakerst_guard::Screened>,
    ) -> Vec<Event> {
        let mut state = self.state();
        if state.policy != Some(policy) {
            *state = State { policy: Some(policy), ..State::default() };
        }
        let mut before = BTreeMap::new();
        let names = listing.tools.iter().map(ToolDefinition::name);
        for name in names.chain(listing.unusable.iter().map(|tool| tool.name.as_str())) {
            before.extend(state.tools.remove_entry(name));
        }
        let mut events = Vec::new();
        for bakerst_guard::Screened { listed, hidden, reason, event } in found {
            let found = Found { hidden, reason };
            if before.get(&listed) != Some(&found) {
                events.extend(event);
            }
            state.tools.insert(listed, found);
        }
        events
    }

    /// Whether just this list was looked at last, under this policy.
    fn knows(&self, policy: Digest, list: Digest) -> bool {
        let state = self.state();
        state.policy == Some(policy) && state.last == Some(list)
    }

    /// How many tools it speaks of.
    fn len(&self) -> usize {
        self.state().tools.len()
    }

    fn is_hidden(&self, name: &str) -> bool {
        self.state().tools.get(name).is_some_and(|found| found.hidden)
    }
}

/// One board for each owner.
#[derive(Default)]
pub(super) struct Boards {
    boards: Mutex<HashMap<Owner, Arc<Shown>>>,
    shared: Arc<Shown>,
}

impl Boards {
    pub(super) fn of(&self, owner: &Owner) -> Arc<Shown> {
        let mut boards = self.boards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(board) = boards.get(owner) {
            return board.clone();
        }
        if boards.len() >= BOARDS_MAX {
            return self.shared.clone();
        }
        boards.entry(*owner).or_default().clone()
    }
}

impl Relay {
    /// Takes out of a list what is not as it should be; recorded before anybody gets the list.
    pub(super) async fn screened(&self, list: &mut Value) -> Result<bool, Problem> {
        let Some(Value::Array(tools)) = list.get("tools") else { return Ok(false) };
        let (policy, limits) = (self.gateway.policy(), &self.gateway.limits);
        let digest = Digest::of(serde_json::to_string(tools).unwrap_or_default().as_bytes());
        if !self.shown.knows(policy.digest(), digest) {
            let read = Listing::read(Value::Array(tools.clone()), limits);
            let listing = read.map_err(|error| Problem::new(error.code, error.message))?;
            let found = policy.screen(&self.server, &listing);
            let new = self.shown.learn(policy.digest(), &listing, found);
            if self.shown.len() > limits.tools_max {
                let message = format!(
                    "the server has listed more tools that are held than `tools_max` allows ({})",
                    limits.tools_max
                );
                return Err(Problem::new(Code::ToolListUnusable, message));
            }
            self.account_for(new).await?;
            self.shown.state().last = Some(digest);
        }
        let Some(Value::Array(tools)) = list.get_mut("tools") else { return Ok(false) };
        let before = tools.len();
        tools.retain(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            // What has no name is left out where it is seen what the policy knows.
            name.is_none_or(|name| {
                let escaped = bakerst_model::Escaped(name).to_string();
                !self.shown.is_hidden(name) && !self.shown.is_hidden(&escaped)
            })
        });
        Ok(tools.len() < before)
    }

    async fn account_for(&self, found: Vec<Event>) -> Result<(), Problem> {
        for event in found.into_iter().take(EVENTS_MAX) {
            let actor = Actor { agent: self.caller.principal.agent.clone(), ..event.actor };
            let event = Event { actor, conversation: Some(self.conversation.clone()), ..event };
            self.gateway.ledger.append(event).await?;
        }
        Ok(())
    }
}
