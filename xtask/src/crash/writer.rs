//! The process that is killed: it writes the log from many tasks at once, and says of each event
//! when it was told that it is recorded.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use bakerst_audit::{LogKey, LogKeys};
use bakerst_model::{Action, Actor, Clock, Detail, Event, Journal as _, Secret, UnixMillis};
use bakerst_store::{Cadence, Durability, LogFile, LogSettings, SegmentBytes, StateFolder};
use clap::Args;
use serde_json::json;

const TASKS: u64 = 16;

/// The command line of the writer.
#[derive(Args)]
pub(crate) struct Writer {
    /// The state folder.
    folder: PathBuf,
    /// Which run it is.
    run: u64,
    /// Wait until each event is on the disk.
    #[arg(long)]
    strict: bool,
}

/// A clock that goes back now and then, as clocks do that are set.
struct Jumpy(AtomicU64);

impl Clock for Jumpy {
    fn now(&self) -> UnixMillis {
        let tick = self.0.fetch_add(1, Ordering::Relaxed);
        let set_back = if tick % 500 > 450 { 60_000 } else { 0 };
        UnixMillis(1_771_925_400_000 + tick - set_back)
    }
}

/// Every log of the harness has the same keys.
pub(crate) fn keys() -> Result<LogKeys> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).map_err(|error| anyhow!("{error}"))?;
    Ok(LogKeys::new(key, Secret::new(vec![9; 32])))
}

/// Opens a log with short segments, so that a crash often meets the step from one to the next.
pub(crate) fn open(folder: &Path, durability: Durability) -> Result<LogFile> {
    let folder = StateFolder::open(folder)?;
    let settings = LogSettings {
        durability,
        segment_bytes: SegmentBytes(64 << 10),
        checkpoints: Some(Cadence { records: 50, every: Duration::from_millis(20) }),
        ..LogSettings::default()
    };
    Ok(LogFile::open(&folder, &keys()?, settings, Arc::new(Jumpy(AtomicU64::new(0))))?)
}

impl Writer {
    /// Writes until it is killed.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub(crate) fn run(self) -> Result<()> {
        let durability = if self.strict { Durability::Strict } else { Durability::Batched };
        let log = Arc::new(open(&self.folder, durability)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
        let tasks: Vec<_> =
            (0..TASKS).map(|task| runtime.spawn(write(log.clone(), self.run, task))).collect();
        for task in tasks {
            runtime.block_on(task)??;
        }
        Ok(())
    }
}

async fn write(log: Arc<LogFile>, run: u64, task: u64) -> Result<()> {
    for n in 0_u64.. {
        let name = format!("{run}.{task}.{n}");
        let fill = "x".repeat(usize::try_from(n * 37 % 700).unwrap_or_default());
        let detail = Detail::of(&json!({ "event": name, "fill": fill }))?;
        let (action, actor) = (Action::ToolAllowed, Actor::system());
        let event = Event { action, actor, conversation: None, detail };
        // On a disk that was full before this run began, every event may be refused: saying so
        // tells a log that refuses from one that stalls.
        let line = match log.append(event).await {
            Ok(seq) => format!("{seq} {name} recorded\n"),
            Err(_) => format!("{name} refused\n"),
        };
        std::io::stdout().lock().write_all(line.as_bytes())?;
    }
    Ok(())
}
