//! `bakerst policy hash`.

use serde_json::json;

use crate::cli::Global;
use crate::config::Config;
use crate::failure::{Exit, Outcome};
use crate::print;

pub(crate) fn run(global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    let digest = config.compile()?.digest();
    match global.json {
        true => print::json(&json!({ "policy": digest, "file": config.file })),
        false => print::line(digest.to_string()),
    }
    Ok(Exit::Ok)
}
