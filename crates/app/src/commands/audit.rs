//! `bakerst audit`: the log, read and verified where it lies.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use bakerst_audit::Verified;
use bakerst_model::{Code, Escaped};
use bakerst_store::{LogLines, verify_log};
use serde_json::{Value, json};

use crate::cli::{Audit, Global};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::station::{self, Places};

pub(crate) fn run(audit: &Audit, global: &Global) -> Outcome {
    let places = Places::of(global)?;
    match audit {
        Audit::Verify => verify(&places, global.json),
        Audit::Tail { lines } => tail(&places, *lines, global.json),
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

fn tail(places: &Places, lines: usize, json: bool) -> Outcome {
    let unreadable = |error: io::Error| {
        let folder = places.log();
        let message = format!("cannot read the audit log `{}`: {error}", folder.path().display());
        Failure::environment(Code::StateUnwritable, message)
    };
    let mut last = VecDeque::new();
    for segment in places.log().segments().map_err(unreadable)? {
        let mut log = LogLines::new(File::open(&segment.path).map_err(unreadable)?);
        while let Some(line) = log.next_line().map_err(unreadable)? {
            if line.contains(&0) {
                break;
            }
            last.push_back(line.to_owned());
            if last.len() > lines {
                last.pop_front();
            }
        }
    }
    for line in last {
        let text = String::from_utf8_lossy(&line);
        match serde_json::from_str::<Value>(&text) {
            Ok(_) if json => print::line(text.trim_end()),
            Ok(record) => print::line(brief(&record)),
            // The line that is being written right now.
            Err(_) => {}
        }
    }
    Ok(Exit::Ok)
}

/// A record on one line: when, what, who, and the words that explain it.
fn brief(record: &Value) -> String {
    let text = |pointer: &str| {
        let text = record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        Escaped(text).to_string()
    };
    let seq = record.get("seq").map(Value::to_string).unwrap_or_default();
    let (timestamp, action, actor) = (text("/timestamp"), text("/action"), text("/actor/name"));
    let (tool, code, reason) = (text("/detail/tool"), text("/detail/code"), text("/detail/reason"));
    let words = format!("{code} {reason}");
    format!("{seq:>6}  {timestamp}  {action:20} {actor:16} {tool} {words}").trim_end().to_owned()
}
