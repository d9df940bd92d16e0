//! `bakerst policy diff`: what one policy allows that another does not, and every setting that
//! differs.

use std::path::Path;

use bakerst_guard::replay::{Comparison, Replay, Tally, compare};
use serde_json::{Value, json};

use super::recorded::RecordedLog;
use super::replay::{both, print_tally};
use crate::cli::Global;
use crate::config::Config;
use crate::config::changes::{self, Change};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};

pub(crate) fn run(old: &Path, new: &Path, log: Option<&Path>, global: &Global) -> Outcome {
    let (old, new) = (Config::load(Some(old))?, Config::load(Some(new))?);
    let (before, after) = (old.compile()?, new.compile()?);
    let changed = changes::between(&settings(&old)?, &settings(&new)?);
    let comparison = compare(&before, &after);
    let replayed = match log {
        None => None,
        Some(log) => {
            let log = RecordedLog::open(log, global)?;
            let open = |sealed: &str| log.unseal(sealed);
            let a = Replay::new(&before, None).opening(&open);
            let b = Replay::new(&after, None).opening(&open);
            let mut tally = Tally::default();
            log.each(|record| match record {
                Ok(record) => both(&a, &b, &record, &mut tally),
                Err(why) => tally.count_unreadable(why),
            })?;
            Some(tally)
        }
    };
    if global.json {
        print::json(&json!({
            "old": before.digest(), "new": after.digest(), "settings": changed,
            "allows": comparison.allows, "unclear": comparison.unclear, "replay": replayed,
        }));
    } else {
        changed.iter().for_each(print_change);
        print_comparison(&comparison, replayed.is_some());
        replayed.iter().for_each(print_tally);
    }
    Ok(if changed.is_empty() { Exit::Ok } else { Exit::Refused })
}

fn settings(config: &Config) -> Result<Value, Failure> {
    serde_json::to_value(&config.policy)
        .map_err(|e| Failure::usage(bakerst_model::Code::ConfigValue, e.to_string()))
}

fn print_change(Change { setting, old, new }: &Change) {
    let style = Style::for_stdout();
    print::line(style.bold(setting));
    if !old.is_null() {
        print::line(format!("  {} {old}", style.red("-")));
    }
    if !new.is_null() {
        print::line(format!("  {} {new}", style.green("+")));
    }
}

fn print_comparison(Comparison { allows, unclear }: &Comparison, replayed: bool) {
    let style = Style::for_stdout();
    for what in allows {
        print::line(format!("{} {what}", style.red("newly allowed:")));
    }
    for what in unclear {
        print::line(format!("{} {what}", style.yellow("cannot be told:")));
    }
    if !unclear.is_empty() && !replayed {
        print::note("`--log audit/` tells it for the calls that were recorded");
    }
}
