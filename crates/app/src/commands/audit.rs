//! `bakerst audit`: the log, read and verified where it lies.

pub(crate) mod args;
mod erase;
mod export;
mod index;
mod query;
mod retain;
mod select;
mod stats;
mod tail;

use bakerst_audit::Verified;
use bakerst_store::verify_log;
use serde_json::json;

use crate::cli::{Audit, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::station::{self, Places};

pub(crate) fn run(audit: &Audit, global: &Global) -> Outcome {
    let places = Places::of(global)?;
    match audit {
        Audit::Verify => verify(&places, global.json),
        Audit::Tail(args) => tail::run(args, &places, global.json),
        Audit::Query(args) => query::run(args, &places, global.json),
        Audit::Stats(args) => stats::run(args, &places, global.json),
        Audit::Export(args) => export::run(args, &places, global.json),
        Audit::Index(args) => index::run(args, &places, global.json),
        Audit::Retain(args) => retain::run(args, &places, global),
        Audit::Erase(args) => erase::run(args, &places, global),
    }
}

fn verify(places: &Places, json: bool) -> Outcome {
    let report = verify_log(&places.log(), &places.log_key()?)
        .map_err(|e| Failure::new(Exit::Refused, e.code(), station::with_causes(&e)))?;
    let Verified { log, head, bytes, .. } = report.verified;
    if json {
        print::json(&json!({
            "verified": true,
            "records": head.seq,
            "bytes": bytes,
            "head": head.mac,
            "log": log.to_string(),
            "tornBytes": report.torn_bytes,
        }));
        return Ok(Exit::Ok);
    }
    let style = Style::for_stdout();
    let (seq, mac) = (head.seq, head.mac);
    print::line(format!("{} {seq} records, {bytes} bytes, head {mac}", style.green("verified:")));
    if report.torn_bytes > 0 {
        print::note(format!("{} bytes follow: a write under way, or cut short", report.torn_bytes));
    }
    Ok(Exit::Ok)
}
