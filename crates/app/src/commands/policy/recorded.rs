//! The log as what-if commands read it: a file or a folder, and with it whatever of it is sealed
//! under keys that are here.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use bakerst_guard::replay::{RecordedCall, Unknown};
use bakerst_model::Code;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Global;
use crate::failure::Failure;
use crate::sealed_inputs::InputKey;
use crate::station::Places;
use crate::subjects::Subjects;

/// The longest line that is read whole; records are shorter.
const LINE_BYTES_MAX: u64 = 2 << 20;
/// How a line looks somewhere that is sealed for a person.
const VEILED: &str = "\"user\":\"subject-";

/// Shows every line of a log, with its end.
pub(crate) fn each_line(log: &mut impl BufRead, mut see: impl FnMut(&str)) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        if log.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
            return Ok(());
        }
        see(&line);
    }
}

/// Shows what a line says, if it is about a decision.
pub(crate) fn see_decision(line: &str, see: &mut impl FnMut(Result<RecordedCall<'_>, Unknown>)) {
    match RecordedCall::read(line.trim_end()) {
        Ok(Some(record)) => see(Ok(record)),
        Ok(None) => {}
        Err(why) => see(Err(why)),
    }
}

/// A log, and the keys to it.
pub(super) struct RecordedLog {
    files: Vec<PathBuf>,
    subjects: Option<Subjects>,
    input_key: Option<InputKey>,
}

impl RecordedLog {
    /// A file, or a folder of segments in the order of their names. The keys are those of the state
    /// folder; a log from elsewhere is read without.
    pub(super) fn open(log: &Path, global: &Global) -> Result<Self, Failure> {
        let places = Places::of(global)?;
        Ok(Self {
            files: files_of(log)?,
            subjects: places.subjects()?,
            input_key: places.input_key()?,
        })
    }

    /// The input that a record holds sealed, where the key is here.
    pub(super) fn unseal(&self, sealed: &str) -> Option<String> {
        self.input_key.as_ref()?.open(sealed)
    }

    /// Shows every decision.
    pub(super) fn each(
        &self,
        mut see: impl FnMut(Result<RecordedCall<'_>, Unknown>),
    ) -> Result<(), Failure> {
        let sizes = self.files.iter().filter_map(|file| fs::metadata(file).ok());
        let progress = progress(sizes.map(|file| file.len()).sum());
        for file in &self.files {
            let fail = |e: io::Error| unreadable(file, &e);
            let mut reader = BufReader::with_capacity(1 << 20, File::open(file).map_err(fail)?);
            let read = each_line(&mut reader, |line| {
                progress.inc(line.len() as u64);
                let revealed = self.reveal(line);
                see_decision(revealed.as_deref().unwrap_or(line), &mut see);
            });
            read.map_err(fail)?;
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// The line with what is sealed for a person, where there is such, and their key.
    fn reveal(&self, line: &str) -> Option<String> {
        let subjects = self.subjects.as_ref().filter(|_| line.contains(VEILED))?;
        String::from_utf8(subjects.reveal(line.as_bytes())?).ok()
    }
}

fn files_of(log: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !log.is_dir() {
        return Ok(vec![log.to_owned()]);
    }
    let entries = fs::read_dir(log).map_err(|e| unreadable(log, &e))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(log, &e))?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(unreadable(log, &"there is no file in it that ends in `.jsonl`")),
        false => Ok(files),
    }
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let message = format!("the log `{}` cannot be read: {why}", path.display());
    Failure::environment(Code::ConfigUnreadable, message)
}

/// A bar for a person at a terminal; nothing anywhere else.
fn progress(bytes: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
