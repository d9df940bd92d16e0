//! A log and sinks that fare as a test says.

use bakerst_audit::delivery::{Deliveries, LogVitals, SinkStatus, Vitals};
use bakerst_model::Seq;

/// How the log and the sinks fare.
#[derive(Default)]
pub(crate) struct FakeVitals {
    pub(crate) sinks: Vec<SinkStatus>,
    pub(crate) alarms: Vec<String>,
}

impl Deliveries for FakeVitals {
    fn report(&self) -> Vec<SinkStatus> {
        self.sinks.clone()
    }
}

impl Vitals for FakeVitals {
    fn log(&self) -> LogVitals {
        LogVitals {
            head: Seq(42),
            synced: Seq(41),
            waiting: 3,
            syncs: 10,
            last_sync_micros: 12_345_678,
            disk_free: Some(1 << 40),
        }
    }

    fn alarms(&self) -> Vec<String> {
        self.alarms.clone()
    }
}
