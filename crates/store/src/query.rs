//! Reading a whole log at the speed of memory.
//!
//! The log is cut into chunks that threads read side by side, each into a buffer of its own; a line
//! belongs to the chunk in which it begins. What they find is handed on in the order of the log, or
//! backwards, and no thread runs further ahead than a few chunks, so that memory stays bounded
//! however much is found.

mod chunks;
mod count;
mod find;
mod follow;
mod index;
mod pages;
mod segments;

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use bakerst_audit::query::Order;

pub use self::chunks::CHUNK_BYTES;
use self::chunks::{Chunk, Reader};
pub use self::count::count;
pub use self::find::{Found, Progress, find};
pub use self::follow::Follower;
pub(crate) use self::index::summary_path;
pub use self::index::{INDEX_FROM_BYTES, summarise, worth_reading};
pub use self::pages::{PageLimits, count_page, find_page};
pub use self::segments::{SegmentFile, segment_files};
use crate::LogError;

/// How many chunks may be done before the oldest of them has been taken.
const AHEAD: usize = 64;

/// How many threads read at once unless told otherwise: all there are.
#[must_use]
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Reads segments chunk by chunk on several threads. `work` gets the whole lines of each chunk, and
/// what follows the last line end where a segment ends; `take` gets what it made of them, in order,
/// until it says that it has enough.
///
/// # Errors
/// When a segment cannot be read.
pub fn scan<T: Send>(
    segments: &[SegmentFile],
    order: Order,
    threads: usize,
    work: impl Fn(&[u8]) -> T + Sync,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> Result<(), LogError> {
    let chunks = chunks::cut(segments, order);
    let desk = Desk::default();
    thread::scope(|scope| {
        for _ in 0..threads.clamp(1, chunks.len().max(1)) {
            scope.spawn(|| {
                let _closes = ClosesIfPanicking(&desk);
                let mut reader = Reader::default();
                while let Some(place) = desk.next(chunks.len()) {
                    let Some(chunk) = chunks.get(place) else { break };
                    let done = reader.read(segments, chunk).map(&work);
                    desk.put(place, done.map_err(|source| unreadable(segments, chunk, source)));
                }
            });
        }
        let mut taken = Ok(());
        for place in 0..chunks.len() {
            // Where a thread has failed nothing comes any more, and the scope fails as well.
            let Some(done) = desk.take(place) else { break };
            let enough = match done {
                Ok(done) => take(done).is_break(),
                Err(error) => {
                    taken = Err(error);
                    true
                }
            };
            if enough {
                break;
            }
        }
        desk.close();
        taken
    })
}

fn unreadable(segments: &[SegmentFile], chunk: &Chunk, source: io::Error) -> LogError {
    let path = segments.get(chunk.segment).map(|segment| segment.path.clone()).unwrap_or_default();
    LogError::Read { path, source }
}

/// What the threads and whoever takes their work share.
struct Desk<T> {
    state: Mutex<State<T>>,
    bell: Condvar,
}

struct State<T> {
    /// The next chunk that nobody works on.
    next: usize,
    /// How many chunks have been taken.
    taken: usize,
    done: BTreeMap<usize, T>,
    closed: bool,
}

impl<T> Default for Desk<T> {
    fn default() -> Self {
        let state = State { next: 0, taken: 0, done: BTreeMap::new(), closed: false };
        Self { state: Mutex::new(state), bell: Condvar::new() }
    }
}

impl<T> Desk<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, until: impl Fn(&State<T>) -> bool) -> MutexGuard<'_, State<T>> {
        let waited = self.bell.wait_while(self.lock(), |state| !state.closed && !until(state));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// The next chunk to work on, once it is not too far ahead.
    fn next(&self, chunks: usize) -> Option<usize> {
        let mut state = self.wait(|state| state.next < state.taken + AHEAD);
        let place = state.next;
        let more = !state.closed && place < chunks;
        more.then(|| {
            state.next += 1;
            place
        })
    }

    fn put(&self, place: usize, done: T) {
        self.lock().done.insert(place, done);
        self.bell.notify_all();
    }

    /// Waits for a chunk's work; `None` when it will never come.
    fn take(&self, place: usize) -> Option<T> {
        let mut state = self.wait(|state| state.done.contains_key(&place));
        state.taken = place + 1;
        let done = state.done.remove(&place);
        drop(state);
        self.bell.notify_all();
        done
    }

    fn close(&self) {
        self.lock().closed = true;
        self.bell.notify_all();
    }
}

/// Lets nobody wait for a thread that has failed.
struct ClosesIfPanicking<'d, T>(&'d Desk<T>);

impl<T> Drop for ClosesIfPanicking<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.close();
        }
    }
}
