//! Letting go of old segments while the server runs.

use std::sync::Arc;
use std::time::Duration;

use bakerst_audit::retention::{Plan, Retention, Tombstone};
use bakerst_model::{Action, Actor, Clock, Detail, Event, Journal as _};
use bakerst_store::retention::{ExpireError, Survey, expire, finish_expiry, survey};
use bakerst_store::{LogFile, LogFolder};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::print::{self, Style};
use crate::station;

/// How often it is looked at what has become too old or too much.
const EVERY: Duration = Duration::from_secs(600);

/// Does so until the task is ended; nothing where records are kept for ever.
pub(crate) fn keep(
    retention: Retention,
    log: LogFolder,
    journal: Arc<LogFile>,
    clock: Arc<dyn Clock>,
) -> Option<JoinHandle<()>> {
    if retention == Retention::default() {
        return None;
    }
    Some(tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            match turn(retention, &log, &journal, &*clock).await {
                Ok(Some(gone)) => print::note(format!(
                    "{} segments of the log have expired ({} bytes); it begins with record {} now",
                    gone.segments, gone.bytes, gone.next
                )),
                Ok(None) => {}
                Err(error) => raise(&journal, &station::with_causes(&error)).await,
            }
        }
    }))
}

/// One look, and what follows from it.
pub(crate) async fn turn(
    retention: Retention,
    log: &LogFolder,
    journal: &LogFile,
    clock: &dyn Clock,
) -> Result<Option<Tombstone>, ExpireError> {
    let read = log.clone();
    let surveyed = tokio::task::spawn_blocking(move || {
        finish_expiry(&read)?;
        Ok::<_, ExpireError>(survey(&read)?)
    });
    // A thread that fails is one that found nothing; the next turn tries again.
    let Some(surveyed) = surveyed.await.unwrap_or(Ok(None))? else { return Ok(None) };
    expire(log, &plan(retention, &surveyed, clock), journal, journal).await
}

/// What is to go by now.
pub(crate) fn plan(retention: Retention, surveyed: &Survey, clock: &dyn Clock) -> Plan {
    retention.plan(&surveyed.sealed, surveyed.live, clock.now(), None)
}

async fn raise(journal: &LogFile, why: &str) {
    let alarm = format!("old segments of the log cannot be let go of: {why}");
    print::note(format!("{} {alarm}", Style::for_stderr().red("alarm:")));
    let Ok(detail) = Detail::of(&json!({ "alarms": [alarm] })) else { return };
    let (action, actor) = (Action::SystemAlarm, Actor::system());
    // The alarm was said; where the log takes nothing, that has alarms of its own.
    let _ = journal.append(Event { action, actor, conversation: None, detail }).await;
}
