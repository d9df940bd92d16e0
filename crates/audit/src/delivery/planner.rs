//! What to do next with one sink.

use std::fmt;
use std::sync::Arc;

use bakerst_model::{Escaped, Seq};

use super::{Backoff, Moment, Span};

/// How one sink is served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// So many records are sent at once, without waiting for more.
    pub flush_records: u64,
    /// How long fewer may wait.
    pub flush_millis: u64,
    /// The most records in one batch, which is what a sink gets that has fallen behind.
    pub batch_records_max: u64,
    /// How long to wait after failures.
    pub backoff: Backoff,
    /// After so many failures in a row the sink is left alone for a while.
    pub failures_max: u32,
    /// After so many single records refused in a row the sink is left alone too: it is the sink
    /// that is amiss then, and not the records.
    pub refusals_max: u32,
    /// How long it is left alone, at least.
    pub open_millis: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            flush_records: 100,
            flush_millis: 5_000,
            batch_records_max: 1_000,
            backoff: Backoff { first_millis: 500, max_millis: 60_000 },
            failures_max: 5,
            refusals_max: 10,
            open_millis: 30_000,
        }
    }
}

/// Why something did not go through, in words that may come from outside: escaped and bounded.
#[derive(Clone, Eq, PartialEq)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The longest that is kept.
    pub const BYTES_MAX: usize = 1024;

    /// Takes somebody's words.
    #[must_use]
    pub fn new(words: impl AsRef<str>) -> Self {
        let words = words.as_ref();
        // Escapes make text longer, so it is cut on both sides of them.
        let end = words.floor_char_boundary(Self::BYTES_MAX);
        let escaped = Escaped(words.get(..end).unwrap_or_default()).to_string();
        let cut = escaped.floor_char_boundary(Self::BYTES_MAX);
        Self(escaped.get(..cut).unwrap_or_default().into())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What became of a batch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The sink has all of it.
    Accepted,
    /// The sink has all of it but these, which it will never take.
    AcceptedExcept(Vec<Letter>),
    /// The sink will never take it as it is; perhaps parts of it.
    Refused(Reason),
    /// It may go through later.
    Failed {
        /// What happened.
        why: Reason,
        /// How long the sink asks to be left alone.
        after_millis: Option<u64>,
    },
    /// The sink does not let us in, or is not where it should be. Somebody has to mend that, and
    /// until then no record is to blame.
    Denied(Reason),
}

/// A record that the sink will never take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    /// The record.
    pub seq: Seq,
    /// Why.
    pub why: Reason,
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Nothing before this moment, or before the log grows.
    Wait(Option<Moment>),
    /// Send these records, and [`Planner::settle`] what becomes of them.
    Send(Span),
    /// Put these into the dead letters, and say so by [`Planner::buried`].
    Bury(Vec<Letter>),
}

/// Whether the sink is being served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Circuit {
    /// It is.
    Closed,
    /// It failed too often, and is left alone for now.
    Open,
    /// It was left alone; the next batch tells whether it is well again.
    Probing,
}

impl Circuit {
    /// The state in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

/// What is left of the batch, and what has become of it so far.
#[derive(Clone, Debug, Default)]
struct Batch {
    /// Its parts that are still to be sent, the next one last. Halving a batch leaves one more
    /// each time, so there are never more than its size has bits.
    parts: Vec<Span>,
    /// The part of it that was sent, and the records in it that were refused.
    grave: Option<(Span, Vec<Letter>)>,
}

/// One sink's state.
#[derive(Clone, Debug)]
pub struct Planner {
    pace: Pace,
    /// The sink has this record and all before it, or its dead letters have.
    acknowledged: Seq,
    /// The last record that may leave.
    head: Seq,
    /// Since when there has been something to send.
    waiting_since: Option<Moment>,
    hurried: bool,
    batch: Batch,
    failures: u32,
    refusals: u32,
    open: bool,
    not_before: Moment,
}

impl Planner {
    /// Goes on behind what the sink has.
    #[must_use]
    pub fn new(pace: Pace, acknowledged: Seq) -> Self {
        Self {
            pace,
            acknowledged,
            head: acknowledged,
            waiting_since: None,
            hurried: false,
            batch: Batch::default(),
            failures: 0,
            refusals: 0,
            open: false,
            not_before: Moment(0),
        }
    }

    /// Notes how far the log has grown.
    pub fn grown(&mut self, head: Seq, now: Moment) {
        self.head = self.head.max(head);
        if self.head > self.acknowledged {
            self.waiting_since.get_or_insert(now);
        }
    }

    /// Sends what there is from now on, without waiting for more: the server is about to stop.
    pub fn hurry(&mut self) {
        self.hurried = true;
    }

    /// What to do now. The same until something is settled, grows, or time passes.
    pub fn step(&mut self, now: Moment) -> Step {
        if now < self.not_before {
            return Step::Wait(Some(self.not_before));
        }
        if let Some((_, letters)) = &self.batch.grave {
            return Step::Bury(letters.clone());
        }
        if let Some(part) = self.batch.parts.last() {
            return Step::Send(*part);
        }
        let Some(pending) = Span::new(self.next(), self.head) else { return Step::Wait(None) };
        let due = self.waiting_since.unwrap_or(now).plus(self.pace.flush_millis);
        if pending.records() < self.pace.flush_records && now < due && !self.hurried {
            return Step::Wait(Some(due));
        }
        let records = self.pace.batch_records_max.max(1);
        let last = Seq(self.acknowledged.0.saturating_add(records)).min(self.head);
        match Span::new(pending.first(), last) {
            Some(batch) => {
                self.batch.parts.push(batch);
                Step::Send(batch)
            }
            None => Step::Wait(None),
        }
    }

