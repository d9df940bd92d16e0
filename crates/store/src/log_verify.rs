//! Verifying a log where it lies, with as many threads as there are cores.
//!
//! Segments are read in chunks, and each chunk is judged by itself; what was found is joined in
//! order. A chunk in which anything is wrong is read once more, line by line, which tells what it
//! is. Memory is bounded by a few chunks for each thread.

mod chunks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use bakerst_audit::{
    Checkpoint, Fault, FaultKind, Piece, RECORD_BYTES_MAX, Trust, Verified, Verifier, lines,
};
use bakerst_model::Seq;

use self::chunks::{Chunk, Chunks};
use crate::{LogError, LogFolder};

/// How many chunks may be judged, for each thread, before those in front of them are joined.
const AHEAD: usize = 4;

/// What a log is verified by.
#[derive(Clone, Debug)]
pub struct LogCheck {
    /// The keys to believe.
    pub trust: Trust,
    /// Checkpoints that were kept elsewhere, already opened.
    pub given: Vec<Checkpoint>,
    /// How many threads judge.
    pub threads: usize,
}

/// What was found out about a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogReport {
    /// What its whole records prove.
    pub verified: Verified,
    /// How many segments there are.
    pub segments: usize,
    /// How many bytes follow the last whole record: a write that is under way, or was cut short.
    pub torn_bytes: u64,
    /// Given checkpoints over less than went before the first record that is kept.
    pub too_old: Vec<Checkpoint>,
}

/// Verifies a whole log. It may be written to meanwhile; what is there is judged. `progress` is
/// told of each number of bytes that have been verified.
///
/// # Errors
/// With the first record that does not verify, or when the log cannot be read.
pub fn verify_log(
    folder: &LogFolder,
    check: LogCheck,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<LogReport, LogError> {
    let unreadable = |source| LogError::Read { path: folder.path().to_owned(), source };
    let LogCheck { trust, given, threads } = check;
    // Asked first: whatever is on the disk by now must be in the files.
    let synced = folder.synced().map_err(unreadable)?;
    let segments = folder.segments().map_err(unreadable)?;
    let first = segments.first().map_or(Seq(0), |segment| segment.first);
    let chunks = Chunks::of(segments, &trust)?;
    let mut verifier = Verifier::from_segment(trust.clone(), first);
    let too_old = verifier.hold_against(given);
    let torn_bytes = match threads {
        0 | 1 => {
            let judged = (0..chunks.len()).map(|at| chunks.judge(at));
            join(&chunks, judged, &mut verifier, progress)?
        }
        threads => at_once(&chunks, threads, &mut verifier, progress)?,
    };
    let segment = chunks.last_path();
    let faulty = |fault| LogError::DoesNotVerify { segment: segment.clone(), fault };
    let verified = verifier.finish().map_err(faulty)?;
    if let Some(synced) = synced.filter(|synced| synced.seq > verified.head.seq) {
        let (line, seq) = (0, Seq(verified.head.seq.0 + 1));
        let until = Some(synced.seq);
        return Err(faulty(Fault { line, offset: 0, seq, until, kind: FaultKind::Cut }));
    }
    crate::retention::check_beginning(folder)?;
    Ok(LogReport { verified, segments: chunks.segments(), torn_bytes, too_old })
}

type Judged = Result<Option<Piece>, LogError>;

fn at_once(
    chunks: &Chunks<'_>,
    threads: usize,
    verifier: &mut Verifier,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, LogError> {
    let next = AtomicUsize::new(0);
    let (send, judged) = mpsc::sync_channel::<(usize, Judged)>(threads * AHEAD);
    thread::scope(|scope| {
        for _ in 0..threads {
            let send = send.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    // Whoever joins has found a fault when nobody listens any more.
                    if at >= chunks.len() || send.send((at, chunks.judge(at))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let in_order = InOrder { judged, waiting: BTreeMap::new(), next: 0 };
        join(chunks, in_order, verifier, progress)
    })
}

/// Puts what threads found into the order of the log.
struct InOrder {
    judged: Receiver<(usize, Judged)>,
    waiting: BTreeMap<usize, Judged>,
    next: usize,
}

impl Iterator for InOrder {
    type Item = Judged;

    fn next(&mut self) -> Option<Judged> {
        loop {
            if let Some(judged) = self.waiting.remove(&self.next) {
                self.next += 1;
                return Some(judged);
            }
            let (at, judged) = self.judged.recv().ok()?;
            self.waiting.insert(at, judged);
        }
    }
}

/// Joins all chunks in order. How many bytes follow the last whole record.
fn join(
    chunks: &Chunks<'_>,
    judged: impl Iterator<Item = Judged>,
    verifier: &mut Verifier,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, LogError> {
    let mut torn = 0;
    for (at, piece) in judged.enumerate() {
        let before = verifier.bytes();
        if chunks.begins_segment(at) {
            verifier.next_segment();
        }
        if !piece?.is_some_and(|piece| verifier.piece(&piece)) {
            let Chunk { bytes, torn: rest, .. } = chunks.read(at)?;
            torn += rest;
            let faulty = |fault| LogError::DoesNotVerify { segment: Some(chunks.path(at)), fault };
            let mut split = lines(&bytes);
            split.by_ref().try_for_each(|line| verifier.record(line)).map_err(faulty)?;
            if !split.rest().is_empty() {
                let end = split.rest().len().min(RECORD_BYTES_MAX + 1);
                verifier.record(split.rest().get(..end).unwrap_or_default()).map_err(faulty)?;
            }
        }
        progress(verifier.bytes() - before);
    }
    Ok(torn)
}
