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
    slots: HashMap<Key, (Slot, Instant)>,
    /// Whether somebody looks after those that nobody uses.
    is_swept: bool,
}

impl Sessions {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a session, and those that had to make room for it. Whether somebody has to
    /// look after idle ones from here on.
    pub(crate) fn slot(&self, key: Key, limits: &Limits) -> (Slot, Vec<Slot>, bool) {
        let mut kept = self.kept();
        let now = Instant::now();
        if let Some((slot, used)) = kept.slots.get_mut(&key) {
            *used = now;
            return (slot.clone(), Vec::new(), false);
        }
        let mut made_room = Vec::new();
        while kept.slots.len() >= limits.mcp_sessions_max.max(1) {
            // One in which a call is under way goes last.
            let idle = kept.slots.iter().min_by_key(|(_, (slot, used))| (!is_idle(slot), *used));
            let idle = idle.map(|(key, _)| *key);
            let Some((slot, _)) = idle.and_then(|key| kept.slots.remove(&key)) else { break };
            made_room.push(slot);
        }
        let slot = Slot::default();
        kept.slots.insert(key, (slot.clone(), now));
        let sweep = !std::mem::replace(&mut kept.is_swept, true);
        (slot, made_room, sweep)
    }

    /// Lets go of what nobody has used for so long. Whether anything is left.
    pub(crate) fn sweep(&self, idle: Duration) -> (Vec<Slot>, bool) {
        let mut kept = self.kept();
        let old: Vec<Key> = kept
            .slots
            .iter()
            .filter(|(_, (slot, used))| used.elapsed() >= idle && is_idle(slot))
            .map(|(key, _)| *key)
            .collect();
        let gone =
            old.iter().filter_map(|key| kept.slots.remove(key)).map(|(slot, _)| slot).collect();
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

    fn begun() -> Arc<Old> {
        Arc::new(Old::new(("s".into(), Owner::new("", "", "")), None, Value::Null))
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_make_room_and_go_when_nobody_uses_them() {
        let (sessions, limits) =
            (Sessions::default(), Limits { mcp_sessions_max: 2, ..Limits::default() });
        let mut sweeps = 0;
        for name in ["a", "b", "a", "c"] {
            let (_, made_room, sweep) = sessions.slot(key(name), &limits);
            sweeps += u32::from(sweep);
            assert_eq!(made_room.len(), usize::from(name == "c"), "{name}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!((sessions.kept().slots.len(), sweeps), (2, 1));
        assert!(sessions.kept().slots.contains_key(&key("a")), "`b` was idle for longer");
        let (used, ..) = sessions.slot(key("c"), &limits);
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
        *sessions.slot(key("a"), &limits).0.lock().await = Some(under_way.clone());
        tokio::time::advance(Duration::from_secs(100)).await;
        *sessions.slot(key("b"), &limits).0.lock().await = Some(begun());
        tokio::time::advance(Duration::from_secs(100)).await;
        sessions.slot(key("c"), &limits);
        assert!(sessions.kept().slots.contains_key(&key("a")));
        assert_eq!(sessions.sweep(Duration::from_secs(1)).0.len(), 0);
        drop(under_way);
        assert_eq!(sessions.sweep(Duration::from_secs(1)).0.len(), 1);
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
