//! How fast a log is searched, from the page cache on all cores.
//!
//! The log is synthetic, but its records are real ones of about 500 bytes. A block of them is made
//! once and written over and over, since nothing here looks at the chain. The baseline reads the
//! same chunks into the same buffers and does not look at them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::time::Instant;

use bakerst_audit::query::{Bucket, Filter, Query};
use bakerst_audit::{About, Chain, Draft, LogId, LogKey, LogKeys};
use bakerst_model::{
    Action, Actor, AgentId, Code, ConversationId, Detail, Event, Secret, Seq, UnixMillis, UserId,
    Verdict,
};
use bakerst_store::query::{Order, SegmentFile, count, find, scan, segment_files, threads};
use bakerst_store::{LogError, LogFolder};
use serde_json::json;

use crate::bench::Figure;
use crate::failure::Failure;
use crate::station::{self, ScratchFolder};

/// What one segment of a log usually takes.
const BLOCK_BYTES: usize = 64 << 20;
/// How many segments are searched.
const SEGMENTS: usize = 32;
const SEGMENTS_FULL: usize = 160;
/// One record in so many is what the search is for.
const ONE_IN: u64 = 20_000;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let segments = if full { SEGMENTS_FULL } else { SEGMENTS };
    let broken = |error: io::Error| {
        let message = format!("the bench could not run: {error}");
        Failure::environment(Code::StateUnwritable, message)
    };
    let folder = ScratchFolder::new("bench").map_err(broken)?;
    let log = LogFolder::in_state(folder.path());
    write_log(&log, segments).map_err(broken)?;
    measured(&log).map_err(|error| Failure::environment(error.code(), station::with_causes(&error)))
}

fn measured(log: &LogFolder) -> Result<Vec<Figure>, LogError> {
    let log = segment_files(log)?;
    let rare = Filter {
        agents: vec!["wanted".to_owned()],
        verdicts: vec![Verdict::Deny],
        ..Filter::default()
    };
    let text = Filter { texts: vec!["needle in it".to_owned()], ..Filter::default() };
    // The first reading brings the log into the page cache, if writing has not left it there.
    read(&log)?;
    Ok(vec![
        figure("audit.query.mb_s", &log, || search(&log, rare))?,
        figure("audit.query.text.mb_s", &log, || search(&log, text))?,
        figure("audit.query.stats.mb_s", &log, || {
            let everything = Query::new(Filter::default());
            count(&log, &everything, Bucket::Hour, threads(), &mut |_| {}).map(|_| ())
        })?,
        figure("audit.query.read.mb_s", &log, || read(&log))?,
    ])
}

/// Megabytes of log a second.
fn figure(
    metric: &'static str,
    log: &[SegmentFile],
    run: impl FnOnce() -> Result<(), LogError>,
) -> Result<Figure, LogError> {
    let bytes: u64 = log.iter().map(|segment| segment.bytes).sum();
    let began = Instant::now();
    run()?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let megabytes = bytes as f64 / 1e6;
    Ok(Figure::new(metric, megabytes / began.elapsed().as_secs_f64(), "MB/s"))
}

fn search(log: &[SegmentFile], filter: Filter) -> Result<(), LogError> {
    let (query, order) = (Query::new(filter), Order::OldestFirst);
    find(log, &query, order, None, threads(), &mut |_| {}, |line| {
        std::hint::black_box(line);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// Reads everything and looks at nothing.
fn read(log: &[SegmentFile]) -> Result<(), LogError> {
    scan(log, Order::OldestFirst, threads(), <[u8]>::len, |length| {
        std::hint::black_box(length);
        ControlFlow::Continue(())
    })
}

fn write_log(log: &LogFolder, segments: usize) -> io::Result<()> {
    fs::create_dir_all(log.path())?;
    let block = block().ok_or_else(|| io::Error::other("records cannot be made"))?;
    for n in 0..segments {
        let first = Seq(n as u64 * 1_000_000);
        File::create_new(log.segment_path(first))?.write_all(&block)?;
    }
    Ok(())
}

/// Many different records in a row.
fn block() -> Option<Vec<u8>> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).ok()?;
    let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
    let id = LogId::from_random([1; 16]);
    let mut block = Vec::with_capacity(BLOCK_BYTES + 4096);
    let mut chain = Chain::begin(&keys, id, About::default(), UnixMillis(0), &mut block).ok()?;
    let mut n = 0;
    while block.len() < BLOCK_BYTES {
        let at = UnixMillis(1_771_925_400_000 + n * 7);
        chain.append(&Draft::of(at, &event(n)?).ok()?, &mut block);
        n += 1;
    }
    Some(block)
}

fn event(n: u64) -> Option<Event> {
    let is_wanted = n % ONE_IN == ONE_IN / 2;
    let (action, verdict) = match n % 5 {
        0 => (Action::ToolBlocked, Verdict::Deny),
        1 => (Action::ToolAsked, Verdict::Ask),
        _ => (Action::ToolAllowed, Verdict::Allow),
    };
    let agent = if is_wanted { "wanted".to_owned() } else { format!("agent-{}", n % 97) };
    let words =
        if is_wanted { "a haystack with a needle in it" } else { "a haystack with hay in it" };
    let detail = json!({
        "tool": (["timezone_lookup", "filesystem_read", "command_execute"].get((n % 3) as usize)),
        "input": { "path": format!("/srv/data/{n}/report.txt"), "note": words, "count": n % 1000 },
        "verdict": verdict,
        "code": "GRD-000",
        "reason": "the call is allowed",
    });
    Some(Event {
        action,
        actor: Actor {
            name: "laptop".into(),
            agent: AgentId::parse(&agent).ok(),
            user: UserId::parse(&format!("user-{}", n % 1009)).ok(),
            ip: None,
        },
        conversation: ConversationId::parse(&format!("c-{}", n / 20)).ok(),
        detail: Detail::of(&detail).ok()?,
    })
}
