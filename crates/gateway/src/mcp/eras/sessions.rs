//! Sessions that are kept with servers of older revisions, for clients that have none: one for each
//! that calls, for each conversation, and for each that can do other things, so that no two share
//! what a server remembers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bakerst_model::Limits;
use serde_json::Value;
use tokio::time::Instant;

use super::super::session::Owner;
use super::room::{Taken, first_to_go};

/// Whose a session is, as a digest.
pub(crate) type Key = [u8; 32];

/// A session with a server.
#[derive(Debug)]
pub(crate) struct Old {
    /// The server.
    pub(crate) server: Arc<str>,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// What the server calls it, if anything.
    pub(crate) name: Option<String>,
    /// What the server said when it began.
    pub(crate) hello: Value,
    next: AtomicU64,
    /// The level at which the server was last told to log.
    level: Mutex<Option<String>>,
}

impl Old {
    /// A session that has just begun.
    pub(crate) fn new(
        (server, owner): (Arc<str>, Owner),
        name: Option<String>,
        hello: Value,
    ) -> Self {
        Self { server, owner, name, hello, next: AtomicU64::new(1), level: Mutex::default() }
    }

    /// The revision that is spoken in it.
    pub(crate) fn revision(&self) -> &str {
        self.hello.get("protocolVersion").and_then(Value::as_str).unwrap_or_default()
    }

    /// What the server offers.
    pub(crate) fn offers(&self) -> &Value {
        self.hello.get("capabilities").unwrap_or(&Value::Null)
    }

    /// What the server says that it is.
    pub(crate) fn info(&self) -> Option<&Value> {
        self.hello.get("serverInfo")
    }

    /// What no other request in this session is known by: those who share it count from one each.
    pub(crate) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether the server has to be told before it logs at this level.
    pub(crate) fn wants_level(&self, level: &str) -> bool {
        let mut told = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = told.as_deref() != Some(level) && self.offers().get("logging").is_some();
        if is_new {
            *told = Some(level.to_owned());
        }
        is_new
    }
}

/// A session, once it has begun. Whoever begins it holds it meanwhile.
pub(crate) type Slot = Arc<tokio::sync::Mutex<Option<Arc<Old>>>>;

/// All sessions that are kept.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    slots: HashMap<Key, Place>,
    /// Whether somebody looks after those that nobody uses.
    is_swept: bool,
}

/// Where a session is kept.
#[derive(Debug)]
struct Place {
    slot: Slot,
    owner: Owner,
    used: Instant,
}

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a session, and those that had to make room for it. Whether somebody has to
    /// look after idle ones from here on.
    pub(crate) fn slot(&self, key: Key, owner: &Owner, limits: &Limits) -> (Slot, Vec<Slot>, bool) {
        let mut kept = self.kept();
        let now = Instant::now();
        if let Some(place) = kept.slots.get_mut(&key) {
            place.used = now;
            return (place.slot.clone(), Vec::new(), false);
        }
        let (mut made_room, max) = (Vec::new(), limits.mcp_sessions_max.max(1));
        while kept.slots.len() >= max {
            // One in which a call is under way goes last.
            let taken = kept.slots.iter().map(|(key, place)| Taken {
                key: *key,
                owner: place.owner,
                is_used: !is_idle(&place.slot),
                since: place.used,
            });
            let first = first_to_go(taken, owner, max).and_then(|(key, _)| kept.slots.remove(&key));
            let Some(place) = first else { break };
            made_room.push(place.slot);
        }
        let slot = Slot::default();
        kept.slots.insert(key, Place { slot: slot.clone(), owner: *owner, used: now });
        let sweep = !std::mem::replace(&mut kept.is_swept, true);
        (slot, made_room, sweep)
    }

    /// Lets go of what nobody has used for so long. Whether anything is left.
    pub(crate) fn sweep(&self, idle: Duration) -> (Vec<Slot>, bool) {
        let mut kept = self.kept();
        let is_old = |place: &mut Place| place.used.elapsed() >= idle && is_idle(&place.slot);
        let gone = kept.slots.extract_if(|_, place| is_old(place)).map(|(_, place)| place.slot);
        let gone = gone.collect();
        kept.is_swept = !kept.slots.is_empty();
        (gone, kept.is_swept)
    }
}

