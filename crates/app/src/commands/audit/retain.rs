//! `bakerst audit retain`: which old segments are to go, and letting go of them, by the server where
//! one runs.

use serde_json::{Value, json};

use super::args::Retain;
use super::select::log_of;
use crate::cli::Global;
use crate::failure::{Exit, Outcome};
use crate::operator;
use crate::print;
use crate::station::Places;

pub(super) fn run(args: &Retain, places: &Places, global: &Global) -> Outcome {
    log_of(places)?;
    let Retain { age_days_max, bytes_max, apply } = *args;
    let body = json!({ "ageDaysMax": age_days_max, "bytesMax": bytes_max, "apply": apply });
    let answer = &operator::call(global, "POST", "/api/audit/retain", Some(&body))?;
    match (global.json, apply) {
        (true, _) => print::json(answer),
        (false, false) => tell_plan(answer),
        (false, true) => tell_done(answer),
    }
    if let (false, Some(held)) = (global.json, answer["held"].as_str()) {
        print::note(format!("{held}; `wait_for_sinks: false` lets go of them all the same"));
    }
    Ok(Exit::Ok)
}

fn tell_plan(plan: &Value) {
    let expire = plan["expire"].as_array().map(Vec::as_slice).unwrap_or_default();
    if expire.is_empty() {
        print::line("nothing is to go");
        return;
    }
    let rows = expire.iter().map(|kept| {
        let text = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| kept[name].to_string();
        vec![number("first"), number("bytes"), text("lastAt"), text("cause")]
    });
    print::table(&["first record", "bytes", "last written", "goes by"], &rows.collect::<Vec<_>>());
    let bytes: u64 = expire.iter().filter_map(|kept| kept["bytes"].as_u64()).sum();
    let count = expire.len();
    print::note(format!("{count} segments, {bytes} bytes: `--apply` lets go of them"));
}

fn tell_done(answer: &Value) {
    let tombstone = &answer["tombstone"];
    match tombstone.is_object() {
        false => print::line("nothing was to go"),
        true => print::line(format!(
            "{} segments, {} bytes are gone; the log begins with record {} now",
            tombstone["segments"], tombstone["bytes"], tombstone["next"]
        )),
    }
}
