//! What all sinks have in common.

use std::sync::Arc;
use std::time::Duration;

use bakerst_audit::delivery::{Outcome, Shipped};
use bakerst_model::{Pending, UnixMillis};

/// A place that records are sent to.
///
/// A send may be dropped at any await: when it takes too long, or the server stops. What it had
/// open must then not be used again.
pub trait Sink: Send {
    /// Sends records, in order, and says what became of them. Nothing counts as accepted that the
    /// other side has not said it has.
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome>;

    /// How long a send may take in all.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Where records come from, as sinks tell it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The host's name.
    pub host: Arc<str>,
}
