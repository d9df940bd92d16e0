//! The journal as the doors use it: every append is watched, so that readiness can say how the
//! journal fares without writing to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bakerst_model::{Accountable, Appending, Event, Journal, JournalError, Recorded};

/// How the last append went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Health {
    /// It was taken.
    Ok,
    /// It was refused; the next may go through.
    Unwritable,
    /// Nothing more is taken until a restart.
    Closed,
}

impl Health {
    /// The state in one word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unwritable => "unwritable",
            Self::Closed => "closed",
        }
    }
}

/// A journal that remembers how it fared.
pub(crate) struct Ledger {
    journal: Arc<dyn Journal>,
    health: AtomicU8,
}

impl Ledger {
    pub(crate) fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, health: AtomicU8::new(0) }
    }

    /// Records what is to be acted upon.
    pub(crate) async fn record<T: Accountable>(
        &self,
        value: T,
    ) -> Result<Recorded<T>, JournalError> {
        Recorded::record(self, value).await
    }

    /// How the last append went.
    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            0 => Health::Ok,
            1 => Health::Unwritable,
            _ => Health::Closed,
        }
    }
}

impl Journal for Ledger {
    fn append(&self, event: Event) -> Appending<'_> {
        self.journal.append(event).inspect(|appended| {
            let health = match appended {
                Ok(_) => 0,
                Err(JournalError::Unwritable(_)) => 1,
                Err(JournalError::Closed(_)) => 2,
            };
            self.health.store(health, Ordering::Relaxed);
        })
    }
}