/// Whether nobody begins the session, and nobody holds it.
fn is_idle(slot: &Slot) -> bool {
    Arc::strong_count(slot) == 1
        && slot
            .try_lock()
            .is_ok_and(|held| held.as_ref().is_none_or(|session| Arc::strong_count(session) == 1))
}

#[cfg(test)]
mod tests {
    use bakerst_model::Digest;

    use super::*;

    fn key(text: &str) -> Key {
        *Digest::of(text.as_bytes()).as_bytes()
    }

    fn ann() -> Owner {
        Owner::new("ann", "", "")
    }

    fn begun() -> Arc<Old> {
        Arc::new(Old::new(("s".into(), ann()), None, Value::Null))
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_make_room_and_go_when_nobody_uses_them() {
        let (sessions, limits) =
            (Sessions::default(), Limits { mcp_sessions_max: 2, ..Limits::default() });
        let mut sweeps = 0;
        for name in ["a", "b", "a", "c"] {
            let (_, made_room, sweep) = sessions.slot(key(name), &ann(), &limits);
            sweeps += u32::from(sweep);
            assert_eq!(made_room.len(), usize::from(name == "c"), "{name}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!((sessions.kept().slots.len(), sweeps), (2, 1));
        assert!(sessions.kept().slots.contains_key(&key("a")), "`b` was idle for longer");
        let (used, ..) = sessions.slot(key("c"), &ann(), &limits);
        tokio::time::advance(Duration::from_secs(10)).await;
        let (gone, is_left) = sessions.sweep(Duration::from_secs(10));
        assert_eq!((gone.len(), is_left), (1, true), "one is in use");
        drop(used);
        assert!(!sessions.sweep(Duration::from_secs(10)).1);
    }

    /// A call may take longer than a session is kept without one.
    #[tokio::test(start_paused = true)]
    async fn a_session_in_which_a_call_is_under_way_stays() {
        let (sessions, limits) =
            (Sessions::default(), Limits { mcp_sessions_max: 2, ..Limits::default() });
        let under_way = begun();
        *sessions.slot(key("a"), &ann(), &limits).0.lock().await = Some(under_way.clone());
        tokio::time::advance(Duration::from_secs(100)).await;
        *sessions.slot(key("b"), &ann(), &limits).0.lock().await = Some(begun());
        tokio::time::advance(Duration::from_secs(100)).await;
        sessions.slot(key("c"), &ann(), &limits);
        assert!(sessions.kept().slots.contains_key(&key("a")));
        assert_eq!(sessions.sweep(Duration::from_secs(1)).0.len(), 0);
        drop(under_way);
        assert_eq!(sessions.sweep(Duration::from_secs(1)).0.len(), 1);
    }

    /// Each conversation and each set of capabilities has a session, and a client says what it likes.
    #[test]
    fn a_client_that_fills_all_sessions_takes_none_from_others() {
        let (sessions, limits) =
            (Sessions::default(), Limits { mcp_sessions_max: 10, ..Limits::default() });
        sessions.slot(key("ann's"), &ann(), &limits);
        let eve = Owner::new("eve", "", "");
        for number in 0..100 {
            sessions.slot(key(&format!("eve's {number}")), &eve, &limits);
        }
        let kept = sessions.kept();
        assert!(kept.slots.contains_key(&key("ann's")) && kept.slots.len() == 10);
    }

    #[test]
    fn a_server_is_told_a_level_once() {
        let hello = serde_json::json!({ "capabilities": { "logging": {} } });
        let old = Old::new(("s".into(), Owner::new("", "", "")), None, hello);
        assert_eq!(
            ["info", "info", "debug"].map(|level| old.wants_level(level)),
            [true, false, true]
        );
        assert!(
            !Old::new(("s".into(), Owner::new("", "", "")), None, Value::Null).wants_level("info")
        );
    }
}
