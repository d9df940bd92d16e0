//! What is kept of a sink on the disk: how far it is, and what it refused.
//!
//! `sinks/NAME/cursor.json` says how far the sink is. `sinks/NAME/dead/LOG-SEQ.json` is one record
//! that it refused: a line that says why, and the record's exact line. A file is written beside its
//! place, synced and renamed, so that there is never half of one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bakerst_audit::delivery::{Account, EventId, Letter, Shipped};
use bakerst_audit::{LogId, RECORD_BYTES_MAX};
use bakerst_model::{Seq, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::SinkName;

/// The longest file that is read back: a record and what is said about it.
const FILE_BYTES_MAX: u64 = RECORD_BYTES_MAX as u64 + (16 << 10);

/// Why a sink's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{path}`: {source}")]
pub struct FolderError {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// One sink's folder.
#[derive(Clone, Debug)]
pub struct SinkFolder {
    path: PathBuf,
}

/// A record that the sink refused.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The file's name without its ending; it names the letter to people.
    pub name: String,
    /// Why it was refused, as the sink said.
    pub why: String,
    /// When.
    pub at: String,
    /// The record.
    pub record: Shipped,
}

#[derive(Deserialize, Serialize)]
struct Head {
    event_id: String,
    seq: u64,
    log: String,
    at: String,
    why: String,
}

impl SinkFolder {
    /// A sink's folder within the state folder. Nothing is made yet.
    #[must_use]
    pub fn of(state: &Path, sink: &SinkName) -> Self {
        Self { path: state.join("sinks").join(sink.as_str()) }
    }

    /// Every sink that ever was in a state folder, in the order of names.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn all(state: &Path) -> Result<Vec<(SinkName, Self)>, FolderError> {
        let path = state.join("sinks");
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(&path, source)),
        };
        let names = entries.filter_map(|entry| SinkName::parse(entry.ok()?.file_name().to_str()?));
        let mut sinks: Vec<_> = names.map(|name| (name.clone(), Self::of(state, &name))).collect();
        sinks.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(sinks)
    }

    fn cursor(&self) -> PathBuf {
        self.path.join("cursor.json")
    }

    fn dead(&self) -> PathBuf {
        self.path.join("dead")
    }

    fn letter(&self, name: &str) -> PathBuf {
        self.dead().join(name).with_extension("json")
    }

    /// Makes the folder, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(&self) -> Result<(), FolderError> {
        let dead = self.dead();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&dead);
        made.map_err(|source| failed(&dead, source))
    }

    /// How far the sink is. Nothing where it has never been served, or where what was kept cannot
    /// be understood: then it is served from the start, which doubles records and loses none.
    ///
    /// # Errors
    /// When there is something that cannot be read.
    pub fn account(&self) -> Result<Option<Account>, FolderError> {
        match read_bounded(&self.cursor()) {
            Ok(text) => Ok(Account::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(&self.cursor(), source)),
        }
    }

    /// The first record of a log that the sink still needs, by what is kept of it on the disk: after
    /// a crash it goes on from there.
    ///
    /// # Errors
    /// When there is something that cannot be read.
    pub fn first_needed(&self, log: LogId) -> Result<Seq, FolderError> {
        let account = self.account()?.filter(|account| account.log == log);
        Ok(account.map_or(Seq(0), |account| Seq(account.acknowledged.0.saturating_add(1))))
    }

    /// Keeps how far the sink is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, account: &Account) -> Result<(), FolderError> {
        replace(&self.cursor(), account.to_json().as_bytes())
    }

    /// How many records lie in the dead letters.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        let names = fs::read_dir(self.dead()).into_iter().flatten();
        let letters = names.filter(|entry| entry.as_ref().is_ok_and(|e| is_letter(&e.path())));
        u64::try_from(letters.count()).unwrap_or(u64::MAX)
    }

    /// Puts records into the dead letters; one that is there already is written anew.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn bury(&self, letters: &[(Letter, Shipped)], at: UnixMillis) -> Result<(), FolderError> {
        for (letter, record) in letters {
            let EventId { log, seq } = record.id;
            let head = Head {
                event_id: record.id.to_string(),
                seq: seq.0,
                log: log.to_string(),
                at: at.to_string(),
                why: letter.why.to_string(),
            };
            let mut text = serde_json::to_string(&head).unwrap_or_default();
            text.push('\n');
            text.push_str(&record.line);
            text.push('\n');
            replace(&self.letter(&format!("{log}-{seq:020}", seq = seq.0)), text.as_bytes())?;
        }
        Ok(())
    }

    /// The names of the dead letters, in the order of the records.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn letter_names(&self) -> Result<Vec<String>, FolderError> {
        let dead = self.dead();
        let entries = match fs::read_dir(&dead) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(&dead, source)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| failed(&dead, source))?.path();
            if let Some(name) =
                path.file_stem().and_then(|name| name.to_str()).filter(|_| is_letter(&path))
            {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Reads one dead letter.
    ///
    /// # Errors
    /// When it is not there, or is no dead letter.
    pub fn read_letter(&self, name: &str) -> Result<DeadLetter, FolderError> {
        let path = self.letter(name);
        let text = read_bounded(&path).map_err(|source| failed(&path, source))?;
        let strange =
            || failed(&path, io::Error::new(io::ErrorKind::InvalidData, "no dead letter"));
        let (head, line) = text.split_once('\n').ok_or_else(strange)?;
        let head: Head = serde_json::from_str(head).map_err(|_| strange())?;
        let log = LogId::parse(&head.log).ok_or_else(strange)?;
        let id = EventId { log, seq: Seq(head.seq) };
        let record = Shipped::new(id, line.trim_end_matches('\n'));
        Ok(DeadLetter { name: name.to_owned(), why: head.why, at: head.at, record })
    }

    /// Takes a dead letter away.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn drop_letter(&self, name: &str) -> Result<(), FolderError> {
        let path = self.letter(name);
        fs::remove_file(&path).map_err(|source| failed(&path, source))
    }
}

fn is_letter(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
}

fn failed(path: &Path, source: io::Error) -> FolderError {
    FolderError { path: path.to_owned(), source }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&beside, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    write().map_err(|source| failed(path, source))
}
