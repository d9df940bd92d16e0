//! `bakerst policy replay`, and the log as what-if commands read it.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use bakerst_guard::replay::{RecordedCall, Redecided, Replay, Tally, Unknown};
use bakerst_model::{Code, Escaped, Verdict};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};

/// The longest line that is read whole; records are shorter.
const LINE_BYTES_MAX: u64 = 2 << 20;

pub(crate) fn run(log: &Path, against: &Path, from: Option<&Path>, global: &Global) -> Outcome {
    let against = Config::load(Some(against))?.compile()?;
    let from = Config::load(from.or(global.config.as_deref()))?.compile()?;
    let replay = Replay::new(&against, Some(&from));
    let mut tally = Tally::default();
    each_record(log, |record| match record {
        Ok(record) => {
            let again = replay.redecide(&record);
            tally.count(&record, record.verdict, again);
        }
        Err(why) => tally.count_unreadable(why),
    })?;
    if global.json {
        let (policy, loosened) = (against.digest(), tally.loosened());
        print::json(&json!({ "policy": policy, "loosened": loosened, "replay": tally }));
    } else {
        print_tally(&tally);
    }
    Ok(if tally.changed.is_empty() { Exit::Ok } else { Exit::Refused })
}

/// What two policies say to one record.
pub(super) fn both(a: &Replay<'_>, b: &Replay<'_>, record: &RecordedCall<'_>, tally: &mut Tally) {
    match (a.redecide(record), b.redecide(record)) {
        (Redecided::Verdict(before, _), after) => tally.count(record, before, after),
        (unknown @ Redecided::Unknown(_), _) => tally.count(record, Verdict::Deny, unknown),
    }
}

/// Every decision of a log: a file, or a folder of segments in the order of their names.
pub(super) fn each_record(
    log: &Path,
    mut see: impl FnMut(Result<RecordedCall<'_>, Unknown>),
) -> Result<(), Failure> {
    let files = files_of(log)?;
    let sizes = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len());
    let progress = progress(sizes.sum());
    let mut line = String::new();
    for file in &files {
        let fail = |e: io::Error| unreadable(file, &e);
        let mut reader = BufReader::with_capacity(1 << 20, File::open(file).map_err(fail)?);
        loop {
            line.clear();
            let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line).map_err(fail)?;
            if read == 0 {
                break;
            }
            progress.inc(read as u64);
            match RecordedCall::read(line.trim_end()) {
                Ok(Some(record)) => see(Ok(record)),
                Ok(None) => {}
                Err(why) => see(Err(why)),
            }
        }
    }
    progress.finish_and_clear();
    Ok(())
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

pub(super) fn print_tally(tally: &Tally) {
    let style = Style::for_stdout();
    let rows = tally.changed.iter().map(|group| {
        let change = format!("{} -> {}", group.change.from, group.change.to);
        let (agent, tool) = (Escaped(&group.agent).to_string(), Escaped(&group.tool).to_string());
        let first = format!("{} (record {})", group.reason, group.first);
        vec![change, group.decisions.to_string(), agent, tool, first]
    });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        print::table(&["change", "decisions", "agent", "tool", "why the first"], &rows);
    }
    for (why, count) in &tally.unknown {
        print::line(style.yellow(&format!("unknown: {count} decisions, since {why}")));
    }
    let changed: u64 = tally.changed.iter().map(|group| group.decisions).sum();
    let unknown: u64 = tally.unknown.values().sum();
    let decisions = tally.decisions;
    print::note(format!(
        "{decisions} decisions: {} the same, {changed} others, {unknown} unknown",
        tally.same
    ));
}
