//! The sinks, joined to the log, the secrets and the journal of a station.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use bakerst_audit::delivery::{Deliveries, LogVitals, SinkStatus, Vitals};
use bakerst_model::{Action, Actor, Code, Detail, Event, Journal, Secret};
use bakerst_secrets::SealedFile;
use bakerst_sinks::{
    Boards, Keyring, Notice, Notices, Origin, Setup, Shipper, Shipping, Sink, SinkEntry, SinkFolder,
};
use bakerst_store::LogFile;
use serde_json::json;
use tokio::runtime::Handle;

use crate::config::Config;
use crate::failure::Failure;
use crate::print::{self, Style};
use crate::reserve::Reserve;
use crate::station::{Places, Station, is_our_secret};
use crate::worries::Worries;

/// Begins to serve every sink that is configured and enabled.
///
/// A sink that is away does not keep anything from starting; one whose credentials cannot be had
/// does: nobody would believe that records leave which do not.
pub(crate) fn start(
    places: &Places,
    config: &Config,
    station: &Station,
) -> Result<Shipping, Failure> {
    let mut shippers = Vec::new();
    let notices: Arc<dyn Notices> =
        Arc::new(Clerk { journal: station.journal.clone(), runtime: Handle::current() });
    for entry in config.audit.sinks.iter().filter(|entry| entry.shape.enabled) {
        let sink = {
            let secrets = station.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            open(entry, &secrets, &station.host)?
        };
        let name = entry.shape.name.clone();
        let shipper = Shipper::open(Setup {
            folder: SinkFolder::of(places.state(), &name),
            name: name.clone(),
            kind: entry.shape.kind.as_str(),
            pace: entry.shape.pace(),
            batch_bytes_max: entry.shape.batch_bytes_max,
            dead_letters_max: entry.shape.dead_letters_max,
            sink,
            log: station.journal.opened().log,
            source: station.journal.clone(),
            notices: notices.clone(),
            random: Box::new(random),
        });
        let failed = |error| {
            let message = format!("the sink `{name}` cannot be served: {error}");
            Failure::environment(Code::StateUnwritable, message)
        };
        shippers.push(shipper.map_err(failed)?);
    }
    Ok(Shipping::start(shippers, &station.ports.clock))
}

/// Makes one sink, with its credentials.
pub(crate) fn open(
    entry: &SinkEntry,
    secrets: &SealedFile,
    host: &str,
) -> Result<Box<dyn Sink>, Failure> {
    let opened = entry.open(&Keys { secrets: Some(secrets) }, &Origin { host: host.into() });
    opened.map_err(|error| {
        let message = format!("the sink `{}` cannot be served: {error}", entry.shape.name);
        Failure::usage(Code::ConfigValue, message)
    })
}

/// Spreads waits. Where there is no randomness to be had, waits are as long as they may be.
fn random() -> u64 {
    let mut bytes = [0xff; 8];
    getrandom::fill(&mut bytes).ok();
    u64::from_ne_bytes(bytes)
}

/// The environment, files and sealed secrets.
pub(crate) struct Keys<'s> {
    /// The sealed ones, where there are any.
    pub(crate) secrets: Option<&'s SealedFile>,
}

impl Keyring for Keys<'_> {
    fn variable(&self, name: &str) -> Option<Secret> {
        crate::paths::secret_variable(name)
    }

    fn file(&self, path: &Path) -> io::Result<Secret> {
        const FILE_BYTES_MAX: u64 = 64 << 10;
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let whole = bytes.trim_ascii_end().len();
        bytes.truncate(whole);
        Ok(Secret::new(bytes))
    }

    fn sealed(&self, name: &str) -> Option<Secret> {
        self.secrets?.get(name).filter(|_| !is_our_secret(name))
    }
}

/// Writes into the log what an operator should know about sinks, and says it on standard error.
struct Clerk {
    journal: Arc<LogFile>,
    runtime: Handle,
}

impl Notices for Clerk {
    fn note(&self, notice: Notice) {
        let (action, detail, said) = match notice {
            Notice::Stopped { sink, why } => {
                let said = format!("the sink `{sink}` takes no records: {why}");
                (Action::SinkStopped, json!({ "sink": sink, "why": why.as_str() }), said)
            }
            Notice::Resumed { sink } => {
                let said = format!("the sink `{sink}` takes records again");
                (Action::SinkResumed, json!({ "sink": sink }), said)
            }
            Notice::Alarm(said) => (Action::SystemAlarm, json!({ "alarms": [said] }), said),
        };
        print::note(format!("{} {said}", Style::for_stderr().yellow("sinks:")));
        let Ok(detail) = Detail::of(&detail) else { return };
        let event = Event { action, actor: Actor::system(), conversation: None, detail };
        let journal = self.journal.clone();
        // Where the log takes nothing, readiness says so, and more loudly.
        self.runtime.spawn(async move { journal.append(event).await.ok() });
    }
}

/// How the log and the sinks fare, for metrics and readiness.
pub(crate) struct Fares {
    journal: Arc<LogFile>,
    boards: Boards,
    reserve: Arc<Reserve>,
    worries: Arc<Worries>,
}

impl Fares {
    pub(crate) fn new(
        journal: &Arc<LogFile>,
        boards: Boards,
        reserve: &Arc<Reserve>,
        worries: &Arc<Worries>,
    ) -> Self {
        let (reserve, worries) = (reserve.clone(), worries.clone());
        Self { journal: journal.clone(), boards, reserve, worries }
    }
}

impl Deliveries for Fares {
    fn report(&self) -> Vec<SinkStatus> {
        self.boards.report()
    }
}

impl Vitals for Fares {
    fn log(&self) -> LogVitals {
        let health = self.journal.health();
        LogVitals {
            head: health.head,
            synced: health.synced.seq,
            waiting: health.waiting,
            syncs: health.syncs,
            last_sync_micros: u64::try_from(health.last_sync.as_micros()).unwrap_or(u64::MAX),
            disk_free: self.reserve.free(),
        }
    }

    fn alarms(&self) -> Vec<String> {
        self.worries.list()
    }
}
