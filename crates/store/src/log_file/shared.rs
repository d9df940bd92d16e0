//! What appenders and the syncing thread share.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bakerst_audit::{Chain, Draft, LogKey, Mark};
use bakerst_model::{Action, Actor, Clock, Detail, Event, JournalError, Seq, UnixMillis};
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::disk::{Disk, Medium};
use super::live::{Failed, Live};
use super::recover::Recovered;
use super::{BUFFER_BYTES_MAX, Durability, LogHealth, LogSettings, WAITING_MAX};
use crate::{LogFolder, Synced};

/// How far a clock may be behind what it said before. Appenders ask it at once and get their
/// places in any order.
const CLOCK_SLACK_MILLIS: u64 = 2_000;

pub(super) struct Shared {
    folder: LogFolder,
    pub(super) settings: LogSettings,
    pub(super) synced: watch::Sender<Synced>,
    disk: Arc<dyn Disk>,
    /// Where other processes learn how far the log is on the disk.
    note: Arc<dyn Medium>,
    pub(super) clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Rung when there is something to sync, and when the log stops.
    pub(super) bell: Condvar,
}

pub(super) struct State {
    pub(super) chain: Chain,
    live: Live,
    /// Records that have their place, but are not written.
    buffer: Vec<u8>,
    /// The chain before the buffer.
    before: Mark,
    /// Those whose record is in the buffer or written, but not yet known to be on the disk.
    pub(super) waiting: Vec<Waiting>,
    /// Whether anything was appended since the last sync began.
    pub(super) dirty: bool,
    pub(super) stopping: bool,
    pub(super) signed_at: Instant,
    /// The latest time that was recorded.
    latest: UnixMillis,
    /// How many events were refused since the last one was written, how many of those the buffer
    /// tells of, and why the last of them was.
    pub(super) refused: u64,
    remarked: u64,
    why_refused: Arc<str>,
    /// Whether the last write failed.
    pub(super) failing: bool,
    pub(super) syncs: u64,
    pub(super) last_sync: Duration,
    pub(super) closed: Option<Arc<str>>,
}

pub(super) struct Waiting {
    pub(super) seq: Seq,
    pub(super) answer: oneshot::Sender<Result<Seq, JournalError>>,
}

/// A record that has its place.
pub(super) enum Written {
    Answered(Seq),
    Waits(oneshot::Receiver<Result<Seq, JournalError>>),
}

impl State {
    fn new(chain: Chain, live: Live) -> Self {
        Self {
            before: chain.mark(),
            chain,
            live,
            buffer: Vec::new(),
            waiting: Vec::new(),
            dirty: false,
            stopping: false,
            signed_at: Instant::now(),
            latest: UnixMillis(0),
            refused: 0,
            remarked: 0,
            why_refused: "".into(),
            failing: false,
            syncs: 0,
            last_sync: Duration::ZERO,
            closed: None,
        }
    }

    /// How far the log is written: what a sync that begins now makes durable.
    pub(super) fn written(&self) -> Synced {
        let Live { segment, end, .. } = self.live;
        Synced { seq: self.chain.head().seq, segment, bytes: end }
    }

    /// What has to be synced to make that durable: all before it was synced when it was sealed.
    pub(super) fn file(&self) -> Arc<dyn Medium> {
        self.live.file.clone()
    }

    /// Takes nothing more. The first reason stands.
    pub(super) fn close(&mut self, reason: &str) -> JournalError {
        JournalError::Closed(self.closed.get_or_insert_with(|| reason.into()).clone())
    }

    /// Appends a record of the log's own.
    fn append_own(&mut self, at: UnixMillis, action: Action, detail: &serde_json::Value) {
        let event = Detail::of(detail).map(|detail| Event {
            action,
            actor: Actor::system(),
            conversation: None,
            detail,
        });
        // A few numbers and words always have a form.
        if let Some(draft) = event.ok().and_then(|event| Draft::of(at, &event).ok()) {
            self.chain.append(&draft, &mut self.buffer);
        }
    }

