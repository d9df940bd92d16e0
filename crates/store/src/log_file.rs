//! The log: segments that only grow, written by one process. [`LogFolder`] says how they lie.
//!
//! An event is written down as JSON by whoever appends it. Under a lock it then gets its place:
//! it is put into the chain and into a buffer, which takes less than a microsecond. Under
//! [`Durability::Strict`] the appender waits for a thread that writes the buffer and syncs the
//! file, once for all who wait. Under [`Durability::Batched`] the record is handed to the
//! operating system at once, and the thread syncs a moment later.
//!
//! Whatever fails leaves no doubt behind: records that could not be written whole are taken back,
//! from the file and from the chain, before anybody is answered; where that is not possible, or a
//! sync fails, the log closes until a restart has looked at what is there. A failed sync is never
//! tried again: the operating system may have dropped the very pages that it could not write.

mod disk;
mod live;
mod recover;
mod shared;
mod source;
mod sync;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bakerst_audit::{About, ChainError, Fault, LogId, LogKey, LogKeys};
use bakerst_model::{Appending, Clock, Code, Digest, Event, Journal, JournalError, Seq};

use self::disk::{Disk, Files};
use self::recover::Opening;
use self::shared::{Shared, Written};
use crate::{StateFolder, Synced};

/// The most appends that wait for a sync at once; more are refused.
pub const WAITING_MAX: usize = 16_384;

/// The most that waits to be written; more is refused.
pub const BUFFER_BYTES_MAX: usize = 8 << 20;

/// What an answer to an append means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// The record is on the disk.
    #[default]
    Strict,
    /// The record is with the operating system and reaches the disk within about a tenth of a
    /// second. It outlives the process, but not a power cut in that time.
    Batched,
}

/// How a log is written.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// What an answer means.
    pub durability: Durability,
    /// How long a segment may become before the next one is begun.
    pub segment_bytes: SegmentBytes,
    /// When what was written is signed; never, where nobody asks for it.
    pub checkpoints: Option<Cadence>,
    /// What headers say of the machine and the policy.
    pub about: About,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            segment_bytes: SegmentBytes::default(),
            checkpoints: Some(Cadence::default()),
            about: About::default(),
        }
    }
}

/// How long a segment may become. It is exceeded by what is written at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SegmentBytes(pub u64);

impl Default for SegmentBytes {
    fn default() -> Self {
        Self(64 << 20)
    }
}

/// A checkpoint is written after so many records or so much time, whichever comes first, and when
/// the log is closed in order. Where nothing was written, nothing is signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cadence {
    /// After so many records.
    pub records: u64,
    /// After so much time.
    pub every: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self { records: 10_000, every: Duration::from_secs(60) }
    }
}

/// Why a log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be read.
    #[error("cannot read the audit log `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the audit log `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A record is not what was written.
    #[error("the audit log does not verify: {}{fault}", segment.as_ref().map(|path| format!("`{}`, ", path.display())).unwrap_or_default())]
    DoesNotVerify {
        /// The segment, where it is one.
        segment: Option<PathBuf>,
        /// What is wrong, and where.
        fault: Fault,
    },
    /// Its end is torn in a way that no crash explains.
    #[error(
        "the audit log `{path}` is damaged: {bytes} bytes from byte {offset} on are no records"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// How much there is from there on.
        bytes: u64,
    },
    /// A segment is gone, or its end is.
    #[error("the audit log `{path}` does not end where the next segment, {next}, goes on")]
    Disjoint {
        /// The segment that ends too early.
        path: PathBuf,
        /// The first record of the next one.
        next: Seq,
    },
    /// Records that were on the disk are gone.
    #[error(
        "the audit log ends with record {head}, but record {synced} was on the disk already: \
         restore it; or remove `{note}` to go on without what is gone"
    )]
    Cut {
        /// The last record that is there.
        head: Seq,
        /// The last record that was there.
        synced: Seq,
        /// Where that is noted.
        note: PathBuf,
    },
    /// A log of one file, as it was before there were segments.
    #[error(
        "the audit log `{path}` is of an earlier form: verify it with the `bakerst` that wrote it, \
         then move it elsewhere; a new log is begun in its place"
    )]
    EarlierForm {
        /// The file.
        path: PathBuf,
    },
    /// Its beginning is gone, and no tombstone says why.
    #[error("the log begins with record {first}, and no tombstone accounts for those before it")]
    Unaccounted {
        /// The first record that there is.
        first: Seq,
    },
    /// The log could not be begun or repaired.
    #[error("cannot begin or repair the audit log: {0}")]
    Begin(String),
    /// The log cannot be gone on with.
    #[error("cannot go on with the audit log: {0}")]
    Chain(#[from] ChainError),
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::Begin(_) => Code::LogUnwritable,
            Self::DoesNotVerify { fault, .. } => fault.code(),
            Self::Damaged { .. }
            | Self::Disjoint { .. }
            | Self::Cut { .. }
            | Self::Unaccounted { .. } => Code::LogTampered,
            Self::EarlierForm { .. } => Code::LogOfEarlierForm,
            Self::Chain(ChainError::Record(_)) => Code::LogUnwritable,
            Self::Chain(_) => Code::LogKeyMissing,
        }
    }
}

