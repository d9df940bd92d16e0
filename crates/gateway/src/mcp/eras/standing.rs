//! What clients of older revisions have said to stand for the rest of their session, where their
//! server has no sessions: from which level on they want its log, and which resources they watch.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bakerst_model::Limits;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::session::Owner;
use super::room::{Taken, first_to_go};
use super::sessions::Key;

/// How long the addresses of all resources together may be that are watched in one session.
const WATCHED_BYTES_MAX: usize = 64 << 10;

/// What stands in one session.
#[derive(Clone, Debug)]
pub(crate) struct Stands {
    /// From which level on lines of the log are wanted.
    pub(crate) level: Option<String>,
    /// The resources that are watched.
    pub(crate) watched: BTreeSet<String>,
    /// Told whenever that changes.
    pub(crate) changed: Arc<Notify>,
    owner: Owner,
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

    /// What stands in a session of this owner's, from here on kept for it. The session that said
    /// nothing for longest makes room, first of those whose owner has more than a share.
    pub(crate) fn keep(&self, session: Key, owner: &Owner, limits: &Limits) -> Stands {
        let (mut all, max) = (self.all(), limits.mcp_sessions_max.max(1));
        if !all.contains_key(&session) && all.len() >= max {
            let taken = all.iter().map(|(key, stands)| Taken {
                key: *key,
                owner: stands.owner,
                is_used: false,
                since: stands.used,
            });
            first_to_go(taken, owner, max).and_then(|(first, _)| all.remove(&first));
        }
        let new = || Stands {
            level: None,
            watched: BTreeSet::new(),
            changed: Arc::default(),
            owner: *owner,
            used: Instant::now(),
        };
        all.entry(session).or_insert_with(new).clone()
    }

    /// Has lines of the log told from this level on.
    pub(crate) fn log_from(&self, session: Key, owner: &Owner, level: String, limits: &Limits) {
        self.keep(session, owner, limits);
        if let Some(stands) = self.all().get_mut(&session) {
            stands.level = Some(level);
        }
    }

    /// Watches a resource, or does so no more.
    pub(crate) fn watch(
        &self,
        session: Key,
        owner: &Owner,
        (uri, watches): (&str, bool),
        limits: &Limits,
    ) -> Result<(), TooMany> {
        self.keep(session, owner, limits);
        let mut all = self.all();
        let Some(stands) = all.get_mut(&session) else { return Ok(()) };
        let bytes = uri.len() + stands.watched.iter().map(String::len).sum::<usize>();
        let is_full =
            stands.watched.len() >= limits.mcp_subscriptions_max || bytes > WATCHED_BYTES_MAX;
        match watches {
            // What is watched already takes no more room.
            true if stands.watched.contains(uri) => return Ok(()),
            true if is_full => return Err(TooMany),
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
        let (ann, long) = (Owner::new("ann", "", ""), "l".repeat(WATCHED_BYTES_MAX));
        for (uri, want) in [
            ("a", Ok(())),
            (&*long, Err(TooMany)),
            ("b", Ok(())),
            ("a", Ok(())),
            ("c", Err(TooMany)),
        ] {
            assert_eq!(standing.watch(key("one"), &ann, (uri, true), &limits), want);
        }
        standing.watch(key("one"), &ann, ("a", false), &limits).unwrap();
        assert_eq!(standing.of(&key("one")).unwrap().watched, ["b".to_owned()].into());
        for session in ["two", "three"] {
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
            standing.log_from(key(session), &ann, "info".into(), &limits);
        }
        assert!(standing.of(&key("one")).is_none());
        assert_eq!(standing.of(&key("three")).unwrap().level.as_deref(), Some("info"));
        standing.forget(&key("three"));
        assert!(standing.of(&key("three")).is_none());
    }
}
