//! Opening a log: every record of the live segment is verified, and an end that a crash has torn
//! is cut off.
//!
//! A crash tears a log in two ways. A process that dies leaves the start of a line. A power cut
//! may also keep a later page of the file and lose an earlier one, which then reads as zeros; no
//! record holds a zero byte, so a line with one was never whole on the disk, and nothing from
//! there on was ever answered as durable. Anything else that does not verify is not a crash.
//!
//! Sealed segments were on the disk before the next one was begun, so no crash touches them; that
//! the live one follows the last of them is checked here, and what is in them by `audit verify`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use bakerst_audit::{
    About, Chain, Draft, LogId, LogKeys, RECORD_BYTES_MAX, RecordLine, Trust, Verified, Verifier,
};
use bakerst_model::{Action, Actor, Clock, Detail, Event, Seq};
use memchr::memchr;
use serde::Serialize;

use super::{Cut, LogError, Opened};
use crate::folder::sync_folder;
use crate::{LogFolder, LogLines, Segment};

/// The longest torn end that a crash explains: what may be written between two syncs.
const TEAR_BYTES_MAX: u64 = 16 << 20;

/// The longest header.
const HEADER_BYTES_MAX: usize = 16 << 10;

/// A log that is ready to be written.
pub(super) struct Recovered {
    pub(super) file: File,
    pub(super) chain: Chain,
    /// The live segment, by its first record.
    pub(super) segment: Seq,
    /// Where the next record goes in it.
    pub(super) end: u64,
    /// Whether the next segment must be begun before anything else is written: the last record
    /// says that another key follows.
    pub(super) begin_segment: bool,
    pub(super) opened: Opened,
}

/// What a log is opened with.
pub(super) struct Opening<'o> {
    pub(super) folder: &'o LogFolder,
    pub(super) keys: &'o LogKeys,
    pub(super) about: &'o About,
    pub(super) clock: &'o dyn Clock,
}