    /// Says what went wrong with earlier events, and with the clock.
    fn append_remarks(&mut self, at: UnixMillis) {
        if self.refused > 0 && self.remarked == 0 {
            let (refused, why) = (self.refused, self.why_refused.clone());
            self.remarked = refused;
            let alarm =
                format!("the log could not be written ({why}): {refused} events were refused");
            self.append_own(at, Action::SystemAlarm, &json!({ "alarms": [alarm] }));
        }
        if at.0.saturating_add(CLOCK_SLACK_MILLIS) < self.latest.0 {
            let (from, to) = (self.latest, at);
            self.append_own(at, Action::ClockSetBack, &json!({ "from": from, "to": to }));
            self.latest = at;
        }
        self.latest = self.latest.max(at);
    }

    /// Takes back what was not written.
    fn take_back(&mut self) {
        self.buffer.clear();
        self.chain.rewind(self.before.clone());
    }
}

impl Shared {
    pub(super) fn new(
        folder: LogFolder,
        recovered: Recovered,
        settings: LogSettings,
        clock: Arc<dyn Clock>,
        disk: Arc<dyn Disk>,
    ) -> io::Result<Self> {
        let Recovered { file, chain, segment, end, .. } = recovered;
        let mut options = OpenOptions::new();
        let note = options.write(true).create(true).truncate(false).mode(0o600);
        let note = disk.adopt(note.open(folder.synced_path())?);
        let state = State::new(chain, Live::new(disk.adopt(file), segment, end));
        let nothing = Synced { seq: Seq(0), segment: Seq(0), bytes: 0 };
        let (synced, state) = (watch::Sender::new(nothing), Mutex::new(state));
        Ok(Self { folder, settings, synced, disk, note, clock, state, bell: Condvar::new() })
    }

    /// Says how far the log is on the disk, to those in this process and in others.
    pub(super) fn publish(&self, synced: Synced) -> io::Result<()> {
        self.note.write_all_at(synced.to_note().as_bytes(), 0)?;
        self.synced.send_replace(synced);
        Ok(())
    }

    pub(super) fn folder(&self) -> &LogFolder {
        &self.folder
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(in_doubt)
    }

    pub(super) fn health(&self) -> LogHealth {
        let synced = *self.synced.borrow();
        let state = self.lock();
        LogHealth {
            head: state.chain.head().seq,
            synced,
            waiting: state.waiting.len(),
            unsigned: state.chain.unsigned(),
            syncs: state.syncs,
            last_sync: state.last_sync,
            refused: state.refused,
            closed: state.closed.clone(),
        }
    }

    pub(super) fn append(&self, event: &Event) -> Result<Written, JournalError> {
        let unwritable = |why: String| JournalError::Unwritable(why.into());
        let at = self.clock.now();
        let draft = Draft::of(at, event).map_err(|error| unwritable(error.to_string()))?;
        let mut state = self.lock();
        if let Some(reason) = &state.closed {
            return Err(JournalError::Closed(reason.clone()));
        }
        if state.waiting.len() >= WAITING_MAX {
            return Err(unwritable(format!("{WAITING_MAX} appends wait for the disk already")));
        }
        if state.buffer.len() + draft.record_bytes_max() > BUFFER_BYTES_MAX {
            return Err(unwritable(format!("{BUFFER_BYTES_MAX} bytes wait for the disk already")));
        }
        state.append_remarks(at);
        let State { chain, buffer, .. } = &mut *state;
        let seq = chain.append(&draft, buffer);
        let was_idle = !std::mem::replace(&mut state.dirty, true);
        let written = match self.settings.durability {
            Durability::Batched => {
                if let Err(error) = self.flush(&mut state) {
                    state.refused += 1;
                    return Err(error);
                }
                Written::Answered(seq)
            }
            Durability::Strict => {
                let (answer, answered) = oneshot::channel();
                state.waiting.push(Waiting { seq, answer });
                Written::Waits(answered)
            }
        };
        drop(state);
        if was_idle {
            self.bell.notify_one();
        }
        Ok(written)
    }

