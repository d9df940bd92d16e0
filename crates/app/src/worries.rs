//! What is amiss with how the log is kept, for as long as it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bakerst_model::{Action, Actor, Detail, Event, Journal};
use serde_json::json;

use crate::print::{self, Style};

/// What may be amiss.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Worry {
    /// The disk is nearly full.
    Disk,
    /// Old segments wait for sinks.
    Held,
    /// Old segments cannot be let go of.
    Retention,
}

/// What is amiss now, in sentences, for readiness.
#[derive(Debug, Default)]
pub(crate) struct Worries(Mutex<BTreeMap<Worry, String>>);

impl Worries {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Worry, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is amiss, or that it is no longer.
    pub(crate) fn set(&self, worry: Worry, amiss: Option<String>) {
        let mut worries = self.lock();
        match amiss {
            Some(amiss) => drop(worries.insert(worry, amiss)),
            None => drop(worries.remove(&worry)),
        }
    }

    /// All that is amiss.
    pub(crate) fn list(&self) -> Vec<String> {
        self.lock().values().cloned().collect()
    }
}

/// Says an alarm on standard error and in the log.
pub(crate) async fn raise(journal: &dyn Journal, alarm: &str) {
    print::note(format!("{} {alarm}", Style::for_stderr().red("alarm:")));
    let Ok(detail) = Detail::of(&json!({ "alarms": [alarm] })) else { return };
    let (action, actor) = (Action::SystemAlarm, Actor::system());
    // The alarm was said; where the log takes nothing, that has alarms of its own.
    let _ = journal.append(Event { action, actor, conversation: None, detail }).await;
}
