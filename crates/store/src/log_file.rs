//! The log: segments that only grow, written by one process. [`LogFolder`] says how they lie.
//!
//! A record is written in place under a lock, which is a copy into the page cache and takes
//! microseconds. Under [`Durability::Strict`] the appender then waits for a thread that syncs the
//! file once for all who wait. Under [`Durability::Batched`] it is answered at once, and the
//! thread syncs a moment later.
//!
//! Whatever fails leaves no doubt behind: a record that could not be written whole is cut off
//! again before anybody is answered, and where that is not possible, or a sync fails, the log
//! closes until a restart has looked at what is there. A failed sync is never tried again: the
//! operating system may have dropped the very pages that it could not write.

mod recover;
mod rotate;
mod source;
mod sync;

use std::error::Error;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bakerst_audit::{About, Chain, Entry, Fault, LogId, LogKey};
use bakerst_model::{Clock, Code, Event, Journal, JournalError, Pending, Seq};
use tokio::sync::{oneshot, watch};

use self::recover::{Opening, Recovered};
use crate::{LogFolder, StateFolder, Synced};

/// The most appends that wait for a sync at once; more are refused.
pub const WAITING_MAX: usize = 16_384;

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
#[derive(Clone, Debug, Default)]
pub struct LogSettings {
    /// What an answer means.
    pub durability: Durability,
    /// How long a segment may become before the next one is begun.
    pub segment_bytes: SegmentBytes,
    /// What headers say of the machine and the policy.
    pub about: About,
}

/// How long a segment may become.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SegmentBytes(pub u64);

impl Default for SegmentBytes {
    fn default() -> Self {
        Self(64 << 20)
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
    #[error("the audit log does not verify: {0}")]
    DoesNotVerify(Fault),
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
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Read { .. } | Self::Write { .. } | Self::Begin(_) => Code::LogUnwritable,
            Self::DoesNotVerify(fault) => fault.code(),
            Self::Damaged { .. } | Self::Disjoint { .. } | Self::Unaccounted { .. } => {
                Code::LogTampered
            }
            Self::EarlierForm { .. } => Code::LogOfEarlierForm,
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
    /// How many appends wait for the disk.
    pub waiting: usize,
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
    /// Every record is verified first. A torn end, as a crash leaves it, is cut off, and a
    /// `system.log_repaired` event says so.
    ///
    /// # Errors
    /// When a whole record does not verify, or the file cannot be read or written.
    pub fn open(
        folder: &StateFolder,
        key: LogKey,
        settings: LogSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let log = folder.log();
        let opening = Opening { folder: &log, key, about: &settings.about, clock: &*clock };
        let Recovered { file, chain, segment, end, opened } = opening.recover()?;
        let live = Live { file: Arc::new(file), segment, end };
        let failed = |error: io::Error| LogError::Begin(error.to_string());
        let shared = Shared::new(log, State::new(chain, live), settings, clock).map_err(failed)?;
        // What was found is on the disk: it was synced when it was opened.
        let state = shared.lock();
        let found = state.written();
        drop(state);
        shared.publish(found).map_err(failed)?;
        Self::start(shared, opened, Some(folder.lock())).map_err(failed)
    }

    /// What was found when it was opened.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// How it fares.
    #[must_use]
    pub fn health(&self) -> LogHealth {
        let state = self.shared.lock();
        let (head, waiting) = (state.chain.head().seq, state.waiting.len());
        LogHealth { head, waiting, closed: state.closed.clone() }
    }
}

impl Journal for LogFile {
    fn append(&self, event: Event) -> Pending<'_, Result<Seq, JournalError>> {
        Box::pin(async move {
            match self.shared.append(&event)? {
                Written::Answered(seq) => Ok(seq),
                Written::Waits(answer) => answer
                    .await
                    .unwrap_or_else(|_| Err(JournalError::Closed("it was stopped".into()))),
            }
        })
    }
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFile").field("opened", &self.opened).finish_non_exhaustive()
    }
}

/// What appenders and the syncing thread share.
struct Shared {
    folder: LogFolder,
    settings: LogSettings,
    synced: watch::Sender<Synced>,
    /// Where other processes learn how far the log is on the disk.
    note: File,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Rung when there is something to sync, and when the log stops.
    bell: Condvar,
}

