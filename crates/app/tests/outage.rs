//! Two days without a sink, on the real log, with the time passed in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bakerst_audit::delivery::{Moment, Outcome, Pace, Reason, Shipped};
use bakerst_audit::{LogKey, LogKeys, LogSource as _};
use bakerst_model::{
    Action, Actor, Clock, Detail, Event, Journal as _, Pending, Secret, Seq, UnixMillis,
};
use bakerst_sinks::{Notice, Notices, Now, Setup, Shipper, Sink, SinkFolder, SinkName, Turn};
use bakerst_store::{Durability, LogFile, LogSettings, StateFolder};
use serde_json::json;

const BEGUN: u64 = 1_771_925_400_000;
const OUTAGE_MILLIS: u64 = 48 * 3_600_000;

/// Time that is passed in.
#[derive(Default)]
struct TestClock(AtomicU64);

impl TestClock {
    fn now(&self) -> Now {
        let moment = self.0.load(Ordering::Relaxed);
        Now { moment: Moment(moment), wall: UnixMillis(BEGUN + moment) }
    }

    fn go_to(&self, moment: u64) {
        self.0.fetch_max(moment, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(BEGUN + self.0.load(Ordering::Relaxed))
    }
}

/// A sink that is away until a moment, and holds what comes then against the log.
struct Away {
    clock: Arc<TestClock>,
    back_at: u64,
    got: Arc<Mutex<Got>>,
}

#[derive(Default)]
struct Got {
    last: u64,
    attempts: u64,
}

impl Sink for Away {
    fn send<'s>(&'s mut self, records: &'s [Shipped], _: UnixMillis) -> Pending<'s, Outcome> {
        let mut got = self.got.lock().unwrap();
        got.attempts += 1;
        let outcome = if self.clock.0.load(Ordering::Relaxed) < self.back_at {
            Outcome::Failed { why: Reason::new("connection refused"), after_millis: None }
        } else {
            for record in records {
                assert_eq!(record.id.seq.0, got.last + 1, "out of order, or lost");
                assert!(record.line.starts_with(&format!("{{\"seq\":{},", record.id.seq)));
                got.last = record.id.seq.0;
            }
            Outcome::Accepted
        };
        Box::pin(std::future::ready(outcome))
    }
}

struct Silent;

impl Notices for Silent {
    fn note(&self, _: Notice) {}
}

fn event(number: u64) -> Event {
    let detail = json!({
        "tool": "send_money", "input": {"to": "Ann", "amount": number, "text": "x".repeat(150)},
        "verdict": "allow", "code": "GRD-000", "reason": "the call is allowed",
    });
    Event {
        action: Action::ToolAllowed,
        actor: Actor::system(),
        conversation: None,
        detail: Detail::of(&detail).unwrap(),
    }
}

/// The most memory that this process ever had, in KiB.
fn memory_peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// A shipper to a sink that is away for two days.
fn shipper(
    folder: &Path,
    log: &Arc<LogFile>,
    clock: &Arc<TestClock>,
    got: Arc<Mutex<Got>>,
) -> Shipper {
    let name = SinkName::parse("siem").unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    Shipper::open(Setup {
        folder: SinkFolder::of(folder, &name),
        name,
        kind: "file",
        pace: Pace::default(),
        batch_bytes_max: 1 << 20,
        dead_letters_max: 100,
        sink: Box::new(Away { clock: clock.clone(), back_at: OUTAGE_MILLIS, got }),
        log: log.opened().log,
        source: log.clone(),
        notices: Arc::new(Silent),
        random: Box::new(move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        }),
    })
    .unwrap()
}

async fn outage(events: u64) {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFolder::open(folder.path()).unwrap();
    let clock = Arc::new(TestClock::default());
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let keys = LogKeys::new(key, Secret::new(vec![8; 32]));
    let settings = LogSettings { durability: Durability::Batched, ..LogSettings::default() };
    let log = Arc::new(LogFile::open(&state, &keys, settings, clock.clone()).unwrap());
    let got = Arc::new(Mutex::new(Got::default()));
    let mut shipper = shipper(folder.path(), &log, &clock, got.clone());

    // Two days of calls, while the sink is away and is tried again and again.
    let (mut slowest, mut until) = (Duration::ZERO, None);
    let begun = Instant::now();
    for number in 1..=events {
        clock.go_to(
            u64::try_from(u128::from(OUTAGE_MILLIS) * u128::from(number - 1) / u128::from(events))
                .unwrap(),
        );
        let appending = Instant::now();
        log.append(event(number)).await.unwrap();
        slowest = slowest.max(appending.elapsed());
        let moment = clock.now().moment;
        if until.is_none_or(|until| until <= moment) {
            until = match shipper.turn(clock.now()).await {
                Turn::Again => None,
                Turn::Wait(until) => Some(until.unwrap_or_else(|| moment.plus(250))),
            };
        }
    }
    let appended = begun.elapsed();
    let attempts = got.lock().unwrap().attempts;
    assert_eq!(got.lock().unwrap().last, 0);

    // The sink is back.
    clock.go_to(OUTAGE_MILLIS);
    let begun = Instant::now();
    // Checkpoints are records too.
    while log.synced() < log.health().head {
        tokio::task::yield_now().await;
    }
    let head = log.synced();
    assert!(head >= Seq(events));
    while shipper.acknowledged() < head {
        if let Turn::Wait(until) = shipper.turn(clock.now()).await {
            let later = clock.now().moment.plus(250);
            clock.go_to(until.unwrap_or(later).max(later).0);
        }
    }
    let delivered = begun.elapsed();
    let last = got.lock().unwrap().last;
    assert_eq!(Seq(last), head);
    let memory = memory_peak();
    println!(
        "outage of 48 h: {events} events, {attempts} attempts meanwhile; slowest append {:.1} ms, {:.0} appends/s; \
         delivered in order {last}, lost 0, {:.0}/s once back; memory {:.1} MiB at most",
        slowest.as_secs_f64() * 1e3,
        per_second(events, appended),
        per_second(events, delivered),
        memory as f64 / 1024.0,
    );
    assert!(memory < 64 << 10, "{memory} KiB of memory");
    assert!(attempts < 48 * 3600 / 15, "{attempts} attempts are a nuisance");
}

#[expect(clippy::cast_precision_loss, reason = "a figure to read")]
fn per_second(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

#[tokio::test]
async fn two_days_without_a_sink_cost_no_memory_and_lose_nothing() {
    outage(20_000).await;
}

#[tokio::test]
#[ignore = "five million events: `cargo xtask soak outage` runs it"]
async fn two_days_without_a_sink_and_five_million_events() {
    outage(5_000_000).await;
}
