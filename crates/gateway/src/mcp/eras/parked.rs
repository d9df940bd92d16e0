//! Calls in whose middle a server of an older revision wants something of a client that has no
//! session: they wait here, stream and all, until the client comes back with the answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_model::Limits;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::super::message::Request;
use super::super::relay::Cleared;
use super::super::session::{Owner, Seal};
use super::downward::Declared;
use super::hearing::Hearing;
use super::room::{Taken, first_to_go};
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

/// A call that is to wait for its client.
pub(crate) struct Waits {
    /// The call.
    pub(crate) talk: Talk,
    /// What the server asked for, whole.
    pub(crate) wanted: String,
    /// How long.
    pub(crate) until: Instant,
}

struct Parked {
    waits: Waits,
    owner: Owner,
    since: Instant,
    expiry: Expiry,
}

/// What ends a call once nobody has come back in time, unless this is dropped before.
struct Expiry(Option<AbortHandle>);

impl Drop for Expiry {
    fn drop(&mut self) {
        self.0.take().inspect(AbortHandle::abort);
    }
}

/// All calls that wait for their clients.
#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<String, Parked>>);

impl Calls {
    fn calls(&self) -> MutexGuard<'_, HashMap<String, Parked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more of this owner's may wait.
    pub(crate) fn has_room(&self, owner: &Owner, limits: &Limits) -> bool {
        let calls = self.calls();
        calls.len() < limits.mcp_parked_max || to_make_room(&calls, owner, limits).is_some()
    }

    /// Has a call wait until `expire`, which is given its name, ends it; the word that its client is
    /// to bring back, and the call that had to make room. Where it cannot wait it is handed back.
    pub(crate) fn park(
        &self,
        waits: Waits,
        (seal, owner, limits): (&Seal, &Owner, &Limits),
        expire: impl FnOnce(String) -> AbortHandle,
    ) -> Result<(String, Option<Waits>), Box<Talk>> {
        let mut name = [0; NAME_BYTES];
        if getrandom::fill(&mut name).is_err() {
            return Err(Box::new(waits.talk));
        }
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let Ok(word) = seal.name(&name, owner) else { return Err(Box::new(waits.talk)) };
        let mut calls = self.calls();
        let made_room = match calls.len() < limits.mcp_parked_max {
            true => None,
            false => match to_make_room(&calls, owner, limits) {
                Some(first) => calls.remove(&first),
                None => return Err(Box::new(waits.talk)),
            },
        };
        // The lock is held until it is in, so it cannot be ended before.
        let parked = Parked {
            waits,
            owner: *owner,
            since: Instant::now(),
            expiry: Expiry(Some(expire(name.clone()))),
        };
        calls.insert(name, parked);
        Ok((format!("{OURS}{word}"), made_room.map(|parked| parked.waits)))
    }

    /// The call of this name, which waits no longer.
    pub(crate) fn take(&self, name: &str, owner: &Owner) -> Option<Waits> {
        let mut calls = self.calls();
        let is_theirs = calls.get(name).is_some_and(|parked| parked.owner == *owner);
        is_theirs.then(|| calls.remove(name)).flatten().map(|parked| parked.waits)
    }

    /// The call of this name, for what is to end it.
    pub(crate) fn expired(&self, name: &str) -> Option<Waits> {
        let mut parked = self.calls().remove(name)?;
        // What ends the call must not be ended with it.
        parked.expiry.0 = None;
        Some(parked.waits)
    }
}

/// The call that goes where there is no room for one of this owner's: one of somebody else's, who
/// has more waiting than is their share.
fn to_make_room(calls: &HashMap<String, Parked>, owner: &Owner, limits: &Limits) -> Option<String> {
    let taken = calls.iter().map(|(name, parked)| Taken {
        key: name,
        owner: parked.owner,
        is_used: false,
        since: parked.since,
    });
    let (first, is_greedy) = first_to_go(taken, owner, limits.mcp_parked_max)?;
    let is_other = calls.get(first).is_some_and(|parked| parked.owner != *owner);
    (is_greedy && is_other).then(|| first.clone())
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
