//! A disk that fails in the middle of its work: a write that ends early, a sync that is not one, and
//! a file system that the operating system makes read-only because of such things.
//!
//! Whatever it does, the log is opened anew on a disk that is well, as after a restart.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Mutex;

use bakerst_audit::Trust;
use bakerst_model::JournalError;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::log_file::disk::Medium;
use crate::{LogCheck, LogFolder, LogReport, verify_log};

const EIO: i32 = 5;
const EROFS: i32 = 30;

/// What becomes of one thing that is asked of the disk.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// An I/O error; of what was to be written so many bytes are.
    Io(usize),
    /// From here on the file system takes nothing, from nobody.
    ReadOnly,
}

/// What is asked of the disk, by its number, and what fails.
#[derive(Debug, Default)]
struct Script {
    asked: u64,
    faults: Vec<(u64, Fault)>,
    read_only: bool,
}

/// A disk that fails by a script.
#[derive(Clone, Debug, Default)]
struct Failing(Arc<Mutex<Script>>);

impl Failing {
    fn with(faults: &[(u64, Fault)]) -> Self {
        let faults = faults.to_vec();
        Self(Arc::new(Mutex::new(Script { faults, ..Script::default() })))
    }

    /// How many bytes are written before it fails, if it does.
    fn ask(&self) -> Result<(), (usize, io::Error)> {
        let mut script = self.0.lock().unwrap();
        script.asked += 1;
        let asked = script.asked;
        let fault = script.faults.iter().find(|(at, _)| *at == asked).map(|(_, fault)| *fault);
        script.read_only |= matches!(fault, Some(Fault::ReadOnly));
        match fault {
            _ if script.read_only => Err((0, io::Error::from_raw_os_error(EROFS))),
            Some(Fault::Io(written)) => Err((written, io::Error::from_raw_os_error(EIO))),
            _ => Ok(()),
        }
    }

    fn plainly(&self) -> io::Result<()> {
        self.ask().map_err(|(_, error)| error)
    }
}

#[derive(Debug)]
struct FailingFile {
    file: File,
    disk: Failing,
}

impl Medium for FailingFile {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        match self.disk.ask() {
            Ok(()) => Medium::write_all_at(&self.file, bytes, at),
            Err((written, error)) => {
                Medium::write_all_at(&self.file, &bytes[..written.min(bytes.len())], at)?;
                Err(error)
            }
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.plainly().and_then(|()| self.file.set_len(bytes))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.plainly().and_then(|()| self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.disk.plainly().and_then(|()| self.file.sync_all())
    }
}

impl Disk for Failing {
    fn adopt(&self, file: File) -> Arc<dyn Medium> {
        Arc::new(FailingFile { file, disk: self.clone() })
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>> {
        self.plainly()?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).open(path)?;
        Ok(self.adopt(file))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.plainly().and_then(|()| Files.sync_folder(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plainly().and_then(|()| Files.remove(path))
    }
}

/// What was said of each event.
#[derive(Debug, Default)]
struct Told {
    recorded: Vec<u64>,
    refused: Vec<u64>,
    in_doubt: Vec<u64>,
}

struct Room {
    folder: tempfile::TempDir,
    told: Told,
}

impl Room {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), told: Told::default() }
    }

    fn open(&self, disk: Arc<dyn Disk>, durability: Durability) -> Result<LogFile, LogError> {
        let state = StateFolder::open(self.folder.path()).unwrap();
        let settings = LogSettings {
            durability,
            segment_bytes: SegmentBytes(2048),
            checkpoints: Some(Cadence { records: 7, ..Cadence::default() }),
            ..LogSettings::default()
        };
        LogFile::open_on(disk, &state, &keys(), settings, Arc::new(Noon))
    }

    /// Appends events until the log is dropped, on a disk that fails so.
    async fn write(&mut self, faults: &[(u64, Fault)], durability: Durability, events: u64) {
        // Where it cannot even be opened, nothing was recorded.
        let Ok(log) = self.open(Arc::new(Failing::with(faults)), durability) else { return };
        for n in 0..events {
            let detail = Detail::of(&json!({ "n": n, "fill": "x".repeat(100) })).unwrap();
            let (action, actor) = (Action::ToolAllowed, Actor::system());
            let event = Event { action, actor, conversation: None, detail };
            match log.append(event).await {
                Ok(_) => self.told.recorded.push(n),
                Err(JournalError::Unwritable(_)) => self.told.refused.push(n),
                Err(JournalError::Closed(_)) => self.told.in_doubt.push(n),
            }
        }
    }

