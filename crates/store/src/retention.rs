//! Letting go of old segments.
//!
//! The tombstone is on the disk before anything is removed, and files are removed from the oldest
//! on. So a crash leaves at worst segments that should be gone, and the next turn removes them.

use std::fs;
use std::io;
use std::ops::ControlFlow;

use bakerst_audit::query::{Filter, Query, View, parse_moment};
use bakerst_audit::retention::{Kept, Plan, Tombstone};
use bakerst_audit::{LogSource, RecordLine};
use bakerst_model::{Action, Journal, JournalError, Seq, UnixMillis};

use crate::folder::sync_folder;
use crate::query::{Order, SegmentFile, find, segment_files, summary_path, threads};
use crate::{LogError, LogFolder};

/// What a log keeps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Survey {
    /// Segments that never change again, the oldest first.
    pub sealed: Vec<Kept>,
    /// The one that is written to.
    pub live: Kept,
}

/// Why segments could not be let go of.
#[derive(Debug, thiserror::Error)]
pub enum ExpireError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tombstone could not be recorded, so nothing was removed.
    #[error("the tombstone cannot be recorded")]
    Journal(#[source] JournalError),
    /// A file could not be removed.
    #[error("cannot remove an expired segment")]
    Remove(#[source] io::Error),
}

/// Looks at what there is; `None` where there is no log.
///
/// # Errors
/// When the log cannot be read.
pub fn survey(log: &LogFolder) -> Result<Option<Survey>, LogError> {
    let mut files = segment_files(log)?;
    let Some(live) = files.pop() else { return Ok(None) };
    let sealed = files.iter().map(kept).collect::<Result<_, _>>()?;
    Ok(Some(Survey { sealed, live: kept(&live)? }))
}

fn kept(file: &SegmentFile) -> Result<Kept, LogError> {
    let mut last_at = UnixMillis::default();
    one(std::slice::from_ref(file), Filter::default(), Order::NewestFirst, |line| {
        let at = View::parse(line).and_then(|view| parse_moment(view.timestamp(), last_at));
        last_at = at.unwrap_or_default();
    })?;
    Ok(Kept { first: file.first, bytes: file.bytes, last_at })
}

/// The first record that a filter finds.
fn one(
    files: &[SegmentFile],
    filter: Filter,
    order: Order,
    mut show: impl FnMut(&[u8]),
) -> Result<(), LogError> {
    find(files, &Query::new(filter), order, Some(1), threads(), &mut |_| {}, |line| {
        show(line);
        ControlFlow::Break(())
    })?;
    Ok(())
}

/// The newest tombstone, whether or not all that it speaks of is gone.
///
/// # Errors
/// When the log cannot be read.
pub fn newest_tombstone(log: &LogFolder) -> Result<Option<Tombstone>, LogError> {
    let actions = vec![Action::SegmentsExpired.as_str().to_owned()];
    let (mut newest, filter) = (None, Filter { actions, ..Filter::default() });
    one(&segment_files(log)?, filter, Order::NewestFirst, |line| {
        newest = Tombstone::of_line(line);
    })?;
    Ok(newest)
}

/// Checks that a log which does not begin with its first record says why. The records themselves
/// must have been verified.
///
/// # Errors
/// When nothing accounts for what is gone, or the log cannot be read.
pub fn check_beginning(log: &LogFolder) -> Result<Option<Tombstone>, LogError> {
    let files = segment_files(log)?;
    let Some(first) = files.first().filter(|file| file.first > Seq(0)) else { return Ok(None) };
    let accounted = match newest_tombstone(log)? {
        Some(tombstone) => header(first)?
            .is_some_and(|prev| tombstone.accounts_for(first.first, prev))
            .then_some(tombstone),
        None => None,
    };
    match accounted {
        Some(tombstone) => Ok(Some(tombstone)),
        None => Err(LogError::Unaccounted { first: first.first }),
    }
}

/// The mac that a segment's header names as that of the record before.
fn header(file: &SegmentFile) -> Result<Option<bakerst_model::Digest>, LogError> {
    let mut prev = None;
    one(std::slice::from_ref(file), Filter::default(), Order::OldestFirst, |line| {
        prev = RecordLine::parse(line).map(|record| record.prev);
    })?;
    Ok(prev)
}

/// Lets go of what a plan says: records a tombstone, waits until it is on the disk, and removes the
/// files. Answers nothing when there was nothing to do.
///
/// # Errors
/// When the tombstone could not be recorded, and nothing is gone; or when a file could not be
/// removed, and the next turn will try again.
pub async fn expire(
    log: &LogFolder,
    plan: &Plan,
    journal: &dyn Journal,
    source: &dyn LogSource,
) -> Result<Option<Tombstone>, ExpireError> {
    let Some((first, _)) = plan.expire.first() else { return Ok(None) };
    let files = segment_files(log)?;
    let next = files.iter().find(|file| plan.expire.iter().all(|(k, _)| k.first < file.first));
    let Some(next) = next else { return Ok(None) };
    let Some(head) = header(next)? else {
        return Err(LogError::Unaccounted { first: next.first }.into());
    };
    let tombstone = Tombstone {
        first: first.first.0,
        next: next.first.0,
        head,
        segments: plan.expire.len() as u64,
        bytes: plan.expire.iter().map(|(kept, _)| kept.bytes).sum(),
    };
    let unrecorded = |error: JournalError| ExpireError::Journal(error);
    let event = tombstone.event().map_err(|e| JournalError::Unwritable(e.to_string().into()));
    let seq = journal.append(event.map_err(unrecorded)?).await.map_err(unrecorded)?;
    while source.synced() < seq {
        if source.synced_after(source.synced()).await.is_none() {
            return Err(unrecorded(JournalError::Closed("it was stopped".into())));
        }
    }
    remove_before(log, Seq(tombstone.next))?;
    Ok(Some(tombstone))
}

/// Removes what the newest tombstone speaks of and a crash has left. Answers how many files.
///
/// # Errors
/// When the log cannot be read or a file cannot be removed.
pub fn finish_expiry(log: &LogFolder) -> Result<usize, ExpireError> {
    match newest_tombstone(log)? {
        Some(tombstone) => remove_before(log, Seq(tombstone.next)),
        None => Ok(0),
    }
}

fn remove_before(log: &LogFolder, next: Seq) -> Result<usize, ExpireError> {
    let files = segment_files(log)?;
    let expired = files.iter().take_while(|file| file.first < next && file.sealed);
    let mut removed = 0;
    for file in expired {
        match fs::remove_file(summary_path(&file.path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ExpireError::Remove(error));
            }
            _ => {}
        }
        fs::remove_file(&file.path).map_err(ExpireError::Remove)?;
        removed += 1;
    }
    if removed > 0 {
        sync_folder(log.path()).map_err(ExpireError::Remove)?;
    }
    Ok(removed)
}
