//! Reading in pages: each looks at a bounded part of the log, hands out a bounded part of what it
//! finds, and says where the next one begins.

use std::ops::ControlFlow;

use bakerst_audit::custody::{Counted, Page, Reading};
use bakerst_audit::query::{Bucket, Judged, Order, Query, Tally, View};
use bakerst_audit::{lines, seq_of};
use bakerst_model::Seq;

use super::{SegmentFile, find, scan};
use crate::LogError;

/// What bounds a page beside what is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PageLimits {
    /// The last record that may be handed out: what follows is not on the disk yet.
    pub synced: Seq,
    /// The most bytes of the log that are looked at. One segment is, whatever its length.
    pub scan_bytes_max: u64,
    /// How many threads look.
    pub threads: usize,
}

/// Finds records.
///
/// # Errors
/// When a segment cannot be read.
pub fn find_page(
    segments: &[SegmentFile],
    reading: Reading,
    limits: PageLimits,
) -> Result<Page, LogError> {
    let Reading { filter, order, from, most } = reading;
    let part = Part::of(segments, order, from, limits);
    let (query, mut page, mut bytes) = (Query::new(filter), Page::default(), 0);
    let found = find(part.segments, &query, order, None, limits.threads, &mut |_| {}, |line| {
        let Some(seq) = seq_of(line).filter(|seq| part.holds(*seq)) else {
            return ControlFlow::Continue(());
        };
        let full = page.lines.len() >= most.records.max(1) || bytes + line.len() > most.bytes;
        if full && !page.lines.is_empty() {
            page.next = Some(seq);
            return ControlFlow::Break(());
        }
        bytes += line.len();
        page.lines.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        ControlFlow::Continue(())
    })?;
    page.damaged = found.damaged;
    page.next = page.next.or(part.next);
    Ok(page)
}

/// Counts records.
///
/// # Errors
/// When a segment cannot be read.
pub fn count_page(
    segments: &[SegmentFile],
    reading: Reading,
    by: Bucket,
    limits: PageLimits,
) -> Result<Counted, LogError> {
    let part = Part::of(segments, Order::OldestFirst, reading.from, limits);
    let query = Query::new(reading.filter);
    let mut counted = Counted { tally: Tally::new(by), next: part.next, damaged: 0 };
    let work = |block: &[u8]| {
        let (mut tally, mut damaged) = (Tally::new(by), 0);
        for line in lines(block) {
            let view = match query.judge(line) {
                Judged::Other => continue,
                Judged::Match => View::parse(line),
                Judged::Damaged => None,
            };
            match view {
                Some(view) if part.holds(Seq(view.seq)) => tally.add(&view),
                Some(_) => {}
                None => damaged += 1,
            }
        }
        (tally, damaged)
    };
    scan(part.segments, Order::OldestFirst, limits.threads, work, |(tally, damaged)| {
        counted.tally.merge(&tally);
        counted.damaged += damaged;
        ControlFlow::Continue(())
    })?;
    Ok(counted)
}

/// The part of a log that one page is about.
struct Part<'s> {
    segments: &'s [SegmentFile],
    first: Seq,
    last: Seq,
    /// Where the next part begins.
    next: Option<Seq>,
}

impl<'s> Part<'s> {
    fn of(all: &'s [SegmentFile], order: Order, from: Option<Seq>, limits: PageLimits) -> Self {
        let PageLimits { synced, scan_bytes_max, .. } = limits;
        let (first, last) = match (order, from) {
            (_, None) => (Seq(0), synced),
            (Order::OldestFirst, Some(from)) => (from, synced),
            (Order::NewestFirst, Some(from)) => (Seq(0), from.min(synced)),
        };
        // A segment holds what is before the next one, and its own first record.
        let begin = all.iter().rposition(|segment| segment.first <= first).unwrap_or(0);
        let end = all.iter().take_while(|segment| segment.first <= last).count().max(begin);
        let within = all.get(begin..end).unwrap_or_default();
        let mut bytes = 0_u64;
        let mut fits = |segment: &&SegmentFile| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(segment.bytes.max(1));
            first || bytes <= scan_bytes_max
        };
        let (segments, next) = match order {
            Order::OldestFirst => {
                let count = within.iter().take_while(&mut fits).count();
                let (now, later) = within.split_at_checked(count).unwrap_or((within, &[]));
                (now, later.first().map(|segment| segment.first))
            }
            Order::NewestFirst => {
                let count = within.iter().rev().take_while(&mut fits).count();
                let (later, now) =
                    within.split_at_checked(within.len() - count).unwrap_or((&[], within));
                let before = |segment: &SegmentFile| Seq(segment.first.0.saturating_sub(1));
                (now, now.first().filter(|_| !later.is_empty()).map(before))
            }
        };
        Self { segments, first, last, next }
    }

    fn holds(&self, seq: Seq) -> bool {
        (self.first..=self.last).contains(&seq)
    }
}
