//! What the reading commands share: which records, from where, and how a record is shown.

use std::io::{self, BufWriter, StdoutLock, Write as _};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bakerst_audit::query::{Filter, Query, View, parse_moment};
use bakerst_model::{Clock as _, Code, Escaped, Seq, UnixMillis, Verdict};
use bakerst_store::query::{Found, INDEX_FROM_BYTES, SegmentFile, segment_files, worth_reading};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Decided, Which};
use crate::clock::SystemClock;
use crate::failure::{Exit, Failure};
use crate::print;
use crate::station::{self, Places};
use crate::subjects::Subjects;

/// How long a search may take before its progress is shown.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log's segments as they are at this moment.
pub(super) fn log_of(places: &Places) -> Result<Vec<SegmentFile>, Failure> {
    let found = segment_files(&places.log()).map_err(|e| unreadable(&e))?;
    if found.is_empty() {
        let log = places.log();
        let message = format!("there is no audit log in `{}`", log.path().display());
        return Err(Failure::environment(Code::StateUnwritable, message));
    }
    Ok(found)
}

/// Of a long log, what its summaries do not rule out.
pub(super) fn by_index(segments: Vec<SegmentFile>, query: &Query) -> Vec<SegmentFile> {
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    if bytes > INDEX_FROM_BYTES { worth_reading(segments, query) } else { segments }
}

pub(super) fn unreadable(error: &bakerst_store::LogError) -> Failure {
    Failure::environment(error.code(), station::with_causes(error))
}

/// The query that the flags mean. A person whose records are sealed is found by the name that the
/// log has for them.
pub(super) fn query_of(which: &Which, subjects: Option<&Subjects>) -> Result<Query, Failure> {
    let now = SystemClock.now();
    let verdict = |decided: &Decided| match decided {
        Decided::Allow => Verdict::Allow,
        Decided::Ask => Verdict::Ask,
        Decided::Deny => Verdict::Deny,
    };
    let named = |user: &String| subjects.and_then(|subjects| subjects.name_of(user));
    let names = which.users.iter().filter_map(named);
    Ok(Query::new(Filter {
        since: moment("--since", which.since.as_deref(), now)?,
        until: moment("--until", which.until.as_deref(), now)?,
        categories: which.categories.clone(),
        actions: which.actions.clone(),
        agents: which.agents.clone(),
        users: which.users.iter().cloned().chain(names).collect(),
        tools: which.tools.clone(),
        verdicts: which.decisions.iter().map(verdict).collect(),
        conversations: which.conversations.clone(),
        codes: which.codes.clone(),
        texts: which.texts.clone(),
    }))
}

fn moment(flag: &str, text: Option<&str>, now: UnixMillis) -> Result<Option<UnixMillis>, Failure> {
    let Some(text) = text else { return Ok(None) };
    match parse_moment(text, now) {
        Some(at) => Ok(Some(at)),
        None => {
            let message = format!("`{flag}` is no moment: `{}`", Escaped(text));
            let mut failure = Failure::usage(Code::BadQuery, message);
            failure.hint =
                Some("write `2026-02-24`, `2026-02-24T09:30` in UTC, or `15m`, `2h`, `7d`".into());
            Err(failure)
        }
    }
}

/// A bar on a terminal for what takes long, and nothing anywhere else.
pub(super) struct Bar {
    bar: ProgressBar,
    began: Instant,
    total: u64,
    done: u64,
}

impl Bar {
    pub(super) fn over(segments: &[SegmentFile]) -> Self {
        let total = segments.iter().map(|segment| segment.bytes).sum();
        Self { bar: ProgressBar::hidden(), began: Instant::now(), total, done: 0 }
    }

    pub(super) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        if self.bar.is_hidden() && self.began.elapsed() > PATIENCE {
            let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}";
            self.bar = ProgressBar::new(self.total);
            if let Ok(style) = ProgressStyle::with_template(style) {
                self.bar.set_style(style);
            }
        }
        self.bar.set_position(self.done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Where records are printed: as they stand, or one line each.
pub(super) struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    json: bool,
    synced: Option<Seq>,
    subjects: Option<Subjects>,
}

impl Printer {
    /// For records as they stand, or where `subjects` are given, with what they have sealed.
    pub(super) fn new(json: bool, subjects: Option<Subjects>) -> Self {
        Self { out: BufWriter::new(io::stdout().lock()), json, synced: None, subjects }
    }

    /// From now on, says of later records that they are not on the disk yet.
    pub(super) fn synced(&mut self, synced: Option<Seq>) {
        self.synced = synced;
    }

    /// Prints a record. A reader that has gone away has seen enough.
    pub(super) fn print(&mut self, line: &[u8]) -> ControlFlow<()> {
        let revealed = self.subjects.as_ref().and_then(|subjects| subjects.reveal(line));
        let line = revealed.as_deref().unwrap_or(line);
        let printed = match (self.json, View::parse(line)) {
            (false, Some(view)) => {
                let synced = self.synced.is_none_or(|synced| view.seq <= synced.0);
                let mark = if synced { "" } else { "  (not on the disk yet)" };
                writeln!(self.out, "{}{mark}", brief(&view))
            }
            _ => self.out.write_all(line),
        };
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Hands on what was printed.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        match self.out.flush() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// Says what was not in order, and ends the command accordingly.
pub(super) fn conclude(found: &Found) -> Exit {
    match found.damaged {
        0 => Exit::Ok,
        damaged => {
            print::note(format!(
                "{damaged} of {} lines are no records: `bakerst audit verify` says where and why",
                found.lines
            ));
            Exit::Refused
        }
    }
}

/// A record on one line: when, what, who, and the words that explain it.
fn brief(view: &View<'_>) -> String {
    let detail = view.detail();
    let shown = |text: Option<&str>| Escaped(text.unwrap_or_default()).to_string();
    let actor = match view.actor.agent() {
        Some(agent) if agent != view.actor.name() => {
            format!("{}/{}", Escaped(view.actor.name()), Escaped(agent))
        }
        _ => Escaped(view.actor.name()).to_string(),
    };
    let (tool, code) = (shown(detail.tool().as_deref()), shown(detail.code().as_deref()));
    let (at, action) = (shown(Some(view.timestamp())), shown(Some(view.action())));
    let reason = shown(detail.reason().as_deref());
    let text = format!("{:>6}  {at}  {action:20} {actor:16} {tool} {code} {reason}", view.seq);
    text.trim_end().to_owned()
}