impl Opening<'_> {
    /// Verifies the live segment and repairs its end, or begins the log.
    pub(super) fn recover(self) -> Result<Recovered, LogError> {
        let folder = self.folder;
        let read = |source| LogError::Read { path: folder.path().to_owned(), source };
        let segments = folder.segments().map_err(read)?;
        let recovered = match segments.as_slice() {
            [] if folder.single_file().exists() => {
                return Err(LogError::EarlierForm { path: folder.single_file() });
            }
            [] => self.begin()?,
            [before @ .., live] => self.go_on(before.last(), live)?,
        };
        self.check_synced(&recovered)?;
        let write = |source| LogError::Write { path: folder.path().to_owned(), source };
        recovered.file.sync_all().map_err(write)?;
        sync_folder(folder.path()).map_err(write)?;
        Ok(recovered)
    }

    /// What was on the disk once does not go by a crash.
    fn check_synced(&self, recovered: &Recovered) -> Result<(), LogError> {
        let read = |source| LogError::Read { path: self.folder.synced_path(), source };
        let Some(synced) = self.folder.synced().map_err(read)? else { return Ok(()) };
        let head = match &recovered.opened.cut {
            Some(cut) => cut.after,
            None => recovered.chain.head().seq,
        };
        // A log that is gone as a whole is begun anew; whoever opens it is told.
        match head < synced.seq && !recovered.opened.begun {
            true => {
                let note = self.folder.synced_path();
                Err(LogError::Cut { head, synced: synced.seq, note })
            }
            false => Ok(()),
        }
    }

    fn go_on(&self, before: Option<&Segment>, live: &Segment) -> Result<Recovered, LogError> {
        let path = live.path.as_path();
        let file = open_to_write(path)?;
        let read = |source| LogError::Read { path: path.to_owned(), source };
        let bytes = file.metadata().map_err(read)?.len();
        let Some(verified) = self.scan(path, &file, live.first)? else {
            let damaged = LogError::Damaged { path: path.to_owned(), offset: 0, bytes };
            return match before {
                _ if !is_torn_header(&file).map_err(read)? => Err(damaged),
                None if live.first == Seq(0) => self.begin(),
                None => Err(damaged),
                Some(before) => self.begin_again(before, live, file),
            };
        };
        if let Some(before) = before {
            check_joint(before, &verified)?;
        }
        let opened = Opened { log: verified.log, begun: false, cut: None };
        let chain = Chain::resume(self.keys, self.about.clone(), &verified)?;
        let (segment, end) = (live.first, verified.bytes);
        let begin_segment = verified.rotated_to.is_some();
        let log = Recovered { file, chain, segment, end, begin_segment, opened };
        let torn = torn_end(&log.file, end).map_err(read)?;
        if torn.len() as u64 > TEAR_BYTES_MAX {
            let bytes = torn.len() as u64;
            return Err(LogError::Damaged { path: path.to_owned(), offset: end, bytes });
        }
        match torn.is_empty() {
            true => Ok(log),
            false => self.repair(path, log, &torn),
        }
    }

    fn begin(&self) -> Result<Recovered, LogError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| LogError::Begin(error.to_string()))?;
        let (log, at, mut header) = (LogId::from_random(random), self.clock.now(), Vec::new());
        let chain = Chain::begin(self.keys, log, self.about.clone(), at, &mut header)?;
        let path = self.folder.segment_path(Seq(0));
        let file = open_to_write(&path)?;
        write_header(&path, &file, &header)?;
        let (segment, end) = (Seq(0), header.len() as u64);
        let opened = Opened { log, begun: true, cut: None };
        Ok(Recovered { file, chain, segment, end, begin_segment: false, opened })
    }

    /// A crash came between the making of a segment and its header: it is begun once more.
    fn begin_again(
        &self,
        before: &Segment,
        live: &Segment,
        file: File,
    ) -> Result<Recovered, LogError> {
        let earlier = open_to_write(&before.path)?;
        let verified = self.scan(&before.path, &earlier, before.first)?;
        let follows = verified.filter(|v| v.head.seq.0.checked_add(1) == Some(live.first.0));
        let Some(verified) = follows else {
            let path = before.path.clone();
            return Err(LogError::Damaged { path, offset: 0, bytes: 0 });
        };
        let (mut chain, mut header) =
            (Chain::resume(self.keys, self.about.clone(), &verified)?, Vec::new());
        let begun = chain.begin_segment(self.clock.now(), &mut header);
        begun.map_err(|error| LogError::Begin(error.to_string()))?;
        write_header(&live.path, &file, &header)?;
        let opened = Opened { log: verified.log, begun: false, cut: None };
        let (segment, end) = (live.first, header.len() as u64);
        Ok(Recovered { file, chain, segment, end, begin_segment: false, opened })
    }

    /// Puts a record of the repair where the torn end was. The record is written before the rest
    /// is cut, so that no crash in between leaves a repair that nobody finds.
    fn repair(&self, path: &Path, mut log: Recovered, torn: &[u8]) -> Result<Recovered, LogError> {
        let write = |source| LogError::Write { path: path.to_owned(), source };
        let begin = |error: &dyn std::error::Error| LogError::Begin(error.to_string());
        let after = log.chain.head().seq;
        let kept_name = format!("cut-after-{after}.bin");
        let kept_path = path.with_file_name(&kept_name);
        keep(torn, &kept_path).map_err(write)?;
        let cut_bytes = torn.len() as u64;
        let detail = RepairDetail { after: after.0, cut_bytes, kept_in: &kept_name };
        let detail = Detail::of(&detail).map_err(|error| begin(&error))?;
        let (action, actor) = (Action::LogRepaired, Actor::system());
        let event = Event { action, actor, conversation: None, detail };
        let draft = Draft::of(self.clock.now(), &event).map_err(|error| begin(&error))?;
        let mut record = Vec::new();
        log.chain.append(&draft, &mut record);
        log.file.write_all_at(&record, log.end).map_err(write)?;
        log.end += record.len() as u64;
        log.file.set_len(log.end).map_err(write)?;
        log.opened.cut = Some(Cut { after, bytes: cut_bytes, kept_in: kept_path });
        Ok(log)
    }

    /// Verifies up to where a segment ends or is torn; `None` when there is not even a header.
    fn scan(&self, path: &Path, file: &File, first: Seq) -> Result<Option<Verified>, LogError> {
        let mut lines = LogLines::new(file);
        let mut verifier = Verifier::from_segment(Trust::keys(self.keys.clone()), first);
        let unreadable = |source| LogError::Read { path: path.to_owned(), source };
        let faulty = |fault| LogError::DoesNotVerify { segment: Some(path.to_owned()), fault };
        let mut any = false;
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            let endless = line.len() > RECORD_BYTES_MAX;
            if memchr(0, line).is_some() || !(line.ends_with(b"\n") || endless) {
                break;
            }
            verifier.record(line).map_err(faulty)?;
            any = true;
        }
        if !any {
            return Ok(None);
        }
        verifier.finish().map(Some).map_err(faulty)
    }
}

