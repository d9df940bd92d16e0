use std::future::pending;

use bakerst_audit::LogId;
use bakerst_audit::delivery::{Circuit, Moment, Outcome, Reason, Shipped};
use bakerst_model::{Pending, Seq, UnixMillis};
use bakerst_sinks::{Setup, Shipper, Sink, SinkFolder, SinkName, Turn};

use crate::support::log::{MemoryLog, Shelf, Told, at, setup};
use crate::support::record;

fn failed() -> Outcome {
    Outcome::Failed { why: Reason::new("away"), after_millis: None }
}

/// Turns until there is nothing to do at this moment.
async fn run(shipper: &mut Shipper, millis: u64) -> Option<Moment> {
    loop {
        if let Turn::Wait(until) = shipper.turn(at(millis)).await {
            return until;
        }
    }
}

fn folder(state: &std::path::Path) -> SinkFolder {
    SinkFolder::of(state, &SinkName::parse("siem").unwrap())
}

#[tokio::test]
async fn a_sink_gets_everything_in_order_and_goes_on_after_a_restart() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(25));
    let (shelf, told) = (Shelf::default(), Told::default());
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    let until = run(&mut shipper, 1_000).await;
    assert_eq!(shelf.has(), (1..=20).collect::<Vec<_>>());
    // The last five wait for more, but not for long.
    assert_eq!(until, Some(Moment(6_000)));
    run(&mut shipper, 6_000).await;
    assert_eq!(shelf.has(), (1..=25).collect::<Vec<_>>());
    drop(shipper);

    log.grow_to(40);
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    shipper.hurry();
    run(&mut shipper, 0).await;
    assert_eq!(shelf.has(), (1..=40).collect::<Vec<_>>());
    assert_eq!(told.all(), Vec::<String>::new());
}

#[tokio::test]
async fn what_failed_is_sent_again_and_the_operator_hears_of_it_once() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(10));
    let (shelf, told) = (Shelf::default(), Told::default());
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    for _ in 0..5 {
        shelf.answer(failed());
    }
    let until = run(&mut shipper, 0).await;
    assert_eq!(until, Some(Moment(30_000)));
    let board = shipper.board();
    let status = board.lock().unwrap().clone();
    assert_eq!((status.circuit, status.failures, status.lag()), (Circuit::Open, 5, 10));
    assert_eq!(status.lag_millis, 60_000 - 1);
    assert_eq!(status.alarms(), ["the sink `siem` takes no records: away"]);
    assert_eq!(told.all(), ["siem stopped: away"]);
    run(&mut shipper, 30_000).await;
    assert_eq!(shelf.has(), (1..=10).collect::<Vec<_>>());
    assert_eq!(told.all(), ["siem resumed"]);
    assert_eq!(board.lock().unwrap().alarms(), Vec::<String>::new());
}

#[tokio::test]
async fn a_poisoned_record_is_put_aside_with_the_reason_and_its_exact_line() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(20));
    let (shelf, told) = (Shelf::default(), Told::default());
    *shelf.poison.lock().unwrap() = vec![7, 13];
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    run(&mut shipper, 0).await;
    let want: Vec<u64> = (1..=20).filter(|seq| ![7, 13].contains(seq)).collect();
    assert_eq!(shelf.has(), want);
    let folder = folder(state.path());
    let names = folder.letter_names().unwrap();
    assert_eq!(names.len(), 2);
    let letter = folder.read_letter(&names[0]).unwrap();
    assert_eq!((letter.why.as_str(), letter.record), ("bad record", record(7)));
    assert_eq!(folder.dead_letters(), 2);
    assert_eq!(told.all(), ["the sink `siem` refused 1 records for good: bad record"]);
    folder.drop_letter(&names[0]).unwrap();
    assert_eq!(folder.letter_names().unwrap(), names[1..]);
}

#[tokio::test]
async fn dead_letters_that_are_full_hold_the_sink_and_lose_nothing() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(10));
    let (shelf, told) = (Shelf::default(), Told::default());
    *shelf.poison.lock().unwrap() = vec![3, 4];
    let most =
        |max| Setup { dead_letters_max: max, ..setup(state.path(), &log, shelf.clone(), &told) };
    let mut shipper = Shipper::open(most(1)).unwrap();
    let until = run(&mut shipper, 0).await;
    assert!(until.is_some());
    assert_eq!(shipper.acknowledged(), Seq(3));
    let why = shipper.board().lock().unwrap().trouble.clone();
    assert_eq!(why.unwrap().as_str(), "its dead letters are full: `dead_letters_max` is 1");
    drop(shipper);
    let mut shipper = Shipper::open(most(2)).unwrap();
    shipper.hurry();
    run(&mut shipper, 0).await;
    assert_eq!(shipper.acknowledged(), Seq(10));
    assert_eq!(folder(state.path()).dead_letters(), 2);
}