    /// Opens the log on a disk that is well, and says which events are in it.
    fn recorded(&self) -> Vec<u64> {
        drop(self.open(Arc::new(Files), Durability::Strict).unwrap());
        let log = LogFolder::in_state(self.folder.path());
        let check = LogCheck { trust: Trust::keys(keys()), given: Vec::new(), threads: 1 };
        let LogReport { torn_bytes, .. } = verify_log(&log, check, &|_| {}).unwrap();
        assert_eq!(torn_bytes, 0);
        let mut numbers = Vec::new();
        for segment in log.segments().unwrap() {
            for line in std::fs::read_to_string(segment.path).unwrap().lines() {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                if record["action"] == "tool.allowed" {
                    numbers.push(record["detail"]["n"].as_u64().unwrap());
                }
            }
        }
        numbers
    }

    /// What was recorded is there once, what was refused is not, and of the rest nothing is there
    /// twice.
    fn check(&self) {
        let (there, Told { recorded, refused, in_doubt }) = (self.recorded(), &self.told);
        let once: BTreeSet<u64> = there.iter().copied().collect();
        assert_eq!(once.len(), there.len(), "doubled: {there:?}");
        assert!(recorded.iter().all(|n| once.contains(n)), "lost: {recorded:?} {there:?}");
        assert!(!refused.iter().any(|n| once.contains(n)), "refused, but there: {refused:?}");
        let told = recorded.len() + in_doubt.iter().filter(|n| once.contains(n)).count();
        assert_eq!(told, there.len());
    }
}

fn keys() -> LogKeys {
    LogKeys::new(LogKey::new(&Secret::new(vec![7; 32])).unwrap(), Secret::new(vec![9; 32]))
}

#[tokio::test]
async fn an_io_error_in_a_write_refuses_what_was_written_and_nothing_else() {
    let mut room = Room::new();
    // Well behind the opening; half a record reaches the disk.
    room.write(&[(20, Fault::Io(70))], Durability::Batched, 30).await;
    room.check();
    assert_eq!((room.told.refused.len(), room.told.in_doubt.len()), (1, 0));
}

#[tokio::test]
async fn a_file_system_that_becomes_read_only_stops_everything_and_loses_nothing() {
    for durability in [Durability::Strict, Durability::Batched] {
        let mut room = Room::new();
        room.write(&[(30, Fault::ReadOnly)], durability, 30).await;
        room.check();
        let Told { recorded, refused, in_doubt } = &room.told;
        assert!(!recorded.is_empty() && refused.len() + in_doubt.len() > 0, "{:?}", room.told);
        let last = recorded.last().unwrap();
        assert!(refused.iter().chain(in_doubt).all(|n| n > last), "it came back by itself");
    }
}

/// A segment that failed to begin and stayed where it was took the next records' numbers, which
/// the segment before it went on to use.
#[test]
fn a_segment_that_can_be_neither_begun_nor_removed_stops_the_log() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut stopped = 0;
    for at in 1..80 {
        for durability in [Durability::Strict, Durability::Batched] {
            let mut room = Room::new();
            let faults = [(at, Fault::Io(0)), (at + 1, Fault::Io(0))];
            runtime.block_on(room.write(&faults, durability, 40));
            room.check();
            stopped += usize::from(!room.told.in_doubt.is_empty());
        }
    }
    assert!(stopped > 0, "no two failures in a row stopped it");
}

#[tokio::test]
async fn a_log_on_a_read_only_file_system_does_not_open() {
    let mut room = Room::new();
    room.write(&[], Durability::Strict, 5).await;
    let read_only = Failing::with(&[(1, Fault::ReadOnly)]);
    let refused = room.open(Arc::new(read_only), Durability::Strict).unwrap_err();
    assert_eq!(refused.code(), Code::LogUnwritable, "{refused}");
    room.check();
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => (0..400_usize).prop_map(Fault::Io),
        1 => Just(Fault::ReadOnly),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_disk_does_nothing_that_was_acknowledged_is_lost_or_doubled(
        faults in prop::collection::vec((1..80_u64, fault()), 1..6), strict in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let durability = if strict { Durability::Strict } else { Durability::Batched };
        let mut room = Room::new();
        runtime.block_on(room.write(&faults, durability, 40));
        room.check();
    }
}
