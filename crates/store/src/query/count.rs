//! Counting records.

use std::ops::ControlFlow;

use bakerst_audit::lines;
use bakerst_audit::query::{Bucket, Judged, Query, Tally, View};

use super::{Found, Order, Progress, SegmentFile, scan};
use crate::LogError;

/// Counts the records that a query finds.
///
/// # Errors
/// When a segment cannot be read.
pub fn count(
    segments: &[SegmentFile],
    query: &Query,
    bucket: Bucket,
    threads: usize,
    progress: Progress<'_>,
) -> Result<(Tally, Found), LogError> {
    let (mut tally, mut found) = (Tally::new(bucket), Found::default());
    let work = |block: &[u8]| count_block(block, query, bucket);
    scan(segments, Order::OldestFirst, threads, work, |(counted, of)| {
        tally.merge(&counted);
        found.records += counted.records;
        found.lines += of.lines;
        found.damaged += of.damaged;
        found.bytes += of.bytes;
        progress(of.bytes);
        ControlFlow::Continue(())
    })?;
    Ok((tally, found))
}

fn count_block(block: &[u8], query: &Query, bucket: Bucket) -> (Tally, Found) {
    let mut tally = Tally::new(bucket);
    let mut found = Found { bytes: block.len() as u64, ..Found::default() };
    for line in lines(block) {
        found.lines += 1;
        let view = match query.judge(line) {
            Judged::Other => continue,
            Judged::Match => View::parse(line),
            Judged::Damaged => None,
        };
        view.map_or_else(|| found.damaged += 1, |view| tally.add(&view));
    }
    (tally, found)
}
