//! A log in memory, and sinks in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bakerst_audit::delivery::{Backoff, Moment, Outcome, Pace, Shipped};
use bakerst_audit::{BatchMost, LogSource, RecordBatch, RecordReader, SourceError};
use bakerst_model::{Pending, Seq, UnixMillis};
use bakerst_sinks::{Notice, Notices, Now, Setup, Sink, SinkFolder, SinkName};

use super::{NOW, log_id, record};

/// A log whose records are made when they are read.
#[derive(Clone, Default)]
pub(crate) struct MemoryLog {
    head: Arc<AtomicU64>,
    oldest: Arc<AtomicU64>,
}

impl MemoryLog {
    pub(crate) fn with(head: u64) -> Self {
        let log = Self::default();
        log.grow_to(head);
        log
    }

    pub(crate) fn grow_to(&self, head: u64) {
        self.head.store(head, Ordering::SeqCst);
    }

    /// Retention takes what is before this.
    pub(crate) fn begin_at(&self, oldest: u64) {
        self.oldest.store(oldest, Ordering::SeqCst);
    }
}

impl LogSource for MemoryLog {
    fn synced(&self) -> Seq {
        Seq(self.head.load(Ordering::SeqCst))
    }

    fn synced_after(&self, _: Seq) -> Pending<'_, Option<Seq>> {
        Box::pin(std::future::ready(None))
    }

    fn reader(&self, from: Seq) -> Box<dyn RecordReader> {
        Box::new(Reader { log: self.clone(), next: from })
    }
}

struct Reader {
    log: MemoryLog,
    next: Seq,
}

impl RecordReader for Reader {
    fn next(&mut self, most: BatchMost) -> Result<RecordBatch, SourceError> {
        let (head, oldest) = (self.log.synced(), Seq(self.log.oldest.load(Ordering::SeqCst)));
        if self.next < oldest {
            return Err(SourceError::Expired { wanted: self.next, oldest });
        }
        let mut batch = RecordBatch::default();
        while self.next <= head && batch.len() < most.records {
            let line = format!("{}\n", record(self.next.0).line);
            if !batch.is_empty() && batch.bytes().len() + line.len() > most.bytes {
                break;
            }
            batch.push(line.as_bytes());
            self.next = Seq(self.next.0 + 1);
        }
        Ok(batch)
    }
}

/// What a made-up sink has, and what it is to answer next.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) seqs: Arc<Mutex<Vec<u64>>>,
    pub(crate) answers: Arc<Mutex<VecDeque<Outcome>>>,
    /// Records that it will never take.
    pub(crate) poison: Arc<Mutex<Vec<u64>>>,
}

impl Shelf {
    pub(crate) fn has(&self) -> Vec<u64> {
        self.seqs.lock().unwrap().clone()
    }

    pub(crate) fn answer(&self, outcome: Outcome) {
        self.answers.lock().unwrap().push_back(outcome);
    }
}

impl Sink for Shelf {
    fn send<'s>(&'s mut self, records: &'s [Shipped], _: UnixMillis) -> Pending<'s, Outcome> {
        let answer = self.answers.lock().unwrap().pop_front();
        let poison = self.poison.lock().unwrap();
        let poisoned = records.iter().any(|record| poison.contains(&record.id.seq.0));
        let outcome = match answer {
            Some(answer) => answer,
            None if poisoned => {
                Outcome::Refused(bakerst_audit::delivery::Reason::new("bad record"))
            }
            None => {
                let seqs = records.iter().map(|record| record.id.seq.0);
                self.seqs.lock().unwrap().extend(seqs);
                Outcome::Accepted
            }
        };
        Box::pin(std::future::ready(outcome))
    }
}

/// Remembers what an operator would be told.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Notice>>>);

impl Told {
    pub(crate) fn all(&self) -> Vec<String> {
        let notices = std::mem::take(&mut *self.0.lock().unwrap());
        notices
            .iter()
            .map(|notice| match notice {
                Notice::Stopped { sink, why } => format!("{sink} stopped: {why}"),
                Notice::Resumed { sink } => format!("{sink} resumed"),
                Notice::Alarm(text) => text.clone(),
            })
            .collect()
    }
}

impl Notices for Told {
    fn note(&self, notice: Notice) {
        self.0.lock().unwrap().push(notice);
    }
}

/// A shipper's parts, with batches of ten.
pub(crate) fn setup(
    state: &std::path::Path,
    log: &MemoryLog,
    sink: impl Sink + 'static,
    told: &Told,
) -> Setup {
    let name = SinkName::parse("siem").unwrap();
    Setup {
        folder: SinkFolder::of(state, &name),
        name,
        kind: "file",
        pace: Pace {
            flush_records: 10,
            batch_records_max: 10,
            backoff: Backoff { first_millis: 500, max_millis: 60_000 },
            ..Pace::default()
        },
        batch_bytes_max: 1 << 20,
        dead_letters_max: 100,
        sink: Box::new(sink),
        log: log_id(),
        source: Arc::new(log.clone()),
        notices: Arc::new(told.clone()),
        random: Box::new(|| 0),
    }
}

/// A moment in tests.
pub(crate) fn at(millis: u64) -> Now {
    Now { moment: Moment(millis), wall: UnixMillis(NOW.0 + millis) }
}
