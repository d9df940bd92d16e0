//! What clients of older revisions have said to stand for the rest of their session, where their
//! server has no sessions: from which level on they want its log, and which resources they watch.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_model::Limits;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::sessions::Key;

/// What stands in one session.
#[derive(Clone, Debug)]
pub(crate) struct Stands {
    /// From which level on lines of the log are wanted.
    pub(crate) level: Option<String>,
    /// The resources that are watched.
    pub(crate) watched: BTreeSet<String>,
    /// Told whenever that changes.
    pub(crate) changed: Arc<Notify>,
    used: Instant,
}

/// More than may stand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TooMany;

/// What stands in all sessions. One that says nothing of the kind takes no room.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<HashMap<Key, Stands>>);

impl Standing {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Stands>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands in a session, if anything does.
    pub(crate) fn of(&self, session: &Key) -> Option<Stands> {
        let mut all = self.all();
        let stands = all.get_mut(session)?;
        stands.used = Instant::now();
        Some(stands.clone())
    }

    /// What stands in a session, from here on kept for it. The session that said nothing for
    /// longest makes room.
    pub(crate) fn keep(&self, session: Key, limits: &Limits) -> Stands {
        let mut all = self.all();
        if !all.contains_key(&session) && all.len() >= limits.mcp_sessions_max.max(1) {
            let oldest = all.iter().min_by_key(|(_, stands)| stands.used).map(|(key, _)| *key);
            oldest.and_then(|oldest| all.remove(&oldest));
        }
        let new = || Stands {
            level: None,
            watched: BTreeSet::new(),
            changed: Arc::default(),
            used: Instant::now(),
        };
        all.entry(session).or_insert_with(new).clone()
    }

    /// Has lines of the log told from this level on.
    pub(crate) fn log_from(&self, session: Key, level: String, limits: &Limits) {
        self.keep(session, limits);
        if let Some(stands) = self.all().get_mut(&session) {
            stands.level = Some(level);
        }
    }

    /// Watches a resource, or does so no more.
    pub(crate) fn watch(
        &self,
        session: Key,
        uri: &str,
        watches: bool,
        limits: &Limits,
    ) -> Result<(), TooMany> {
        self.keep(session, limits);
        let mut all = self.all();
        let Some(stands) = all.get_mut(&session) else { return Ok(()) };
        match watches {
            true if stands.watched.len() >= limits.mcp_subscriptions_max => return Err(TooMany),
            true => drop(stands.watched.insert(uri.to_owned())),
            false => drop(stands.watched.remove(uri)),
        }
        stands.changed.notify_waiters();
        Ok(())
    }

    /// Forgets a session.
    pub(crate) fn forget(&self, session: &Key) {
        self.all().remove(session);
    }
}

#[cfg(test)]
mod tests {
    use bakerst_model::Digest;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_stands_is_bounded() {
        let limits = Limits { mcp_sessions_max: 2, mcp_subscriptions_max: 2, ..Limits::default() };
        let (standing, key) =
            (Standing::default(), |text: &str| *Digest::of(text.as_bytes()).as_bytes());
        for (uri, want) in [("a", Ok(())), ("b", Ok(())), ("c", Err(TooMany))] {
            assert_eq!(standing.watch(key("one"), uri, true, &limits), want);
        }
        standing.watch(key("one"), "a", false, &limits).unwrap();
        assert_eq!(standing.of(&key("one")).unwrap().watched, ["b".to_owned()].into());
        for session in ["two", "three"] {
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            standing.log_from(key(session), "info".into(), &limits);
        }
        assert!(standing.of(&key("one")).is_none());
        assert_eq!(standing.of(&key("three")).unwrap().level.as_deref(), Some("info"));
        standing.forget(&key("three"));
        assert!(standing.of(&key("three")).is_none());
    }
}
