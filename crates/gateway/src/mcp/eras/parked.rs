//! Calls in whose middle a server of an older revision wants something of a client that has no
//! session: they wait here, stream and all, until the client comes back with the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_model::Limits;

use super::super::message::Request;
use super::super::relay::Cleared;
use super::super::session::{Owner, Seal};
use super::downward::Declared;
use super::hearing::Hearing;
use super::sessions::Old;
use super::words::{STATE, fields};

/// What the words begin with that clients bring back for a call which waits.
const OURS: &str = "bakerst2:";
/// The one key under which a client is asked for something.
pub(crate) const KEY: &str = "answer";
const NAME_BYTES: usize = 16;

/// A call under way with a server of an older revision.
pub(crate) struct Talk {
    /// What the server says.
    pub(crate) hearing: Hearing,
    /// What it was asked, and by what right.
    pub(crate) cleared: Cleared,
    /// In which session.
    pub(crate) old: Arc<Old>,
    /// What its client has said of itself.
    pub(crate) declared: Declared,
    /// What the call is known by in that session.
    pub(crate) id: u64,
}

/// A call that waits for its client.
pub(crate) struct Parked {
    /// The call.
    pub(crate) talk: Talk,
    /// What the server asked for, whole.
    pub(crate) wanted: String,
    owner: Owner,
}

/// All calls that wait for their clients.
#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<String, Parked>>);

impl Calls {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Parked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more may wait.
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.calls().len() < limits.mcp_parked_max
    }

    /// Has a call wait; under which name, and the word that its client is to bring back. Where it
    /// cannot wait it is handed back.
    pub(crate) fn park(
        &self,
        talk: Talk,
        wanted: String,
        (seal, owner, limits): (&Seal, &Owner, &Limits),
    ) -> Result<(String, String), Box<Talk>> {
        let mut name = [0; NAME_BYTES];
        if getrandom::fill(&mut name).is_err() {
            return Err(Box::new(talk));
        }
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut calls = self.calls();
        let word = seal.name(&name, owner).ok().filter(|_| calls.len() < limits.mcp_parked_max);
        let Some(word) = word else { return Err(Box::new(talk)) };
        calls.insert(name.clone(), Parked { talk, wanted, owner: *owner });
        Ok((name, format!("{OURS}{word}")))
    }

    /// The call of this name, which waits no longer.
    pub(crate) fn take(&self, name: &str, owner: &Owner) -> Option<Parked> {
        let mut calls = self.calls();
        let is_theirs = calls.get(name).is_some_and(|parked| parked.owner == *owner);
        is_theirs.then(|| calls.remove(name)).flatten()
    }
}

/// What a request brings along for us.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Brought {
    /// Nothing.
    Nothing,
    /// The name of a call that waits for it.
    Call(String),
    /// A word that is none of ours, or another's.
    Forged,
}

/// What a request brings along for us.
pub(crate) fn brought(request: &Request<'_>, seal: &Seal, owner: &Owner) -> Brought {
    let state = fields(request.params).remove(STATE);
    let state: Option<String> = state.and_then(|state| serde_json::from_str(state.get()).ok());
    match state.as_deref().and_then(|state| state.strip_prefix(OURS)) {
        None => Brought::Nothing,
        Some(sealed) => seal.open(sealed, owner).map_or(Brought::Forged, Brought::Call),
    }
}
