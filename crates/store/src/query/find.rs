//! Finding records.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use bakerst_audit::query::{Judged, Query};
use bakerst_audit::{RECORD_BYTES_MAX, lines};
use memchr::memchr;

use super::{Order, SegmentFile, scan};
use crate::LogError;

/// What a search has come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// How many records were handed out.
    pub records: u64,
    /// How many lines were looked at.
    pub lines: u64,
    /// How many of them are no records.
    pub damaged: u64,
    /// How many bytes were read.
    pub bytes: u64,
    /// Whether it ended before the log did, because there was enough.
    pub stopped: bool,
}

/// How far a search is, for whoever shows it.
pub type Progress<'p> = &'p mut dyn FnMut(u64);

/// Finds records and hands out their lines, with line ends, until there are `limit` of them or
/// `take` has enough.
///
/// # Errors
/// When a segment cannot be read.
pub fn find(
    segments: &[SegmentFile],
    query: &Query,
    order: Order,
    limit: Option<usize>,
    threads: usize,
    progress: Progress<'_>,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Found, LogError> {
    let mut found = Found::default();
    let limit = limit.unwrap_or(usize::MAX);
    let work = |block: &[u8]| Matches::of(block, query, order, limit);
    scan(segments, order, threads, work, |matches| {
        found.lines += matches.lines;
        found.damaged += matches.damaged;
        found.bytes += matches.bytes;
        progress(matches.bytes);
        for line in matches.in_order(order) {
            found.records += 1;
            if take(line).is_break() || found.records >= limit as u64 {
                found.stopped = true;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// What one chunk holds of what is looked for.
#[derive(Debug, Default)]
struct Matches {
    text: Vec<u8>,
    /// Where each match begins and ends in the text.
    places: VecDeque<(usize, usize)>,
    lines: u64,
    damaged: u64,
    bytes: u64,
}

impl Matches {
    fn of(block: &[u8], query: &Query, order: Order, limit: usize) -> Self {
        let mut matches = Self { bytes: block.len() as u64, ..Self::default() };
        let mut whole = lines(block);
        for line in whole.by_ref() {
            matches.lines += 1;
            match query.judge(line) {
                Judged::Match => matches.push(line, order, limit),
                Judged::Other => {}
                Judged::Damaged => matches.damaged += 1,
            }
        }
        // Behind the last record of a segment that is written to there may be the start of the next
        // one, or zeros. A line without an end is something else.
        let rest = whole.rest();
        if rest.len() > RECORD_BYTES_MAX && memchr(0, rest).is_none() {
            matches.lines += 1;
            matches.damaged += 1;
        }
        matches
    }

    fn push(&mut self, line: &[u8], order: Order, limit: usize) {
        if self.places.len() >= limit {
            match order {
                Order::OldestFirst => return,
                Order::NewestFirst => drop(self.places.pop_front()),
            }
        }
        let start = self.text.len();
        self.text.extend_from_slice(line);
        self.places.push_back((start, self.text.len()));
    }

    fn in_order(&self, order: Order) -> impl Iterator<Item = &[u8]> {
        let (forward, backward) = match order {
            Order::OldestFirst => (Some(self.places.iter()), None),
            Order::NewestFirst => (None, Some(self.places.iter().rev())),
        };
        let places = forward.into_iter().flatten().chain(backward.into_iter().flatten());
        places.filter_map(|(start, end)| self.text.get(*start..*end))
    }
}
