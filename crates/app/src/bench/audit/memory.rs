//! The log without a disk: chain and tree, written and verified on one core, beside the bare
//! HMAC-SHA256 over as many bytes.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use bakerst_audit::{About, Chain, Draft, Judge, LogId, LogKey, LogKeys, Trust, Verifier};
use bakerst_model::{Action, Actor, Code, ConversationId, Detail, Event, Secret, UnixMillis};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::super::Figure;
use crate::failure::Failure;

/// Records in one run: what fits the caches as a log that is being written does.
const RECORDS: usize = 1000;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let time = Duration::from_millis(if full { 5000 } else { 1500 });
    measured(time).ok_or_else(|| {
        Failure::environment(Code::StateBroken, "the bench's own records cannot be made")
    })
}

fn measured(time: Duration) -> Option<Vec<Figure>> {
    let keys = keys()?;
    let (event, mut log) = (event()?, Vec::with_capacity(RECORDS * 600));
    let begin = |log: &mut Vec<u8>| {
        let id = LogId::from_random([1; 16]);
        Chain::begin(&keys, id, About::default(), UnixMillis(0), log).ok()
    };
    let (mut chain, mut at) = (begin(&mut log)?, 1_771_925_400_000);
    let append = per_second(time, || {
        log.clear();
        for _ in 0..RECORDS {
            at += 1;
            if let Ok(draft) = Draft::of(UnixMillis(at), &event) {
                chain.append(&draft, &mut log);
            }
        }
        black_box(&log);
    });

    log.clear();
    let mut chain = begin(&mut log)?;
    for n in 0..RECORDS as u64 {
        chain.append(&Draft::of(UnixMillis(n), &event).ok()?, &mut log);
    }
    let trust = Trust::keys(keys.clone());
    let header = bakerst_audit::lines(&log).next()?;
    let judge = Judge::of_segment(&trust, header)?;
    let verify_once = || {
        let mut verifier = Verifier::new(trust.clone());
        let joined = judge.judge(&log).is_some_and(|piece| verifier.piece(&piece));
        assert!(joined && verifier.finish().is_ok(), "the bench's own log verifies");
    };
    let verify = per_second(time, verify_once);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let everywhere: f64 = thread::scope(|scope| {
        let runs: Vec<_> =
            (0..cores).map(|_| scope.spawn(|| per_second(time, verify_once))).collect();
        runs.into_iter().filter_map(|run| run.join().ok()).sum()
    });

    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).ok()?;
    let bare = per_second(time, || {
        for _ in 0..RECORDS {
            let mut mac = mac.clone();
            mac.update(black_box(&[b'x'; 500]));
            black_box(mac.finalize());
        }
    });
    Some(vec![
        Figure::new("audit.append.per_s", append, "1/s"),
        Figure::new("audit.hmac_bare.per_s", bare, "1/s"),
        Figure::new("audit.verify.per_s", verify, "1/s"),
        Figure::new("audit.verify_all_cores.per_s", everywhere, "1/s"),
    ])
}

pub(super) fn keys() -> Option<LogKeys> {
    let key = LogKey::new(&Secret::new(vec![7; 32])).ok()?;
    Some(LogKeys::new(key, Secret::new(vec![9; 32])))
}

/// An event whose record takes 500 bytes.
pub(super) fn event() -> Option<Event> {
    let detail = json!({ "tool": "search", "input": "x".repeat(158), "verdict": "allow" });
    Some(Event {
        action: Action::ToolAllowed,
        actor: Actor::system(),
        conversation: ConversationId::parse("c-1").ok(),
        detail: Detail::of(&detail).ok()?,
    })
}

/// Records a second, by the fastest tenth of the runs: what another process takes of the core is
/// no part of the figure.
fn per_second(time: Duration, mut run: impl FnMut()) -> f64 {
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let started = Instant::now();
        run();
        took.push(started.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let fast = took.get(took.len() / 10).copied().unwrap_or(f64::INFINITY);
    f64::from(u32::try_from(RECORDS).unwrap_or(u32::MAX)) / fast
}
