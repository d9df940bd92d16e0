//! What must be true of a log after its writer was killed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bakerst_audit::Trust;
use bakerst_store::{Durability, LogCheck, LogFolder, verify_log};
use serde_json::Value;

use super::Accident;
use super::dice::Dice;
use super::writer::{keys, open};

/// What writers were told was recorded: each event, and its place.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(HashMap<String, u64>);

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Figures {
    killed: u64,
    torn: u64,
    full: u64,
    acknowledged: u64,
    verified: u64,
    of_logs: HashMap<PathBuf, OfLog>,
}

/// What stands in one log after its last run.
#[derive(Clone, Copy, Debug)]
struct OfLog {
    repaired: u64,
    set_back: u64,
    alarms: u64,
    unasked: u64,
}

impl Acknowledged {
    pub(super) fn extend(&mut self, told: Vec<(u64, String)>) {
        self.0.extend(told.into_iter().map(|(seq, event)| (event, seq)));
    }
}

impl Figures {
    pub(super) fn count(&mut self, accident: Accident, told: &[(u64, String)]) {
        self.acknowledged += told.len() as u64;
        *match accident {
            Accident::Killed => &mut self.killed,
            Accident::Torn => &mut self.torn,
            Accident::Full(_) => &mut self.full,
        } += 1;
    }

    pub(super) fn print(&self, runs: u64, took: Duration) {
        let Self { killed, torn, full, acknowledged, .. } = self;
        println!(
            "{runs} runs: {killed} killed, {torn} killed and torn, {full} killed on a full disk"
        );
        println!("{acknowledged} events acknowledged: 0 lost, 0 doubled");
        let sum = |of: fn(&OfLog) -> u64| self.of_logs.values().map(of).sum::<u64>();
        println!(
            "{} times verified; recorded by the logs: {} repairs, {} alarms, {} clocks set back",
            self.verified,
            sum(|log| log.repaired),
            sum(|log| log.alarms),
            sum(|log| log.set_back),
        );
        println!(
            "{} events were recorded without anybody having been told, as a crash may do",
            sum(|log| log.unasked)
        );
        println!("{:.1} s", took.as_secs_f64());
    }
}

/// Loses what a power cut may lose: a part of what had not been synced.
pub(super) fn tear(folder: &Path, dice: &mut Dice) -> Result<()> {
    let log = LogFolder::in_state(folder);
    let synced = log.synced()?.context("the log noted nothing as synced")?;
    let live = log.segments()?.pop().context("there is no segment")?;
    let file = OpenOptions::new().write(true).open(&live.path)?;
    let bytes = file.metadata()?.len();
    let safe = if live.first == synced.segment { synced.bytes } else { 0 };
    let written = fs::read(&live.path)?.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let at = safe + dice.below((written as u64).saturating_sub(safe) + 1);
    if dice.below(2) == 0 {
        file.set_len(at)?;
    } else {
        let lost = dice.below(8192).min(bytes - at);
        file.write_all_at(&vec![0; usize::try_from(lost)?], at)?;
    }
    Ok(())
}

/// Opens the log as the next start does, verifies it, and looks for every event.
pub(super) fn check(
    folder: &Path,
    acknowledged: &Acknowledged,
    figures: &mut Figures,
) -> Result<()> {
    drop(open(folder, Durability::Strict).context("it does not open again")?);
    let log = LogFolder::in_state(folder);
    let lines = LogCheck { trust: Trust::keys(keys()?), given: Vec::new(), threads: 2 };
    let report = verify_log(&log, lines, &|_| {}).context("it does not verify")?;
    ensure!(report.torn_bytes == 0, "{} torn bytes are left", report.torn_bytes);
    figures.verified += 1;
    let (mut found, mut seqs) = (HashMap::new(), HashSet::new());
    let (mut repaired, mut set_back, mut alarms) = (0, 0, 0);
    for segment in log.segments()? {
        for line in fs::read_to_string(&segment.path)?.lines() {
            let record: Value = serde_json::from_str(line)?;
            let seq = record.get("seq").and_then(Value::as_u64).context("a record has no place")?;
            ensure!(seqs.insert(seq), "the place {seq} is there twice");
            match record.get("action").and_then(Value::as_str) {
                Some("system.log_repaired") => repaired += 1,
                Some("system.clock_set_back") => set_back += 1,
                Some("system.alarm") => alarms += 1,
                _ => {}
            }
            let Some(event) = record.pointer("/detail/event").and_then(Value::as_str) else {
                continue;
            };
            if let Some(before) = found.insert(event.to_owned(), seq) {
                bail!("the event {event} is doubled, at {before} and {seq}");
            }
        }
    }
    for (event, seq) in &acknowledged.0 {
        let place = found.get(event);
        ensure!(place == Some(seq), "the event {event}, told as {seq}, is at {place:?}");
    }
    figures.of_logs.insert(
        folder.to_owned(),
        OfLog { repaired, set_back, alarms, unasked: (found.len() - acknowledged.0.len()) as u64 },
    );
    Ok(())
}