    /// Notes that a batch ends earlier than was planned: its records are long. Only a batch that
    /// has not been divided yet can be.
    pub fn cut(&mut self, last: Seq) {
        if let [whole] = self.batch.parts.as_mut_slice()
            && whole.holds(last)
            && let Some(shorter) = Span::new(whole.first(), last)
        {
            *whole = shorter;
        }
    }

    /// Notes that the log has no records before this one any more: retention was faster than the
    /// sink. They count as a gap, and the caller says so.
    pub fn skip_to(&mut self, first: Seq, now: Moment) {
        self.batch = Batch::default();
        self.acknowledge(Seq(first.0.saturating_sub(1)), now);
    }

    /// Notes what became of the records that [`Step::Send`] named.
    pub fn settle(&mut self, outcome: Outcome, now: Moment, random: u64) {
        let Some(part) = self.batch.parts.last().copied() else { return };
        match outcome {
            Outcome::Accepted => self.accepted(part, now),
            Outcome::AcceptedExcept(mut letters) => {
                letters.retain(|letter| part.holds(letter.seq));
                match letters.is_empty() {
                    true => self.accepted(part, now),
                    false => self.refused_in(part, letters, now, random),
                }
            }
            Outcome::Refused(why) => self.refused(part, why, now, random),
            Outcome::Failed { why: _, after_millis } => self.failed(after_millis, now, random),
            Outcome::Denied(_) => {
                self.failures = self.failures.max(self.pace.failures_max).saturating_add(1);
                self.leave_alone(None, now, random);
            }
        }
    }

    /// Notes that the records that [`Step::Bury`] named are in the dead letters.
    pub fn buried(&mut self, now: Moment) {
        if let Some((part, _)) = self.batch.grave.take() {
            self.acknowledge(part.last(), now);
        }
    }

    /// Notes that they could not be put there. They stay where they are: in the log.
    pub fn not_buried(&mut self, now: Moment, random: u64) {
        self.failed(None, now, random);
    }

    fn accepted(&mut self, part: Span, now: Moment) {
        self.batch.parts.pop();
        (self.failures, self.refusals, self.open) = (0, 0, false);
        self.acknowledge(part.last(), now);
    }

    fn refused(&mut self, part: Span, why: Reason, now: Moment, random: u64) {
        if let Some((first, second)) = part.halves() {
            // The sink answers, so it is not away.
            self.failures = 0;
            self.batch.parts.pop();
            self.batch.parts.extend([second, first]);
            return;
        }
        self.refused_in(part, vec![Letter { seq: part.first(), why }], now, random);
    }

    /// Some of the part's records were refused, and the sink has the others.
    fn refused_in(&mut self, part: Span, letters: Vec<Letter>, now: Moment, random: u64) {
        self.failures = 0;
        self.batch.parts.pop();
        let refused = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        self.refusals = match refused >= part.records() {
            true => self.refusals.saturating_add(u32::try_from(refused).unwrap_or(u32::MAX)),
            false => 0,
        };
        self.batch.grave = Some((part, letters));
        self.open = false;
        if self.refusals >= self.pace.refusals_max {
            self.leave_alone(None, now, random);
        }
    }

    fn failed(&mut self, after_millis: Option<u64>, now: Moment, random: u64) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.pace.failures_max {
            return self.leave_alone(after_millis, now, random);
        }
        let wait = self.pace.backoff.wait(self.failures, random);
        self.not_before = now.plus(wait.max(self.asked(after_millis)));
    }

    fn leave_alone(&mut self, after_millis: Option<u64>, now: Moment, random: u64) {
        self.open = true;
        let wait = self.pace.backoff.wait(self.failures.max(1), random);
        self.not_before =
            now.plus(self.pace.open_millis.saturating_add(wait).max(self.asked(after_millis)));
    }

    /// A sink that asks for patience gets it, within reason.
    fn asked(&self, after_millis: Option<u64>) -> u64 {
        let max = self.pace.backoff.max_millis.max(self.pace.open_millis).saturating_mul(10);
        after_millis.unwrap_or(0).min(max)
    }

    fn acknowledge(&mut self, last: Seq, now: Moment) {
        self.acknowledged = self.acknowledged.max(last);
        self.head = self.head.max(self.acknowledged);
        self.waiting_since = (self.head > self.acknowledged).then_some(now);
    }

    fn next(&self) -> Seq {
        Seq(self.acknowledged.0.saturating_add(1))
    }

    /// The last record that is settled: the sink has it, or its dead letters have.
    #[must_use]
    pub fn acknowledged(&self) -> Seq {
        self.acknowledged
    }

    /// The last record that may leave.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Whether there is nothing left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.acknowledged == self.head && self.batch.parts.is_empty() && self.batch.grave.is_none()
    }

    /// Whether the sink is being served.
    #[must_use]
    pub fn circuit(&self, now: Moment) -> Circuit {
        match (self.open, now < self.not_before) {
            (false, _) => Circuit::Closed,
            (true, true) => Circuit::Open,
            (true, false) => Circuit::Probing,
        }
    }

    /// How often it has failed in a row.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How many parts of a batch are kept in mind, at most the bits of its size and one.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.batch.parts.len()
    }
}