#[tokio::test]
async fn records_that_retention_took_first_are_a_gap_that_is_told() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(40));
    let (shelf, told) = (Shelf::default(), Told::default());
    log.begin_at(12);
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    run(&mut shipper, 9_000).await;
    shipper.hurry();
    run(&mut shipper, 9_000).await;
    assert_eq!(shelf.has(), (12..=40).collect::<Vec<_>>());
    assert_eq!(told.all(), ["records 1 to 11 left the log before the sink `siem` had them"]);
    let status = shipper.board().lock().unwrap().clone();
    assert_eq!(status.missed, 11);
    let kept = folder(state.path()).account().unwrap().unwrap();
    assert_eq!((kept.missed(), kept.acknowledged), (11, Seq(40)));
}

#[tokio::test]
async fn a_log_that_does_not_fit_what_the_sink_has_is_an_alarm_and_is_sent_whole() {
    let state = tempfile::tempdir().unwrap();
    let (log, told) = (MemoryLog::with(20), Told::default());
    let first = Shelf::default();
    let mut shipper = Shipper::open(setup(state.path(), &log, first, &told)).unwrap();
    run(&mut shipper, 0).await;
    drop(shipper);

    // The log has lost its end.
    let shorter = MemoryLog::with(10);
    let shelf = Shelf::default();
    let mut shipper = Shipper::open(setup(state.path(), &shorter, shelf.clone(), &told)).unwrap();
    run(&mut shipper, 0).await;
    assert_eq!(shelf.has(), (1..=10).collect::<Vec<_>>());
    let said = "the log and the sink `siem` differ: the sink acknowledged record 20, and the log ends at record 10; the whole log is sent again";
    assert_eq!(told.all(), [said]);
    assert!(shipper.board().lock().unwrap().discord.is_some());
    drop(shipper);

    // It is another log.
    let other = Setup {
        log: LogId::from_random([9; 16]),
        ..setup(state.path(), &shorter, Shelf::default(), &told)
    };
    drop(Shipper::open(other).unwrap());
    assert!(told.all()[0].contains("of the log 0707"));

    // Somebody has put another record where the acknowledged one was.
    let folder = folder(state.path());
    let mut account = folder.account().unwrap().unwrap();
    account.mac = Some(bakerst_model::Digest::of(b"another"));
    folder.keep(&account).unwrap();
    drop(Shipper::open(setup(state.path(), &shorter, Shelf::default(), &told)).unwrap());
    assert!(told.all()[0].contains("acknowledged another record 10"));
}

#[tokio::test]
async fn a_cursor_that_cannot_be_understood_doubles_records_and_loses_none() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(10));
    let (shelf, told) = (Shelf::default(), Told::default());
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    run(&mut shipper, 0).await;
    drop(shipper);
    std::fs::write(state.path().join("sinks/siem/cursor.json"), "{\"log\":").unwrap();
    let mut shipper = Shipper::open(setup(state.path(), &log, shelf.clone(), &told)).unwrap();
    run(&mut shipper, 0).await;
    assert_eq!(shelf.has(), (1..=10).chain(1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn long_records_make_short_batches() {
    let (state, log) = (tempfile::tempdir().unwrap(), MemoryLog::with(30));
    let (shelf, told) = (Shelf::default(), Told::default());
    let bytes = record(1).line.len() * 3;
    let small = Setup { batch_bytes_max: bytes, ..setup(state.path(), &log, shelf.clone(), &told) };
    let mut shipper = Shipper::open(small).unwrap();
    shipper.hurry();
    run(&mut shipper, 0).await;
    assert_eq!(shelf.has(), (1..=30).collect::<Vec<_>>());
}

/// Never answers.
struct Hangs;

impl Sink for Hangs {
    fn send<'s>(&'s mut self, _: &'s [Shipped], _: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_answers_has_failed() {
    let (state, log, told) = (tempfile::tempdir().unwrap(), MemoryLog::with(10), Told::default());
    let mut shipper = Shipper::open(setup(state.path(), &log, Hangs, &told)).unwrap();
    assert_eq!(shipper.turn(at(0)).await, Turn::Again);
    let trouble = shipper.board().lock().unwrap().trouble.clone().unwrap();
    assert_eq!(trouble.as_str(), "no answer within 30 s");
    assert_eq!(shipper.acknowledged(), Seq(0));
}
