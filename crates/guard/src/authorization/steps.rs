//! How far a policy has got. The engine bounds evaluation by time, and takes the time from a source
//! that it is given: this one counts steps instead. So the same policy ends at the same place for
//! the same call on every machine, and a decision that is replayed is the same decision.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Once;
use std::time::Duration;

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};

thread_local! {
    /// Evaluations stay on their thread, so each thread counts for itself.
    static CHECKS: Cell<u64> = const { Cell::new(0) };
}

/// A clock that advances by being looked at.
struct Checks;

impl TimeSource for Checks {
    fn now(&self) -> Option<Duration> {
        let checks = CHECKS.get().wrapping_add(1);
        CHECKS.set(checks);
        Some(Duration::from_nanos(checks))
    }
}

/// How many steps lie between two looks.
const INTERVAL: NonZeroU32 = NonZeroU32::MIN.saturating_add(15);

/// The bound for `steps` steps.
pub(super) fn bound(steps: u64) -> ExecutionTimerConfig {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // Nobody else in this process sets one.
        let _ = set_time_source(&Checks);
    });
    let checks = steps.div_ceil(u64::from(INTERVAL.get())).max(1);
    ExecutionTimerConfig { limit: Duration::from_nanos(checks), check_interval: INTERVAL }
}
