//! `cargo xtask soak tamper`: every single edit of a log must be found, and nothing else.
//!
//! The log is verified as its owner does who keeps the last checkpoint elsewhere.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use bakerst_audit::{Checkpoint, LogId, Trust};
use bakerst_model::{Action, Actor, Detail, Event, Journal as _};
use bakerst_store::{Durability, LogCheck, LogFolder, verify_log};
use serde_json::{Value, json};

use crate::crash::dice::Dice;
use crate::crash::{keys, open};

/// Events in the log; it has some segments and many checkpoints.
const EVENTS: u64 = 600;
/// How often the untouched log is verified.
const UNTOUCHED: u64 = 200;

/// What is done to a log, once.
const KINDS: [&str; 7] = ["flip", "delete", "insert", "swap", "truncate", "splice", "remove file"];

/// Edits a log `edits` times, each time anew.
///
/// # Errors
/// With the first edit that is not found, and the first alarm without one.
pub(crate) fn run(edits: u64, seed: u64) -> Result<()> {
    let place = crate::repo::Repo::root().join(format!("target/tamper-{}", std::process::id()));
    let done = drill(&place, edits, seed);
    drop(fs::remove_dir_all(&place));
    done
}

fn drill(place: &Path, edits: u64, seed: u64) -> Result<()> {
    let (began, mut dice) = (Instant::now(), Dice::new(seed));
    let (log, other) = (place.join("log"), place.join("other"));
    let (files, donor) = (write(&log)?, write(&other)?.concat());
    let given = last_checkpoint(&log)?;
    for _ in 0..UNTOUCHED {
        ensure!(is_clean(&log, &given), "an untouched log does not verify");
    }
    let folder = LogFolder::in_state(&log);
    let paths: Vec<_> = folder.segments()?.into_iter().map(|segment| segment.path).collect();
    let mut counts = [0_u64; KINDS.len()];
    while counts.iter().sum::<u64>() < edits {
        let edit: u64 = counts.iter().sum();
        let kind = dice.place(KINDS.len());
        let at = dice.place(files.len());
        let (Some(path), Some(before)) = (paths.get(at), files.get(at)) else { continue };
        let after = match KINDS.get(kind) {
            Some(&"remove file") => None,
            Some(name) => Some(tampered(name, before, &donor, &mut dice)),
            None => continue,
        };
        // A line that is swapped with itself is no edit; another is drawn.
        if after.as_ref() == Some(before) {
            continue;
        }
        match &after {
            Some(bytes) => fs::write(path, bytes)?,
            None => fs::remove_file(path)?,
        }
        let found = !is_clean(&log, &given);
        fs::write(path, before)?;
        let name = KINDS.get(kind).copied().unwrap_or_default();
        ensure!(found, "edit {edit} of seed {seed} ({name} in `{}`) is not found", path.display());
        counts.get_mut(kind).into_iter().for_each(|count| *count += 1);
    }
    ensure!(is_clean(&log, &given), "the log does not verify after all was put back");
    let all: u64 = counts.iter().sum();
    let each: Vec<_> =
        KINDS.iter().zip(counts).map(|(name, count)| format!("{count} {name}")).collect();
    println!("{all} edits ({}): all found", each.join(", "));
    println!("{UNTOUCHED} verifications of the untouched log: no false alarm");
    println!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// Writes a log, and hands out its segments.
fn write(folder: &Path) -> Result<Vec<Vec<u8>>> {
    let log = open(folder, Durability::Batched)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for n in 0..EVENTS {
        let detail = Detail::of(&json!({ "n": n, "fill": "x".repeat(100) }))?;
        let (action, actor) = (Action::ToolAllowed, Actor::system());
        let event = Event { action, actor, conversation: None, detail };
        runtime.block_on(log.append(event))?;
        if n % 150 == 149 {
            // Segments are begun by the thread that syncs.
            let head = log.health().head;
            let source: &dyn bakerst_audit::LogSource = &log;
            while source.synced() < head {
                runtime.block_on(source.synced_after(source.synced()));
            }
        }
    }
    drop(log);
    let segments = LogFolder::in_state(folder).segments()?;
    ensure!(segments.len() > 2, "the log has only {} segments", segments.len());
    segments.iter().map(|segment| Ok(fs::read(&segment.path)?)).collect()
}

/// What was kept elsewhere: the last checkpoint.
fn last_checkpoint(folder: &Path) -> Result<Vec<Checkpoint>> {
    let mut text = String::new();
    for segment in LogFolder::in_state(folder).segments()? {
        text.push_str(&fs::read_to_string(&segment.path)?);
    }
    let header: Value = serde_json::from_str(text.lines().next().context("the log is empty")?)?;
    let id = header.pointer("/detail/log").and_then(Value::as_str).and_then(LogId::parse);
    let signers = Trust::keys(keys()?).signers(id.context("the header names no log")?);
    let note = Checkpoint::find_notes(&text).pop().context("there is no checkpoint")?;
    Ok(vec![Checkpoint::open(&note, &signers)?])
}

fn is_clean(folder: &Path, given: &[Checkpoint]) -> bool {
    let Ok(keys) = keys() else { return false };
    let check = LogCheck { trust: Trust::keys(keys), given: given.to_vec(), threads: 1 };
    let report = verify_log(&LogFolder::in_state(folder), check, &|_| {});
    // What is torn is said, and no writer is at work here.
    report.is_ok_and(|report| report.torn_bytes == 0)
}

fn tampered(kind: &str, before: &[u8], donor: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = before.to_vec();
    let at = dice.place(bytes.len());
    let length = 1 + dice.place(40);
    let end = (at + length).min(bytes.len());
    match kind {
        "flip" => {
            let bit = 1_u8 << dice.below(8);
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
        }
        "delete" => drop(bytes.drain(at..end)),
        "insert" => {
            let new: Vec<u8> = (0..length)
                .map(|_| b' ' + u8::try_from(dice.below(90)).unwrap_or_default())
                .collect();
            drop(bytes.splice(at..at, new));
        }
        "truncate" => bytes.truncate(at),
        "swap" => {
            let mut lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, two) = (dice.place(lines.len()), dice.place(lines.len()));
            lines.swap(one, two);
            bytes = lines.concat();
        }
        _ => {
            let lines: Vec<&[u8]> = donor.split_inclusive(|byte| *byte == b'\n').collect();
            let line = lines.get(dice.place(lines.len())).copied().unwrap_or_default();
            let mut own: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
            let place = dice.place(own.len());
            match (dice.below(2), own.get_mut(place)) {
                (0, Some(own)) => *own = line,
                _ => own.insert(place, line),
            }
            bytes = own.concat();
        }
    }
    bytes
}
