//! A clock that goes with the runtime's own, so that pausing one pauses both.

use bakerst_model::{Clock, UnixMillis};
use tokio::time::Instant;

pub(crate) struct TestClock {
    began: Instant,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap();
        UnixMillis(1_771_925_400_000 + since)
    }
}
