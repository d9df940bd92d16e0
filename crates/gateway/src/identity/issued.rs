//! The keys of an issuer of tokens, fetched when they are needed and kept for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bakerst_model::{Clock, KeySource, Limits, UnixMillis};

use super::jwt::{Holder, Issuer, KeySet, Unfit};

/// Keys older than this are fetched again when next they are needed.
const FRESH_SECONDS: u64 = 600;
/// Keys older than this are good for nothing, if their issuer cannot be reached any more.
const STALE_SECONDS: u64 = 24 * 3600;
/// How often an issuer is asked at most, whatever tokens come.
const PAUSE_SECONDS: u64 = 30;
/// How long an issuer may take to answer.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// An issuer that is trusted, and what is known of its keys.
pub(crate) struct Issued {
    pub(crate) issuer: Issuer,
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    bytes_max: usize,
    known: Mutex<Known>,
    /// One at a time asks.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Option<(Arc<KeySet>, UnixMillis)>,
    asked: Option<UnixMillis>,
}

impl Issued {
    pub(crate) fn new(
        issuer: Issuer,
        source: Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
        limits: &Limits,
    ) -> Self {
        let bytes_max = limits.issuer_keys_bytes_max;
        let (known, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { issuer, source, clock, bytes_max, known, asking }
    }

    /// Who holds a token, if it is good.
    pub(crate) async fn holder(&self, token: &str) -> Result<Holder, Unfit> {
        let judge = |keys: &KeySet| self.issuer.holder(token, keys, self.clock.now());
        if let Some(keys) = self.keys(FRESH_SECONDS) {
            match judge(&keys) {
                // A key that is new there is not known here yet.
                Err(Unfit::Key) => {}
                judged => return judged,
            }
        }
        self.refresh().await;
        let keys = self.keys(STALE_SECONDS).ok_or(Unfit::Key)?;
        judge(&keys)
    }

    /// The keys, unless they are older than this.
    fn keys(&self, seconds: u64) -> Option<Arc<KeySet>> {
        let known = self.known();
        let (keys, at) = known.keys.as_ref()?;
        let age = self.clock.now().millis_since(*at);
        (age < seconds * 1000).then(|| keys.clone())
    }

    /// Asks for the keys, unless somebody just has.
    async fn refresh(&self) {
        let _one_at_a_time = self.asking.lock().await;
        let now = self.clock.now();
        {
            let mut known = self.known();
            let lately = |at: UnixMillis| now.millis_since(at) < PAUSE_SECONDS * 1000;
            if known.asked.is_some_and(lately) {
                return;
            }
            known.asked = Some(now);
        }
        let fetched = tokio::time::timeout(FETCH_WITHIN, self.source.fetch(self.bytes_max)).await;
        // What cannot be fetched or read changes nothing: keys that are known are good for a day.
        let Ok(Ok(bytes)) = fetched else { return };
        if let Ok(keys) = KeySet::read(&bytes, self.bytes_max) {
            self.known().keys = Some((Arc::new(keys), now));
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
