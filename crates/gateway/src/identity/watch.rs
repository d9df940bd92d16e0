//! How often what happens at the doors is written down.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bakerst_model::{TokenId, UnixMillis};

/// Refusals that are recorded one by one in a minute; the rest is counted.
const REJECTIONS_A_MINUTE_MAX: u32 = 60;
const MINUTE_MILLIS: u64 = 60_000;
/// How often a credential in use is recorded again.
const SUCCESS_EVERY_MILLIS: u64 = 15 * MINUTE_MILLIS;
/// How many credentials are remembered with where they are used.
const SEEN_MAX: usize = 10_000;

/// What somebody was recognised by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum Credential {
    Token(TokenId),
    Account(u32),
    /// The digest of whom an issuer's token was issued to.
    Issued([u8; 32]),
}

/// What was recorded lately.
#[derive(Debug, Default)]
pub(crate) struct AuthWatch {
    rejections: Mutex<Rejections>,
    seen: Mutex<HashMap<(Credential, Option<IpAddr>), UnixMillis>>,
}

#[derive(Debug, Default)]
struct Rejections {
    minute_began: UnixMillis,
    recorded: u32,
    suppressed: u64,
}

impl AuthWatch {
    /// Whether one more refusal may be recorded; otherwise it is counted.
    pub(crate) fn may_record_rejection(&self, now: UnixMillis) -> bool {
        let mut rejections = lock(&self.rejections);
        if now.millis_since(rejections.minute_began) >= MINUTE_MILLIS {
            rejections.minute_began = now;
            rejections.recorded = 0;
        }
        let may = rejections.recorded < REJECTIONS_A_MINUTE_MAX;
        match may {
            true => rejections.recorded += 1,
            false => rejections.suppressed += 1,
        }
        may
    }

    /// How many refusals were only counted, once their minute is over or when it is asked for at
    /// once; the count begins anew.
    pub(crate) fn suppressed(&self, now: UnixMillis, at_once: bool) -> Option<u64> {
        let mut rejections = lock(&self.rejections);
        let over = now.millis_since(rejections.minute_began) >= MINUTE_MILLIS;
        let count = rejections.suppressed;
        (count > 0 && (over || at_once)).then(|| std::mem::take(&mut rejections.suppressed))
    }

    /// Takes a count back that could not be recorded.
    pub(crate) fn put_back(&self, count: u64) {
        lock(&self.rejections).suppressed += count;
    }

    /// Whether the use of a credential is to be recorded now. It counts as recorded from here on.
    pub(super) fn is_due(
        &self,
        credential: Credential,
        ip: Option<IpAddr>,
        now: UnixMillis,
    ) -> bool {
        let mut seen = lock(&self.seen);
        let fresh = |at: &UnixMillis| now.millis_since(*at) < SUCCESS_EVERY_MILLIS;
        if seen.get(&(credential, ip)).is_some_and(fresh) {
            return false;
        }
        if seen.len() >= SEEN_MAX {
            seen.retain(|_, at| fresh(at));
        }
        if seen.len() >= SEEN_MAX {
            // Whoever uses so many addresses is recorded too often rather than remembered.
            seen.clear();
        }
        seen.insert((credential, ip), now);
        true
    }

    /// Takes back that the use of a credential was recorded.
    pub(super) fn forget(&self, credential: Credential, ip: Option<IpAddr>) {
        lock(&self.seen).remove(&(credential, ip));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_once_it_is_one() {
        let watch = AuthWatch::default();
        let now = UnixMillis(1_000_000);
        let recorded = (0..1000).filter(|_| watch.may_record_rejection(now)).count();
        assert_eq!(recorded, 60);
        assert_eq!(watch.suppressed(now, false), None);
        let later = now.plus_seconds(60);
        assert_eq!(watch.suppressed(later, false), Some(940));
        assert_eq!(watch.suppressed(later, true), None);
        assert!(watch.may_record_rejection(later));
    }

    #[test]
    fn a_credential_is_recorded_per_source_and_seldom() {
        let watch = AuthWatch::default();
        let (ann, now) = (Credential::Account(1), UnixMillis(1));
        let home = Some(IpAddr::from([127, 0, 0, 1]));
        assert!(watch.is_due(ann, None, now));
        assert!(!watch.is_due(ann, None, now.plus_seconds(899)));
        assert!(watch.is_due(ann, home, now));
        assert!(watch.is_due(ann, None, now.plus_seconds(900)));
        watch.forget(ann, home);
        assert!(watch.is_due(ann, home, now));
    }
}
