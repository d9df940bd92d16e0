//! Recorded decisions, taken again on one core.
//!
//! A million decisions of two dozen kinds, from 16 agents in 5,000 conversations, each with arguments
//! that no other has, and among them as many records of other things as a log has. Every fortieth or
//! so has lost a mail address to redaction and cannot be taken again. The policy that they are held
//! against differs in a threshold, in the flagged tools, and in what one kind of agent may call.
//!
//! Beside it: reading alone.

mod log;

use std::time::{Duration, Instant};

use bakerst_guard::replay::{RecordedCall, Replay, Tally, Unknown};
use bakerst_model::Code;

use self::log::Writer;
use super::rego::policy;
use crate::bench::Figure;
use crate::commands::policy::recorded::{each_line, see_decision};
use crate::failure::Failure;

const DECISIONS: u64 = 1_000_000;
/// As many are made at a time, so that no more memory is needed.
const BATCH: u64 = 20_000;
const BEFORE: &str = include_str!("replay/before.yaml");

pub(super) fn measure(_full: bool) -> Result<Vec<Figure>, Failure> {
    let (before, after) = (policy(BEFORE)?, policy(&after())?);
    let mut writer = Writer::new(&before)?;
    let replay = Replay::new(&after, Some(&before));
    let (mut replayed, mut read) = (Duration::ZERO, Duration::ZERO);
    let (mut tally, mut bytes) = (Tally::default(), 0);
    for _ in 0..DECISIONS / BATCH {
        let log = writer.write(BATCH)?;
        bytes += log.len();
        let mut readable = 0;
        read += each(&log, |record| readable += u64::from(record.is_ok()))?;
        replayed += each(&log, |record| match record {
            Ok(record) => {
                let again = replay.redecide(&record);
                tally.count(&record, record.verdict, again);
            }
            Err(why) => tally.count_unreadable(why),
        })?;
        if readable != BATCH {
            return Err(odd("the bench's own records cannot be read"));
        }
    }
    let unknown: u64 = tally.unknown.values().sum();
    if tally.decisions != DECISIONS || tally.changed.is_empty() || unknown > DECISIONS / 20 {
        return Err(odd("the bench's own records are not what it means"));
    }
    Ok(vec![
        Figure::new("replay.per_s", per_second(DECISIONS, replayed), "1/s"),
        Figure::new("replay.read_per_s", per_second(DECISIONS, read), "1/s"),
        Figure::new("replay.mb_s", per_second(bytes as u64, replayed) / 1e6, "MB/s"),
        Figure::new("replay.unknown", per_second(unknown, Duration::from_secs(1)), "decisions"),
    ])
}

/// Shows every decision of a log as `policy replay` does, and says how long that took.
fn each(
    log: &str,
    mut see: impl FnMut(Result<RecordedCall<'_>, Unknown>),
) -> Result<Duration, Failure> {
    let began = Instant::now();
    each_line(&mut log.as_bytes(), |line| see_decision(line, &mut see))
        .map_err(|e| odd(&e.to_string()))?;
    Ok(began.elapsed())
}

fn odd(why: &str) -> Failure {
    Failure::environment(Code::StateBroken, why)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// The policy that the decisions are held against.
fn after() -> String {
    BEFORE
        .replace("over: 100 ", "over: 500 ")
        .replace("flagged_tools: [restart_deployment]", "flagged_tools: [launch_task]")
        .replace("fetch_page, \"*_file\", ", "\"read_*\", ")
}
