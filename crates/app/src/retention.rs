//! Letting go of old segments, once every sink has them.

use std::sync::Arc;
use std::time::Duration;

use bakerst_audit::Lasting;
use bakerst_audit::retention::{Kept, Plan, Retention, Tombstone};
use bakerst_model::{Clock, Seq};
use bakerst_sinks::{SinkFolder, SinkName};
use bakerst_store::retention::{ExpireError, Survey, expire, finish_expiry, survey};
use bakerst_store::{LogFile, LogFolder};

use crate::config::Audit;
use crate::print;
use crate::station::{self, Places};
use crate::worries::{Worries, Worry, raise};

/// How often it is looked at what has become too old or too much.
const EVERY: Duration = Duration::from_secs(600);
const HOUR_MILLIS: u64 = 3_600_000;

/// Who lets go of old segments.
#[derive(Clone)]
pub(crate) struct Keeper {
    log: LogFolder,
    journal: Arc<LogFile>,
    clock: Arc<dyn Clock>,
    /// Those that must have a record before it goes.
    waits_for: Vec<(SinkName, SinkFolder)>,
}

/// What is to go, and what stays because some sinks have not got it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    /// The sinks that it stays for.
    pub(crate) waits_for: Vec<String>,
}

/// What one look came to.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) gone: Option<Tombstone>,
    /// What stays because some sinks have not got it, in a sentence.
    pub(crate) held: Option<String>,
}

impl Keeper {
    /// Of the log that is open here.
    pub(crate) fn new(
        places: &Places,
        audit: &Audit,
        journal: &Arc<LogFile>,
        clock: &Arc<dyn Clock>,
    ) -> Self {
        let waited_for = audit.sinks.iter().filter(|entry| entry.shape.enabled);
        let folder = |name: &SinkName| (name.clone(), SinkFolder::of(places.state(), name));
        let waits_for = waited_for.map(|entry| folder(&entry.shape.name)).collect();
        Self {
            log: places.log(),
            journal: journal.clone(),
            clock: clock.clone(),
            waits_for: if audit.retention.wait_for_sinks { waits_for } else { Vec::new() },
        }
    }

    /// What is to go by now.
    pub(crate) async fn plan(&self, retention: Retention) -> Result<Planned, ExpireError> {
        let (log, keeper) = (self.log.clone(), self.clone());
        let planned = tokio::task::spawn_blocking(move || {
            let surveyed = survey(&log)?;
            Ok::<_, ExpireError>(surveyed.map(|surveyed| keeper.plan_of(retention, &surveyed)))
        });
        // A thread that fails is one that found nothing; the next turn tries again.
        let planned = planned.await.unwrap_or(Ok(None))?;
        Ok(planned.unwrap_or(Planned { plan: Plan::default(), waits_for: Vec::new() }))
    }

    fn plan_of(&self, retention: Retention, surveyed: &Survey) -> Planned {
        let log = self.journal.opened().log;
        // Of a sink whose account cannot be read nobody knows what it has.
        let needs = |folder: &SinkFolder| folder.first_needed(log).unwrap_or(Seq(0));
        let needed: Vec<_> =
            self.waits_for.iter().map(|(name, folder)| (name, needs(folder))).collect();
        let hold = needed.iter().map(|(_, needed)| *needed).min();
        let Survey { sealed, live } = surveyed;
        let plan = retention.plan(sealed, *live, self.clock.now(), hold);
        let behind = |held: &Kept| {
            let later = sealed.iter().chain([live]).find(|kept| kept.first > held.first);
            later.map_or(live.first, |kept| kept.first)
        };
        let until = plan.held.first().map_or(Seq(0), behind);
        let late = needed.iter().filter(|(_, needed)| *needed < until);
        let waits_for = late.map(|(name, _)| name.to_string()).collect();
        Planned { plan, waits_for }
    }

    /// One look, and what follows from it.
    pub(crate) async fn turn(&self, retention: Retention) -> Result<Turn, ExpireError> {
        let log = self.log.clone();
        let finished = tokio::task::spawn_blocking(move || finish_expiry(&log));
        finished.await.unwrap_or(Ok(0))?;
        let planned = self.plan(retention).await?;
        let held = planned.held();
        let gone = expire(&self.log, &planned.plan, &*self.journal, &*self.journal).await?;
        Ok(Turn { gone, held })
    }

    /// Looks now and again; nothing where records are kept for ever.
    pub(crate) async fn keep(self, audit: crate::config::Retention, worries: Arc<Worries>) {
        let retention = audit.limits();
        if retention == Retention::default() {
            return;
        }
        let mut held = Lasting::new(u64::from(audit.wait_hours_max) * HOUR_MILLIS);
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            let turn = self.turn(retention).await;
            let failed = turn.as_ref().err().map(|error| {
                format!(
                    "old segments of the log cannot be let go of: {}",
                    station::with_causes(error)
                )
            });
            worries.set(Worry::Retention, failed.clone());
            if let Some(failed) = failed {
                raise(&*self.journal, &failed).await;
            }
            let Ok(turn) = turn else { continue };
            if let Some(Tombstone { segments, bytes, next, .. }) = turn.gone {
                print::note(format!(
                    "{segments} segments of the log have expired ({bytes} bytes); it begins with record {next} now"
                ));
            }
            let due = held.note(turn.held.is_some(), self.clock.now());
            worries.set(Worry::Held, turn.held.clone().filter(|_| held.said_since().is_some()));
            if let Some(said) = turn.held.filter(|_| due) {
                raise(&*self.journal, &said).await;
            }
        }
    }
}

impl Planned {
    /// What stays because some sinks have not got it, in a sentence.
    pub(crate) fn held(&self) -> Option<String> {
        let Self { plan, waits_for } = self;
        let segments = plan.held.len();
        let bytes: u64 = plan.held.iter().map(|kept| kept.bytes).sum();
        let names = waits_for.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        (segments > 0).then(|| {
            format!("{segments} segments of the log ({bytes} bytes) should have expired, and wait for the sinks {names}")
        })
    }
}