#[derive(Serialize)]
struct RepairDetail<'c> {
    after: u64,
    cut_bytes: u64,
    kept_in: &'c str,
}

fn open_to_write(path: &Path) -> Result<File, LogError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(|source| LogError::Write { path: path.to_owned(), source })
}

fn write_header(path: &Path, file: &File, header: &[u8]) -> Result<(), LogError> {
    let written = file.set_len(0).and_then(|()| file.write_all_at(header, 0));
    written.map_err(|source| LogError::Write { path: path.to_owned(), source })
}

/// Holds the last record of a sealed segment against what the next one says it follows.
fn check_joint(before: &Segment, live: &Verified) -> Result<(), LogError> {
    let read = |source| LogError::Read { path: before.path.clone(), source };
    let mut file = File::open(&before.path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    let from = bytes.saturating_sub(RECORD_BYTES_MAX as u64 + 1);
    let mut end = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(read)?;
    file.read_to_end(&mut end).map_err(read)?;
    let last = bakerst_audit::lines(&end).last().and_then(RecordLine::parse);
    let joined = last.is_some_and(|last| {
        last.mac == live.prev && last.seq.0.checked_add(1) == Some(live.first.0)
    });
    match joined {
        true => Ok(()),
        false => Err(LogError::Disjoint { path: before.path.clone(), next: live.first }),
    }
}

/// What follows the last whole record, without the zeros at its end.
fn torn_end(mut file: &File, from: u64) -> io::Result<Vec<u8>> {
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    let mut buffer = vec![0; 1 << 20];
    let mut zeros = 0;
    loop {
        let read = file.read(&mut buffer)?;
        let part = buffer.get(..read).unwrap_or_default();
        let Some(last) = part.iter().rposition(|byte| *byte != 0) else {
            match read {
                0 => return Ok(torn),
                _ => zeros += read,
            }
            continue;
        };
        torn.resize(torn.len() + std::mem::take(&mut zeros), 0);
        torn.extend(part.iter().take(last + 1));
        zeros = read - last - 1;
        if torn.len() as u64 > TEAR_BYTES_MAX {
            return Ok(torn);
        }
    }
}

/// Whether a segment without a whole header is one that was about to be begun: its header is on
/// the disk before anything else is written, so there is no more than a part of one line.
fn is_torn_header(file: &File) -> io::Result<bool> {
    let torn = torn_end(file, 0)?;
    let ends_early = memchr(b'\n', &torn).is_some_and(|end| end + 1 < torn.len());
    Ok(torn.len() <= HEADER_BYTES_MAX && !ends_early)
}

/// Keeps what will be cut in a file beside the log, for whoever wants to know what it was.
fn keep(torn: &[u8], path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let kept = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    kept.write_all_at(torn, 0)?;
    kept.sync_all()
}
