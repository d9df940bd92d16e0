//! The thread that makes records durable, signs them, and begins segments.

use std::fs::File;
use std::io;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use bakerst_model::{JournalError, Seq};

use super::disk::Medium;
use super::shared::{Shared, State, Waiting, in_doubt};
use super::{Cadence, Durability, LogFile, Opened};
use crate::Synced;

/// How long a record that was answered may stay off the disk under [`Durability::Batched`].
const BATCH_PAUSE: Duration = Duration::from_millis(100);

impl LogFile {
    /// Starts the thread for a log whose state is known.
    pub(super) fn start(
        shared: Shared,
        opened: Opened,
        lock: Option<Arc<File>>,
    ) -> io::Result<Self> {
        let shared = Arc::new(shared);
        let syncing = shared.clone();
        let thread = thread::Builder::new().name("log-sync".into());
        let syncer = thread.spawn(move || syncing.sync_until_stopped())?;
        Ok(Self { shared, syncer: Some(syncer), opened, _lock: lock })
    }
}

/// Whatever was written is on the disk and signed before the log is gone.
impl Drop for LogFile {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.bell.notify_one();
        if let Some(syncer) = self.syncer.take() {
            // It fails only by a panic, and there is nobody left to tell.
            drop(syncer.join());
        }
    }
}

/// What one sync covers. Whatever was written to an earlier segment was synced when that was
/// sealed.
struct Batch {
    waiting: Vec<Waiting>,
    file: Arc<dyn Medium>,
    written: Synced,
}

impl Shared {
    fn sync_until_stopped(&self) {
        while let Some(Batch { waiting, file, written }) = self.next_batch() {
            let began = Instant::now();
            match file.sync_data().and_then(|()| self.publish(written)) {
                Ok(()) => answer(waiting),
                Err(error) => return self.fail(waiting, &error),
            }
            let mut state = self.lock();
            state.syncs += 1;
            state.last_sync = began.elapsed();
        }
        let mut state = self.lock();
        if state.closed.is_none() {
            // What remains are zeros, which the next start passes over.
            drop(self.cut_room(&mut state));
        }
    }

    /// Waits until there is something to sync, writes it, and takes all who wait for it. Whoever
    /// comes later waits for the next sync. `None` when the log stops.
    fn next_batch(&self) -> Option<Batch> {
        loop {
            let mut state = self.wait_for_work();
            let stopping = state.stopping;
            if refuse_if_closed(&mut state) {
                return None;
            }
            if self.checkpoint_is_due(&state) {
                self.checkpoint(&mut state);
            }
            if !std::mem::take(&mut state.dirty) {
                match stopping {
                    true => return None,
                    false => continue,
                }
            }
            if let Err(error) = self.flush(&mut state) {
                let refused = std::mem::take(&mut state.waiting);
                state.refused += refused.len() as u64;
                drop(state);
                refuse(refused, &error);
                continue;
            }
            if self.is_full(&state) {
                // Where there is no room for another, this one goes on; the next batch tries again.
                drop(self.rotate(&mut state, None));
                if refuse_if_closed(&mut state) {
                    return None;
                }
            }
            let (file, written) = (state.file(), state.written());
            return Some(Batch { waiting: std::mem::take(&mut state.waiting), file, written });
        }
    }

    fn wait_for_work(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !state.dirty && !state.stopping && !self.checkpoint_is_due(&state) {
            let going_on = |state: &State| !state.dirty && !state.stopping;
            let cadence = self.settings.checkpoints.filter(|_| may_be_signed(&state));
            state = match cadence {
                None => self.bell.wait(state).unwrap_or_else(in_doubt),
                Some(Cadence { every, .. }) => {
                    let until_due = every.saturating_sub(state.signed_at.elapsed());
                    self.wait_at_most(state, until_due, going_on)
                }
            };
        }
        match self.settings.durability {
            Durability::Batched => self.wait_at_most(state, BATCH_PAUSE, |state| !state.stopping),
            Durability::Strict => state,
        }
    }

    fn wait_at_most<'s>(
        &'s self,
        state: MutexGuard<'s, State>,
        time: Duration,
        going_on: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        match self.bell.wait_timeout_while(state, time, |state| going_on(state)) {
            Ok((state, _)) => state,
            Err(poisoned) => in_doubt(PoisonError::new(poisoned.into_inner().0)),
        }
    }

    fn checkpoint_is_due(&self, state: &State) -> bool {
        let Some(cadence) = self.settings.checkpoints else { return false };
        let enough = state.chain.unsigned() >= cadence.records;
        let overdue = state.signed_at.elapsed() >= cadence.every;
        may_be_signed(state) && (enough || overdue || state.stopping)
    }

    /// Closes the log: nobody knows what is on the disk of all that was written since the last
    /// sync, so nobody who waits is told that his record is.
    fn fail(&self, batch: Vec<Waiting>, error: &io::Error) {
        let mut state = self.lock();
        let closed = state.close(&format!("the disk did not take it: {error}"));
        let later = std::mem::take(&mut state.waiting);
        drop(state);
        refuse(batch, &closed);
        refuse(later, &closed);
    }
}

/// Tells all who wait that the log is closed, if it is.
fn refuse_if_closed(state: &mut State) -> bool {
    let Some(reason) = state.closed.clone() else { return false };
    refuse(std::mem::take(&mut state.waiting), &JournalError::Closed(reason));
    true
}

/// Where nothing can be written, nothing can be signed; the next event tries again.
fn may_be_signed(state: &State) -> bool {
    state.chain.unsigned() > 0 && !state.failing
}

fn answer(batch: Vec<Waiting>) {
    for waiting in batch {
        send(waiting, |waiting| Ok(waiting.seq));
    }
}

fn refuse(batch: Vec<Waiting>, error: &JournalError) {
    for waiting in batch {
        send(waiting, |_| Err(error.clone()));
    }
}

fn send(waiting: Waiting, result: impl FnOnce(&Waiting) -> Result<Seq, JournalError>) {
    let result = result(&waiting);
    // Whoever asked may be gone; the record stands all the same.
    drop(waiting.answer.send(result));
}
