//! `bakerst audit verify`: is the log what was written?

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use bakerst_audit::{Checkpoint, NoteError, PublicKey, Trust};
use bakerst_model::{Code, Seq};
use bakerst_store::query::segment_files;
use bakerst_store::{LogCheck, LogError, LogReport, verify_log};
use serde_json::json;

use super::args::Verify;
use super::select::Bar;
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};
use crate::station::{self, Places};

pub(super) fn run(args: &Verify, places: &Places, json: bool) -> Outcome {
    let trust = trust(args, places)?;
    let given = given(&args.checkpoint, &trust, places)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let segments = segment_files(&places.log()).map_err(|e| unreadable(&e))?;
    let bar = Mutex::new(Bar::over(&segments));
    let progress = |bytes| bar.lock().into_iter().for_each(|mut bar| bar.advance(bytes));
    let by_macs = trust.checks_macs();
    let report = verify_log(&places.log(), LogCheck { trust, given, threads }, &progress);
    drop(bar);
    let report = report.map_err(|error| refused(&error, json))?;
    if !by_macs && report.verified.signed() == 0 {
        let message = "no checkpoint is in the log, and none was given: public keys alone prove \
                       nothing without one";
        return Err(Failure::new(Exit::Refused, Code::LogKeyMissing, message));
    }
    if report.torn_bytes > 0 && nobody_writes(places) {
        let (bytes, head) = (report.torn_bytes, report.verified.head.seq);
        let message = format!(
            "the audit log ends torn: {bytes} bytes behind record {head} are no record; \
             the next `bakerst up` cuts them off, keeps them and records that"
        );
        return Err(Failure::new(Exit::Refused, Code::LogTampered, message));
    }
    say(&report, by_macs, json);
    Ok(Exit::Ok)
}

/// Whether a write cannot be under way.
fn nobody_writes(places: &Places) -> bool {
    let lock = fs::File::open(places.state().join("lock"));
    lock.map_or(true, |lock| lock.try_lock_shared().is_ok())
}

/// With public keys named on the command line, those alone are believed: so does somebody who has
/// no more than a copy of the log.
fn trust(args: &Verify, places: &Places) -> Result<Trust, Failure> {
    match args.public_key.as_slice() {
        [] => Ok(Trust::keys(places.log_keys()?)),
        keys => Ok(Trust::public(public_keys(keys)?)),
    }
}

pub(super) fn public_keys(texts: &[String]) -> Result<Vec<PublicKey>, Failure> {
    let parse = |text: &String| {
        PublicKey::parse(text).map_err(|e| Failure::usage(Code::BadQuery, e.to_string()))
    };
    texts.iter().map(parse).collect()
}

/// The checkpoints in these files. One that is not to be believed is no help, so it is refused.
fn given(
    files: &[std::path::PathBuf],
    trust: &Trust,
    places: &Places,
) -> Result<Vec<Checkpoint>, Failure> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let signers = super::prove::signers(trust, places)?;
    let mut given = Vec::new();
    for file in files {
        let text = read(file)?;
        let notes = Checkpoint::find_notes(&text);
        let wrong = |error: &NoteError| {
            let message = format!("`{}`: {error}", file.display());
            Failure::new(Exit::Refused, error.code(), message)
        };
        if notes.is_empty() {
            return Err(wrong(&NoteError::NotANote));
        }
        for note in notes {
            given.push(Checkpoint::open(&note, &signers).map_err(|error| wrong(&error))?);
        }
    }
    Ok(given)
}

/// A file, or standard input for `-`.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => io::stdin().read_to_string(&mut text).map(|_| text),
        false => fs::read_to_string(file),
    };
    read.map_err(|e| {
        let message = format!("cannot read `{}`: {e}", file.display());
        Failure::environment(Code::StateUnwritable, message)
    })
}

pub(super) fn unreadable(error: &LogError) -> Failure {
    Failure::environment(error.code(), station::with_causes(error))
}

fn refused(error: &LogError, json: bool) -> Failure {
    if let (true, LogError::DoesNotVerify { segment, fault }) = (json, error) {
        print::json(&json!({
            "verified": false,
            "fault": fault.kind.as_str(),
            "record": fault.seq,
            "until": fault.until,
            "segment": segment,
            "line": fault.line,
        }));
    }
    Failure::new(Exit::Refused, error.code(), station::with_causes(error))
}

fn say(report: &LogReport, by_macs: bool, json: bool) {
    let LogReport { verified, segments, torn_bytes, too_old } = report;
    let (seq, mac, signed) = (verified.head.seq, verified.head.mac, verified.signed());
    let unsigned = verified.tree.end() - signed;
    if json {
        print::json(&json!({
            "verified": true,
            "records": seq,
            "first": verified.first,
            "segments": segments,
            "bytes": verified.bytes,
            "head": mac,
            "root": verified.tree.root_digest(),
            "log": verified.log.to_string(),
            "key": verified.key.to_string(),
            "macs": by_macs,
            "checkpoints": verified.checkpoints,
            "signed": signed,
            "tornBytes": torn_bytes,
            "tooOld": too_old.len(),
        }));
        return;
    }
    let (style, bytes) = (Style::for_stdout(), verified.bytes);
    print::line(format!("{} {seq} records, {bytes} bytes, head {mac}", style.green("verified:")));
    let last = Seq(signed.saturating_sub(1));
    match (signed, by_macs) {
        (0, _) => print::line("no checkpoint is over them yet"),
        (_, true) => print::line(format!(
            "{} checkpoints agree, the last over the records up to {last}",
            verified.checkpoints
        )),
        (_, false) => print::line(format!(
            "{} checkpoints agree: the records up to {last} are those that were signed",
            verified.checkpoints
        )),
    }
    if !by_macs && unsigned > 0 {
        print::note(format!("{unsigned} records follow that nothing vouches for without the key"));
    }
    if verified.first > Seq(0) {
        print::note(format!(
            "the log begins with record {}: what was before is kept no longer",
            verified.first
        ));
    }
    if !too_old.is_empty() {
        print::note(format!(
            "{} of the given checkpoints are over less than what is kept no longer",
            too_old.len()
        ));
    }
    if *torn_bytes > 0 {
        print::note(format!("{torn_bytes} bytes follow: a write under way, or cut short"));
    }
}
