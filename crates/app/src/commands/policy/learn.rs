//! `bakerst policy learn`.

use std::fs;
use std::path::Path;

use bakerst_guard::replay::Learner;
use bakerst_model::Code;

use super::recorded::RecordedLog;
use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;

pub(crate) fn run(log: &Path, output: Option<&Path>, global: &Global) -> Outcome {
    let known = Config::load(global.config.as_deref())?;
    let mut learner = Learner::default();
    RecordedLog::open(log, global)?.each(|record| {
        if let Ok(record) = record {
            learner.see(&record);
        }
    })?;
    let proposed = learner.propose(&known.policy);
    match output {
        None => print::line(proposed.trim_end()),
        Some(path) => fs::write(path, proposed).map_err(|e| {
            let message = format!("cannot write `{}`: {e}", path.display());
            Failure::environment(Code::StateUnwritable, message)
        })?,
    }
    Ok(Exit::Ok)
}
