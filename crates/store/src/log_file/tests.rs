//! Media that fail, as the operating system has them: `/dev/full` takes no byte, `/dev/null`
//! cannot be synced, and neither can be cut. [`faults`] has disks that fail now and again.

mod faults;

use std::fs::OpenOptions;

use bakerst_audit::Chain;
use bakerst_model::{Action, Actor, Detail, Secret, UnixMillis};
use tokio::sync::oneshot;

use super::recover::Recovered;
use super::shared::Waiting;
use super::*;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMillis {
        UnixMillis(43_200_000)
    }
}

fn event() -> Event {
    let (action, actor) = (Action::ToolAllowed, Actor::system());
    Event { action, actor, conversation: None, detail: Detail::of(&()).unwrap() }
}

fn log_on(device: &str, durability: Durability) -> LogFile {
    let file = OpenOptions::new().read(true).write(true).open(device).unwrap();
    let (log, mut header) = (LogId::from_random([1; 16]), Vec::new());
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
    let begun = Chain::begin(&keys, log, About::default(), UnixMillis(0), &mut header);
    let (chain, segment, end) = (begun.unwrap(), Seq(0), header.len() as u64);
    let opened = Opened { log, begun: true, cut: None };
    let recovered =
        Recovered { file, chain, segment, end, begin_segment: false, opened: opened.clone() };
    let outer = tempfile::tempdir().unwrap();
    let folder = StateFolder::open(outer.path()).unwrap().log();
    let settings = LogSettings { durability, checkpoints: None, ..LogSettings::default() };
    let shared = Shared::new(folder, recovered, settings, Arc::new(Noon), Arc::new(Files)).unwrap();
    LogFile::start(shared, opened, None).unwrap()
}

#[tokio::test]
async fn a_failed_sync_closes_the_log_for_good() {
    let log = log_on("/dev/null", Durability::Strict);
    let first = log.append(event()).await.unwrap_err();
    assert_eq!(first.code(), Code::LogClosed);
    let second = log.append(event()).await.unwrap_err();
    assert_eq!(first.to_string(), second.to_string());
    assert!(log.health().closed.unwrap().starts_with("the disk did not take it"));
}

#[tokio::test]
async fn a_failed_sync_in_the_background_closes_the_log_too() {
    let log = log_on("/dev/null", Durability::Batched);
    assert_eq!(log.append(event()).await.unwrap(), Seq(1));
    let refused = loop {
        if let Err(refused) = log.append(event()).await {
            break refused;
        }
    };
    assert_eq!(refused.code(), Code::LogClosed);
    assert!(log.health().closed.is_some());
}

#[tokio::test]
async fn a_write_that_can_be_neither_made_nor_undone_closes_the_log() {
    let log = log_on("/dev/full", Durability::Strict);
    let refused = log.append(event()).await.unwrap_err();
    assert_eq!(refused.code(), Code::LogClosed);
    assert!(refused.to_string().contains("nor what was written of them cut"), "{refused}");
    assert_eq!(log.health().head, Seq(0));
}

#[tokio::test]
async fn a_thread_that_fails_with_the_log_in_hand_closes_it() {
    let log = log_on("/dev/null", Durability::Batched);
    let shared = log.shared.clone();
    let failing = std::thread::spawn(move || {
        let _held = shared.lock();
        panic!("on purpose");
    });
    assert!(failing.join().is_err());
    let refused = log.append(event()).await.unwrap_err();
    assert_eq!(refused.code(), Code::LogClosed);
}

#[tokio::test]
async fn more_waiters_than_may_wait_are_refused() {
    let log = log_on("/dev/null", Durability::Strict);
    let waiter = |_| Waiting { seq: Seq(0), answer: oneshot::channel().0 };
    log.shared.lock().waiting.extend((0..WAITING_MAX).map(waiter));
    // Nothing was written, so that the bell has not rung and they all still wait.
    let refused = log.append(event()).await.unwrap_err();
    assert_eq!(refused.code(), Code::LogUnwritable);
    assert_eq!(log.health().head, Seq(0));
}
