//! Summaries of sealed segments, kept beside them.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bakerst_audit::lines;
use bakerst_audit::query::{Query, Summary, SummaryBuilder};

use super::{Order, Progress, SegmentFile, scan};
use crate::LogError;

/// Up to here a log is searched whole, which takes seconds; a longer one by its summaries, where it
/// has them.
pub const INDEX_FROM_BYTES: u64 = 10 << 30;

/// The longest summary that is read.
const SUMMARY_BYTES_MAX: u64 = 8 << 20;

/// Where a segment's summary is kept.
pub(crate) fn summary_path(segment: &Path) -> PathBuf {
    segment.with_extension("summary")
}

/// Leaves out the segments whose summaries say that they hold nothing of what a query is for.
#[must_use]
pub fn worth_reading(segments: Vec<SegmentFile>, query: &Query) -> Vec<SegmentFile> {
    let may_hold =
        |segment: &SegmentFile| summary_of(segment).is_none_or(|summary| summary.may_hold(query));
    segments.into_iter().filter(may_hold).collect()
}

/// A sealed segment's summary, if there is one that is of it.
fn summary_of(segment: &SegmentFile) -> Option<Summary> {
    let path = summary_path(&segment.path);
    let short = || fs::metadata(&path).is_ok_and(|about| about.len() <= SUMMARY_BYTES_MAX);
    if !segment.sealed || !short() {
        return None;
    }
    let summary = Summary::parse(&fs::read_to_string(&path).ok()?)?;
    summary.is_of(segment.bytes).then_some(summary)
}

/// Makes the summaries that are missing, or with `anew` all of them. Answers how many.
///
/// # Errors
/// When a segment cannot be read or a summary not be written.
pub fn summarise(
    segments: &[SegmentFile],
    anew: bool,
    threads: usize,
    progress: Progress<'_>,
) -> Result<usize, LogError> {
    let mut made = 0;
    for segment in segments.iter().filter(|segment| segment.sealed) {
        progress(segment.bytes);
        if !anew && summary_of(segment).is_some() {
            continue;
        }
        let mut whole = SummaryBuilder::default();
        let alone = std::slice::from_ref(segment);
        scan(alone, Order::OldestFirst, threads, of_block, |part| {
            whole.merge(part);
            ControlFlow::Continue(())
        })?;
        let path = summary_path(&segment.path);
        let written = write(&path, &whole.finish(segment.bytes));
        written.map_err(|source| LogError::Write { path, source })?;
        made += 1;
    }
    Ok(made)
}

fn of_block(block: &[u8]) -> SummaryBuilder {
    let mut part = SummaryBuilder::default();
    lines(block).for_each(|line| part.add(line));
    part
}

/// A summary that is cut short by a crash does not parse, and is made anew.
fn write(path: &Path, summary: &Summary) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, summary.to_json().as_bytes())
}