/// What was found when a log was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opened {
    /// Which log.
    pub log: LogId,
    /// Whether it was begun just now. Where a log was expected, somebody has removed it.
    pub begun: bool,
    /// What had to be cut off its end, if anything.
    pub cut: Option<Cut>,
}

/// The end of a log that was cut off because a crash had torn it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// The last whole record before it.
    pub after: Seq,
    /// How many bytes were cut.
    pub bytes: u64,
    /// Where they were kept.
    pub kept_in: PathBuf,
}

/// How a log fares.
#[derive(Clone, Debug)]
pub struct LogHealth {
    /// The last record.
    pub head: Seq,
    /// How far it is on the disk.
    pub synced: Synced,
    /// How many appends wait for the disk.
    pub waiting: usize,
    /// How many records no checkpoint is over yet.
    pub unsigned: u64,
    /// How many times the disk was synced.
    pub syncs: u64,
    /// How long the last sync took.
    pub last_sync: Duration,
    /// How many events were refused since the log last took one: the disk is full.
    pub refused: u64,
    /// Why the log takes nothing more, if so.
    pub closed: Option<Arc<str>>,
}

/// The log of a state folder.
pub struct LogFile {
    shared: Arc<Shared>,
    syncer: Option<JoinHandle<()>>,
    opened: Opened,
    /// Held for as long as anything may be written.
    _lock: Option<Arc<File>>,
}

impl LogFile {
    /// Opens the log of a folder, or begins one.
    ///
    /// Every record of the live segment is verified first. A torn end, as a crash leaves it, is
    /// cut off, and a `system.log_repaired` event says so. Where the log was written with another
    /// key than the current one, that is replaced.
    ///
    /// # Errors
    /// When a whole record does not verify, a record is gone that was on the disk, or a file
    /// cannot be read or written.
    pub fn open(
        folder: &StateFolder,
        keys: &LogKeys,
        settings: LogSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        Self::open_on(Arc::new(Files), folder, keys, settings, clock)
    }

    fn open_on(
        disk: Arc<dyn Disk>,
        folder: &StateFolder,
        keys: &LogKeys,
        settings: LogSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let log = folder.log();
        let about = &settings.about;
        let recovered = Opening { folder: &log, keys, about, clock: &*clock }.recover()?;
        let (opened, rotate) = (recovered.opened.clone(), recovered.begin_segment);
        let failed = |error: &dyn std::error::Error| LogError::Begin(error.to_string());
        let shared = Shared::new(log, recovered, settings, clock, disk).map_err(|e| failed(&e))?;
        let current = keys.current();
        if rotate {
            shared.rotate(&mut shared.lock(), None).map_err(|error| failed(&error))?;
        }
        if shared.lock().chain.key() != current.id() {
            let next = Some(current.clone());
            shared.rotate(&mut shared.lock(), next).map_err(|error| failed(&error))?;
        }
        // Everything so far is on the disk: it was synced when it was opened.
        let found = shared.lock().written();
        shared.publish(found).map_err(|error| failed(&error))?;
        Self::start(shared, opened, Some(folder.lock())).map_err(|error| failed(&error))
    }

    /// What was found when it was opened.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> LogHealth {
        self.shared.health()
    }

    /// Has the log written with another key from now on. The old one is needed to verify what it
    /// was used for.
    ///
    /// # Errors
    /// When the disk does not take it; then the log is closed.
    pub fn rotate_key(&self, next: LogKey) -> Result<(), JournalError> {
        self.shared.rotate(&mut self.shared.lock(), Some(next))
    }

    /// Says of later headers which policy is in force.
    pub fn set_policy(&self, policy: Option<Digest>) {
        self.shared.lock().chain.set_policy(policy);
    }
}

impl Journal for LogFile {
    fn append(&self, event: Event) -> Appending<'_> {
        // It gets its place at once, in the order of the calls, and not when it is first waited for.
        match self.shared.append(&event) {
            Ok(Written::Answered(seq)) => Appending::done(Ok(seq)),
            Ok(Written::Waits(answer)) => Appending::waits(async move {
                let stopped = |_| Err(JournalError::Closed("it was stopped".into()));
                answer.await.unwrap_or_else(stopped)
            }),
            Err(refused) => Appending::done(Err(refused)),
        }
    }
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFile").field("opened", &self.opened).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
