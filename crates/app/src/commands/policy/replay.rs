//! `bakerst policy replay`.

use std::path::Path;

use bakerst_guard::replay::{RecordedCall, Redecided, Replay, Tally};
use bakerst_model::{Escaped, Verdict};
use serde_json::json;

use super::recorded::RecordedLog;
use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Outcome};
use crate::print::{self, Style};

pub(crate) fn run(log: &Path, against: &Path, from: Option<&Path>, global: &Global) -> Outcome {
    let against = Config::load(Some(against))?.compile()?;
    let from = Config::load(from.or(global.config.as_deref()))?.compile()?;
    let log = RecordedLog::open(log, global)?;
    let open = |sealed: &str| log.unseal(sealed);
    let replay = Replay::new(&against, Some(&from)).opening(&open);
    let mut tally = Tally::default();
    log.each(|record| match record {
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
