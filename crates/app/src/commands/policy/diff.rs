//! `bakerst policy diff`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::Global;
use crate::config::Config;
use crate::config::changes::{self, Change};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};

pub(crate) fn run(old: &Path, new: &Path, global: &Global) -> Outcome {
    let (old, new) = (Config::load(Some(old))?, Config::load(Some(new))?);
    let digests = (old.compile()?.digest(), new.compile()?.digest());
    let changed = changes::between(&settings(&old)?, &settings(&new)?);
    if global.json {
        let (from, to) = digests;
        print::json(&json!({ "old": from, "new": to, "settings": changed }));
    } else {
        changed.iter().for_each(print_change);
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