    /// Appends a checkpoint.
    pub(super) fn checkpoint(&self, state: &mut State) {
        state.signed_at = Instant::now();
        let State { chain, buffer, dirty, .. } = state;
        // A checkpoint that has no form is none; the next one is over the same records.
        if let Ok(Some(_)) = chain.checkpoint(self.clock.now(), buffer) {
            *dirty = true;
        }
    }

    /// Writes the buffer, whole or not at all. What could not be written has no place.
    pub(super) fn flush(&self, state: &mut State) -> Result<(), JournalError> {
        if state.buffer.is_empty() {
            return Ok(());
        }
        let State { live, buffer, .. } = &mut *state;
        match live.write(buffer) {
            Ok(()) => {
                state.buffer.clear();
                state.before = state.chain.mark();
                state.refused -= std::mem::take(&mut state.remarked);
                state.failing = false;
                Ok(())
            }
            Err(Failed::TakenBack(error)) => {
                state.take_back();
                (state.remarked, state.failing) = (0, true);
                state.why_refused = error.to_string().into();
                Err(JournalError::Unwritable(state.why_refused.clone()))
            }
            Err(Failed::InDoubt(error, cut)) => {
                state.take_back();
                Err(state.close(&format!(
                    "records could not be written ({error}), nor what was written of them cut ({cut})"
                )))
            }
        }
    }

    /// Whether the live segment is as long as it may become.
    pub(super) fn is_full(&self, state: &State) -> bool {
        state.live.end >= self.settings.segment_bytes.0
    }

    /// Begins the next segment. The old one is on the disk before the new one can be found: a
    /// crash in between leaves a log that goes on. Where the disk has no room for another, the old
    /// one goes on, unless the key is to change. It does not where the new one's file may be there
    /// after all: what follows would stand in both.
    pub(super) fn rotate(
        &self,
        state: &mut State,
        next: Option<LogKey>,
    ) -> Result<(), JournalError> {
        if let Some(reason) = &state.closed {
            return Err(JournalError::Closed(reason.clone()));
        }
        let unwritable = |why: String| JournalError::Unwritable(why.into());
        let (at, mut header, rotates) = (self.clock.now(), Vec::new(), next.is_some());
        self.flush(state)?;
        let State { chain, buffer, .. } = &mut *state;
        let begun = match next {
            None => chain.begin_segment(at, &mut header),
            Some(key) => chain.rotate(key, at, buffer, &mut header),
        };
        let first = begun.map_err(|error| unwritable(error.to_string()))?;
        if let Err(error) = self.seal(state) {
            return Err(state.close(&format!("the disk did not take it: {error}")));
        }
        match Live::begin(&*self.disk, &self.folder, first, &header) {
            Ok(live) => {
                state.live = live;
                state.before = state.chain.mark();
                Ok(())
            }
            // The old segment ends with the name of the new key already.
            Err(Failed::TakenBack(error)) if rotates => {
                Err(state.close(&format!("the next segment could not be begun: {error}")))
            }
            Err(Failed::TakenBack(error)) => {
                state.take_back();
                Err(unwritable(error.to_string()))
            }
            Err(Failed::InDoubt(error, removal)) => Err(state.close(&format!(
                "the next segment could not be begun ({error}), nor what there is of it removed \
                 ({removal})"
            ))),
        }
    }

    /// Ends the live segment behind its last record, for good.
    fn seal(&self, state: &mut State) -> io::Result<()> {
        let State { live, buffer, .. } = &mut *state;
        let written = live.write(buffer);
        written.map_err(|(Failed::TakenBack(error) | Failed::InDoubt(error, _))| error)?;
        buffer.clear();
        live.cut()?;
        live.file.sync_all()
    }

    /// Leaves files that are JSON lines and nothing else.
    pub(super) fn cut_room(&self, state: &mut State) -> io::Result<()> {
        state.live.cut()?;
        state.live.file.sync_all()
    }
}

/// A thread that failed while it held the state may have left it halfway, so the log closes.
pub(super) fn in_doubt(poisoned: PoisonError<MutexGuard<'_, State>>) -> MutexGuard<'_, State> {
    let mut state = poisoned.into_inner();
    state.close("a thread failed while it wrote");
    // Those who wait learn it by the loss of their channel.
    state.waiting.clear();
    state
}
