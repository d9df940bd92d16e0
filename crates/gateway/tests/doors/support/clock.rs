//! A clock that goes with the runtime's own, so that pausing one pauses both, and that can be set
//! forward.

use std::sync::atomic::{AtomicU64, Ordering};

use bakerst_model::{Clock, UnixMillis};
use tokio::time::Instant;

pub(crate) struct TestClock {
    /// When it began to go; one that stands still never did.
    began: Option<Instant>,
    start: UnixMillis,
    ahead: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        let start = UnixMillis(1_771_925_400_000);
        Self { began: Some(Instant::now()), ..Self::still(start) }
    }

    /// A clock that shows the same time for ever.
    pub(crate) fn still(start: UnixMillis) -> Self {
        Self { began: None, start, ahead: AtomicU64::new(0) }
    }

    /// Sets it forward.
    pub(crate) fn advance(&self, millis: u64) {
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        let since = self.began.map_or(0, |began| began.elapsed().as_millis());
        let ahead = self.ahead.load(Ordering::SeqCst);
        UnixMillis(self.start.0 + u64::try_from(since).unwrap() + ahead)
    }
}
