//! Opening a log: every record is verified, and an end that a crash has torn is cut off.
//!
//! A crash tears a log in two ways. A process that dies leaves the start of a line. A power cut
//! may also keep a later page of the file and lose an earlier one, which then reads as zeros; no
//! record holds a zero byte, so a line with one was never whole on the disk, and nothing from
//! there on was ever answered as durable. Anything else that does not verify is not a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use bakerst_audit::{Chain, LogId, LogKey, RECORD_BYTES_MAX, Verified, Verifier};
use bakerst_model::{Action, Actor, Clock, Detail, Event};
use memchr::memchr;
use serde::Serialize;

use super::{Cut, LogError, Opened};
use crate::LogLines;
use crate::folder::sync_folder;

/// The longest torn end that a crash explains: what may be written between two syncs.
const TEAR_BYTES_MAX: u64 = 16 << 20;

/// The longest start of a header. A file without a whole record that is longer was more than a
/// log that was about to be begun.
const HEADER_BYTES_MAX: u64 = 512;

/// A log that is ready to be written.
pub(super) struct Recovered {
    pub(super) file: File,
    pub(super) chain: Chain,
    pub(super) end: u64,
    pub(super) opened: Opened,
}

/// Verifies the log at `path` and repairs its end, or begins it.
pub(super) fn recover(path: &Path, key: LogKey, clock: &dyn Clock) -> Result<Recovered, LogError> {
    let write = |source| LogError::Write { path: path.to_owned(), source };
    let read = |source| LogError::Read { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(write)?;
    let bytes = file.metadata().map_err(read)?.len();
    let recovered = match scan(path, &file, &key, bytes)? {
        Some(verified) if verified.bytes == bytes => return Ok(resume(file, key, &verified)),
        Some(verified) => repair(path, resume(file, key, &verified), bytes, clock)?,
        None if bytes <= HEADER_BYTES_MAX => begin(path, file, key, clock)?,
        None => return Err(LogError::Damaged { offset: 0, bytes }),
    };
    recovered.file.sync_all().map_err(write)?;
    path.parent().map_or(Ok(()), sync_folder).map_err(write)?;
    Ok(recovered)
}

/// Verifies up to where the log ends or is torn; `None` when there is not even a header.
fn scan(path: &Path, file: &File, key: &LogKey, bytes: u64) -> Result<Option<Verified>, LogError> {
    let mut lines = LogLines::new(file);
    let mut verifier = Verifier::new(key.clone());
    let mut offset = 0;
    let unreadable = |source| LogError::Read { path: path.to_owned(), source };
    while let Some(line) = lines.next_line().map_err(unreadable)? {
        let endless = line.len() > RECORD_BYTES_MAX;
        if memchr(0, line).is_some() || !(line.ends_with(b"\n") || endless) {
            break;
        }
        verifier.record(line).map_err(LogError::DoesNotVerify)?;
        offset += line.len() as u64;
    }
    if bytes - offset > TEAR_BYTES_MAX {
        return Err(LogError::Damaged { offset, bytes: bytes - offset });
    }
    match offset {
        0 => Ok(None),
        _ => verifier.finish().map(Some).map_err(LogError::DoesNotVerify),
    }
}

fn resume(file: File, key: LogKey, verified: &Verified) -> Recovered {
    let opened = Opened { log: verified.log, begun: false, cut: None };
    Recovered { file, chain: Chain::resume(key, verified.head), end: verified.bytes, opened }
}

fn begin(path: &Path, file: File, key: LogKey, clock: &dyn Clock) -> Result<Recovered, LogError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| LogError::Begin(error.to_string()))?;
    let log = LogId::from_random(random);
    let (chain, header) = Chain::begin(key, log, clock.now());
    let written = file.set_len(0).and_then(|()| file.write_all_at(header.bytes(), 0));
    written.map_err(|source| LogError::Write { path: path.to_owned(), source })?;
    let opened = Opened { log, begun: true, cut: None };
    Ok(Recovered { file, chain, end: header.bytes().len() as u64, opened })
}

#[derive(Serialize)]
struct RepairDetail<'c> {
    after: u64,
    cut_bytes: u64,
    kept_in: Option<&'c str>,
}

/// Puts a record of the repair where the torn end was. The record is written before the rest is
/// cut, so that no crash in between leaves a repair that nobody finds.
fn repair(
    path: &Path,
    mut log: Recovered,
    bytes: u64,
    clock: &dyn Clock,
) -> Result<Recovered, LogError> {
    let write = |source| LogError::Write { path: path.to_owned(), source };
    let begin = |error: &dyn std::error::Error| LogError::Begin(error.to_string());
    let after = log.chain.head().seq;
    let kept_name = format!("cut-after-{after}.bin");
    let kept_path = path.with_file_name(&kept_name);
    let kept = keep(&log.file, log.end, &kept_path).map_err(write)?;
    let cut_bytes = bytes - log.end;
    let kept_in = kept.then_some(kept_name.as_str());
    let detail = RepairDetail { after: after.0, cut_bytes, kept_in };
    let detail = Detail::of(&detail).map_err(|error| begin(&error))?;
    let (action, actor) = (Action::LogRepaired, Actor::system());
    let event = Event { action, actor, conversation: None, detail };
    let entry = log.chain.prepare(clock.now(), &event).map_err(|error| begin(&error))?;
    log.file.write_all_at(entry.bytes(), log.end).map_err(write)?;
    log.end += entry.bytes().len() as u64;
    log.file.set_len(log.end).map_err(write)?;
    log.chain.advance(&entry).map_err(|error| begin(&error))?;
    log.opened.cut = Some(Cut { after, bytes: cut_bytes, kept_in: kept.then_some(kept_path) });
    Ok(log)
}

/// Copies what will be cut to a file beside the log, for whoever wants to know what it was.
fn keep(mut log: &File, from: u64, path: &Path) -> io::Result<bool> {
    let mut torn = Vec::new();
    log.seek(SeekFrom::Start(from))?;
    log.take(TEAR_BYTES_MAX).read_to_end(&mut torn)?;
    let end = torn.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    torn.truncate(end);
    if torn.is_empty() {
        return Ok(false);
    }
    let mut options = OpenOptions::new();
    let kept = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    kept.write_all_at(&torn, 0)?;
    kept.sync_all()?;
    Ok(true)
}
