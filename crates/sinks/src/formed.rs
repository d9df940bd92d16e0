//! A sink that gets records in another form than the log's.

use std::time::Duration;

use bakerst_audit::delivery::{Form, Outcome, Shipped};
use bakerst_model::{Pending, UnixMillis};

use crate::Sink;

/// Brings records into a form before the sink gets them.
pub(crate) struct Formed {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) form: Form,
}

impl Sink for Formed {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let formed: Vec<_> = records.iter().map(|record| record.in_form(self.form)).collect();
            self.sink.send(&formed, now).await
        })
    }

    fn patience(&self) -> Duration {
        self.sink.patience()
    }
}
