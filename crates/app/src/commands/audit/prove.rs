//! What can be carried away from a log: checkpoints, proofs, and the key to check them with.

use std::fs::File;

use bakerst_audit::{
    Checkpoint, LogId, ProofPlan, PublicKey, RecordProof, Trust, leaf_hash, seq_of, tree_before,
};
use bakerst_model::{Code, Escaped, Seq};
use bakerst_store::LogLines;
use serde_json::{Value, json};

use super::args::{CheckProof, Prove};
use super::verify::{public_keys, read};
use crate::cli::Global;
use crate::failure::{Exit, Failure, Outcome};
use crate::operator;
use crate::print::{self, Style};
use crate::station::{self, Places};

/// Prints the latest checkpoint.
pub(super) fn checkpoint(places: &Places, json: bool) -> Outcome {
    let note = latest(places)?;
    match json {
        true => print::json(&json!({ "note": note })),
        false => print::line(note.trim_end()),
    }
    Ok(Exit::Ok)
}

/// Prints the key that anyone may check the log's checkpoints with.
pub(super) fn public_key(places: &Places, json: bool) -> Outcome {
    let key = own_key(places)?.to_string();
    match json {
        true => print::json(&json!({ "publicKey": key })),
        false => print::line(key),
    }
    Ok(Exit::Ok)
}

/// Prints a record with the proof that it is in the log.
pub(super) fn prove(args: &Prove, places: &Places) -> Outcome {
    let signers = signers(&Trust::keys(places.log_keys()?), places)?;
    let note = latest(places)?;
    let opened = Checkpoint::open(&note, &signers);
    let size = opened.map_err(|e| refused(e.code(), e.to_string()))?.size;
    let seq = Seq(args.seq);
    let mut plan = ProofPlan::of_inclusion(seq.0, size).ok_or_else(|| {
        let message =
            format!("no checkpoint is over record {seq} yet: the last is over {size} records");
        refused(Code::BadQuery, message)
    })?;
    let (mut first, mut record) = (None, None);
    each_line(places, |line| {
        let (Some(at), Some(text)) = (seq_of(line), line.strip_suffix(b"\n")) else { return };
        if *first.get_or_insert(at) == at
            && at > Seq(0)
            && let Some(gone) = tree_before(line)
        {
            plan.push_gone(&gone);
        }
        plan.push(at.0, leaf_hash(text));
        if at == seq {
            record = String::from_utf8(text.to_vec()).ok();
        }
    })?;
    if let Some(first) = first.filter(|first| seq < *first) {
        let message = format!("record {seq} has expired: the log begins with record {first}");
        let mut failure = refused(Code::BadQuery, message);
        failure.hint =
            Some("a copy that a sink kept can be shown, and proved by an older proof".into());
        return Err(failure);
    }
    let (Some(record), Some(hashes)) = (record, plan.finish()) else {
        let message = "records are missing in between: `bakerst audit verify` says which";
        return Err(refused(Code::LogTampered, message.to_owned()));
    };
    let proof = RecordProof { record, seq, hashes, note };
    // Whoever prints a proof that proves nothing has a log that does not verify.
    proof.check(&signers).map_err(|e| refused(Code::LogTampered, e.to_string()))?;
    print::line(proof.to_text().trim_end());
    Ok(Exit::Ok)
}

/// Checks a proof, and prints what it proves.
pub(super) fn check(args: &CheckProof, places: &Places, json: bool) -> Outcome {
    let trusted = match args.public_key.as_slice() {
        [] => vec![own_key(places)?],
        keys => public_keys(keys)?,
    };
    let proof = RecordProof::parse(&read(&args.file)?)
        .ok_or_else(|| refused(Code::BadQuery, "this is no proof of a record".to_owned()))?;
    let checkpoint = proof.check(&trusted).map_err(|e| refused(e.code(), e.to_string()))?;
    let record: Value = serde_json::from_str(&proof.record).unwrap_or_default();
    if json {
        print::json(&json!({
            "proved": true, "log": checkpoint.origin, "size": checkpoint.size, "record": record,
        }));
        return Ok(Exit::Ok);
    }
    let (style, origin) = (Style::for_stdout(), Escaped(&checkpoint.origin));
    print::line(format!("{} record {} is in {origin}:", style.green("proved:"), proof.seq));
    print::line(proof.record);
    Ok(Exit::Ok)
}

/// Has the log written with a new key, by the server where one runs.
pub(super) fn rotate_key(global: &Global) -> Outcome {
    let answer = &operator::call(global, "POST", "/api/audit/rotate-key", None)?;
    match global.json {
        true => print::json(answer),
        false => {
            let key = answer["key"].as_str().unwrap_or_default();
            print::line(format!("the log is written with the key {key} from now on"));
        }
    }
    Ok(Exit::Ok)
}

/// Whose checkpoints of this log are believed.
pub(super) fn signers(trust: &Trust, places: &Places) -> Result<Vec<PublicKey>, Failure> {
    Ok(trust.signers(log_id(places)?))
}

fn own_key(places: &Places) -> Result<PublicKey, Failure> {
    let signer = places.log_keys()?.signer(log_id(places)?);
    signer.map(|key| key.public().clone()).map_err(|e| refused(e.code(), e.to_string()))
}

/// Which log it is, by its first header.
fn log_id(places: &Places) -> Result<LogId, Failure> {
    let mut id = None;
    let first = places.log().segments().map_err(|e| unreadable(&e))?.into_iter().next();
    if let Some(segment) = first {
        let file = File::open(&segment.path).map_err(|e| unreadable(&e))?;
        let mut lines = LogLines::new(file);
        if let Some(line) = lines.next_line().map_err(|e| unreadable(&e))? {
            let header: Value = serde_json::from_slice(line).unwrap_or_default();
            id = header.pointer("/detail/log").and_then(Value::as_str).and_then(LogId::parse);
        }
    }
    id.ok_or_else(|| {
        let folder = places.log().path().display().to_string();
        refused(Code::LogTampered, format!("there is no audit log in `{folder}`"))
    })
}

/// The last checkpoint of the log.
fn latest(places: &Places) -> Result<String, Failure> {
    for segment in places.log().segments().map_err(|e| unreadable(&e))?.iter().rev() {
        let mut lines = LogLines::new(File::open(&segment.path).map_err(|e| unreadable(&e))?);
        let mut last = None;
        while let Some(line) = lines.next_line().map_err(|e| unreadable(&e))? {
            let head = line.get(..line.len().min(128)).unwrap_or_default();
            if memchr::memmem::find(head, b"\"action\":\"system.checkpoint\"").is_some() {
                last = String::from_utf8(line.to_vec()).ok();
            }
        }
        let note = last.and_then(|line| Checkpoint::find_notes(&line).pop());
        if let Some(note) = note {
            return Ok(note);
        }
    }
    Err(refused(Code::BadQuery, "the log holds no checkpoint yet".to_owned()))
}

fn each_line(places: &Places, mut see: impl FnMut(&[u8])) -> Result<(), Failure> {
    for segment in places.log().segments().map_err(|e| unreadable(&e))? {
        let mut lines = LogLines::new(File::open(&segment.path).map_err(|e| unreadable(&e))?);
        while let Some(line) = lines.next_line().map_err(|e| unreadable(&e))? {
            see(line);
        }
    }
    Ok(())
}

fn unreadable(error: &std::io::Error) -> Failure {
    let message = format!("cannot read the audit log: {}", station::with_causes(error));
    Failure::environment(Code::StateUnwritable, message)
}

fn refused(code: Code, message: String) -> Failure {
    Failure::new(Exit::Refused, code, message)
}
