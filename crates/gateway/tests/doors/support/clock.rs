//! A clock that goes with the runtime's own, so that pausing one pauses both, and that can be set
//! forward.

use std::sync::atomic::{AtomicU64, Ordering};

use bakerst_model::{Clock, UnixMillis};
use tokio::time::Instant;

pub(crate) struct TestClock {
    began: Instant,
    ahead: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), ahead: AtomicU64::new(0) }
    }

    /// Sets it forward.
    pub(crate) fn advance(&self, millis: u64) {
        self.ahead.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        UnixMillis(1_771_925_400_000 + since + self.ahead.load(Ordering::SeqCst))
    }
}
