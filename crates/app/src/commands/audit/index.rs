//! `bakerst audit index`: summaries of sealed segments, for searches of long logs.

use bakerst_store::query::{summarise, threads};
use serde_json::json;

use super::args::Index;
use super::select::{Bar, log_of, unreadable};
use crate::failure::{Exit, Outcome};
use crate::print;
use crate::station::Places;

pub(super) fn run(args: &Index, places: &Places, json: bool) -> Outcome {
    let segments = log_of(places)?;
    let mut bar = Bar::over(&segments);
    let mut advance = |bytes| bar.advance(bytes);
    let made = summarise(&segments, args.anew, threads(), &mut advance);
    let made = made.map_err(|e| unreadable(&e))?;
    drop(bar);
    if json {
        print::json(&json!({ "summaries": made, "segments": segments.len() }));
    } else {
        print::line(format!("{made} summaries made, of {} segments", segments.len()));
    }
    Ok(Exit::Ok)
}
