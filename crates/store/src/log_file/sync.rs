//! The thread that makes records durable.

use std::fs::File;
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use bakerst_model::{JournalError, Seq};

use super::{Durability, LogFile, Opened, Shared, State, Waiting, in_doubt};
use crate::Synced;

/// How long a record that was answered may stay off the disk under [`Durability::Batched`].
const BATCH_PAUSE: Duration = Duration::from_millis(100);

impl LogFile {
    /// Starts the thread for a file whose state is known.
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

/// Whatever was written is on the disk before the log is gone.
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

impl Shared {
    fn sync_until_stopped(&self) {
        while let Some(Batch { waiting, file, written }) = self.next_batch() {
            match file.sync_data().and_then(|()| self.publish(written)) {
                Ok(()) => answer(waiting),
                Err(error) => return self.fail(waiting, &error),
            }
        }
    }

    /// Waits until there is something to sync and takes all who wait. Their records are written,
    /// so that the sync which begins now covers them; whoever comes later waits for the next.
    fn next_batch(&self) -> Option<Batch> {
        let idle = |state: &mut State| !state.dirty && !state.stopping;
        let mut state = self.bell.wait_while(self.lock(), idle).unwrap_or_else(in_doubt);
        if self.settings.durability == Durability::Batched && !state.stopping {
            let going_on = |state: &mut State| !state.stopping;
            let waited = self.bell.wait_timeout_while(state, BATCH_PAUSE, going_on);
            state = match waited {
                Ok((state, _)) => state,
                Err(poisoned) => in_doubt(PoisonError::new(poisoned.into_inner().0)),
            };
        }
        state.dirty.then(|| {
            state.dirty = false;
            let (file, written) = (state.live.file.clone(), state.written());
            Batch { waiting: std::mem::take(&mut state.waiting), file, written }
        })
    }

    /// Closes the log: nobody knows what is on the disk of all that was written since the last
    /// sync, so nobody who waits is told that his record is.
    fn fail(&self, batch: Vec<Waiting>, error: &io::Error) {
        let mut state = self.lock();
        let closed = state.close(&format!("the disk did not take it: {error}"));
        let later = std::mem::take(&mut state.waiting);
        drop(state);
        for waiting in batch.into_iter().chain(later) {
            send(waiting, |_| Err(closed.clone()));
        }
    }
}

/// What one sync covers. Whatever was written to an earlier segment was synced when that was
/// sealed.
struct Batch {
    waiting: Vec<Waiting>,
    file: Arc<File>,
    written: Synced,
}

fn answer(batch: Vec<Waiting>) {
    for waiting in batch {
        send(waiting, |waiting| Ok(waiting.seq));
    }
}

fn send(waiting: Waiting, result: impl FnOnce(&Waiting) -> Result<Seq, JournalError>) {
    let result = result(&waiting);
    // Whoever asked may be gone; the record stands all the same.
    drop(waiting.answer.send(result));
}