struct State {
    chain: Chain,
    live: Live,
    /// Those whose record is written, but not yet known to be on the disk.
    waiting: Vec<Waiting>,
    /// Whether anything was written since the last sync began.
    dirty: bool,
    stopping: bool,
    closed: Option<Arc<str>>,
}

/// The live segment.
struct Live {
    file: Arc<File>,
    /// Its first record.
    segment: Seq,
    /// Where the next record goes: the end of the last whole one.
    end: u64,
}

struct Waiting {
    seq: Seq,
    answer: oneshot::Sender<Result<Seq, JournalError>>,
}

/// A record that was written.
enum Written {
    Answered(Seq),
    Waits(oneshot::Receiver<Result<Seq, JournalError>>),
}

impl State {
    fn new(chain: Chain, live: Live) -> Self {
        let (waiting, dirty, stopping) = (Vec::new(), false, false);
        Self { chain, live, waiting, dirty, stopping, closed: None }
    }

    /// How far the log is written: what a sync that begins now makes durable.
    fn written(&self) -> Synced {
        let Live { segment, end, .. } = self.live;
        Synced { seq: self.chain.head().seq, segment, bytes: end }
    }

    /// Takes nothing more. The first reason stands.
    fn close(&mut self, reason: &str) -> JournalError {
        JournalError::Closed(self.closed.get_or_insert_with(|| reason.into()).clone())
    }
}

impl Shared {
    fn new(
        folder: LogFolder,
        state: State,
        settings: LogSettings,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let note = options.write(true).create(true).truncate(false).mode(0o600);
        let note = note.open(folder.synced_path())?;
        let nothing = Synced { seq: Seq(0), segment: Seq(0), bytes: 0 };
        let (synced, state) = (watch::Sender::new(nothing), Mutex::new(state));
        Ok(Self { folder, settings, synced, note, clock, state, bell: Condvar::new() })
    }

    /// Says how far the log is on the disk, to those in this process and in others.
    fn publish(&self, synced: Synced) -> io::Result<()> {
        self.note.write_all_at(synced.to_note().as_bytes(), 0)?;
        self.synced.send_replace(synced);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(in_doubt)
    }

    fn append(&self, event: &Event) -> Result<Written, JournalError> {
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(JournalError::Closed(reason.clone()));
        }
        if state.waiting.len() >= WAITING_MAX {
            let full = format!("{WAITING_MAX} appends wait for the disk already");
            return Err(JournalError::Unwritable(full.into()));
        }
        let unwritable = |error: &dyn Error| JournalError::Unwritable(error.to_string().into());
        let at = self.clock.now();
        let mut entry = state.chain.prepare(at, event).map_err(|error| unwritable(&error))?;
        if state.live.is_full(&entry, self.settings.segment_bytes) {
            self.rotate(&mut state)?;
            entry = state.chain.prepare(at, event).map_err(|error| unwritable(&error))?;
        }
        self.write(&mut state, &entry)?;
        let was_idle = !std::mem::replace(&mut state.dirty, true);
        let written = match self.settings.durability {
            Durability::Batched => Written::Answered(entry.seq()),
            Durability::Strict => {
                let (answer, answered) = oneshot::channel();
                state.waiting.push(Waiting { seq: entry.seq(), answer });
                Written::Waits(answered)
            }
        };
        drop(state);
        if was_idle {
            self.bell.notify_one();
        }
        Ok(written)
    }

    /// Writes an entry whole or not at all.
    fn write(&self, state: &mut State, entry: &Entry) -> Result<(), JournalError> {
        if let Err(error) = state.live.file.write_all_at(entry.bytes(), state.live.end) {
            return Err(match state.live.file.set_len(state.live.end) {
                Ok(()) => JournalError::Unwritable(error.to_string().into()),
                Err(cut) => state.close(&format!(
                    "a record could not be written ({error}), nor what was written of it cut ({cut})"
                )),
            });
        }
        if let Err(error) = state.chain.advance(entry) {
            return Err(state.close(&error.to_string()));
        }
        state.live.end += entry.bytes().len() as u64;
        Ok(())
    }
}

/// A thread that failed while it held the state may have left it halfway, so the log closes.
fn in_doubt(poisoned: PoisonError<MutexGuard<'_, State>>) -> MutexGuard<'_, State> {
    let mut state = poisoned.into_inner();
    state.close("a thread failed while it wrote");
    // Those who wait learn it by the loss of their channel.
    state.waiting.clear();
    state
}

#[cfg(test)]
mod tests;
