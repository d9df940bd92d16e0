//! Old segments go with a word, and a log that lost its beginning without one does not verify.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;

use bakerst_audit::retention::{Plan, Retention, Tombstone};
use bakerst_audit::{LogKey, LogKeys, Trust};
use bakerst_model::{
    Action, Actor, Clock, Code, Detail, Event, Journal as _, Secret, Seq, UnixMillis,
};
use bakerst_store::retention::{check_beginning, expire, finish_expiry, newest_tombstone, survey};
use bakerst_store::{
    Durability, LogCheck, LogError, LogFile, LogFolder, LogReport, LogSettings, SegmentBytes,
    StateFolder, verify_log,
};
use serde_json::json;
use tempfile::TempDir;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMillis {
        UnixMillis(43_200_000)
    }
}

fn keys() -> LogKeys {
    LogKeys::new(LogKey::new(&Secret::new(vec![7; 32])).unwrap(), Secret::new(vec![9; 32]))
}

fn verify(log: &LogFolder) -> Result<LogReport, LogError> {
    let check = LogCheck { trust: Trust::keys(keys()), given: Vec::new(), threads: 2 };
    verify_log(log, check, &|_| {})
}

fn open(folder: &TempDir) -> LogFile {
    let folder = StateFolder::open(folder.path()).unwrap();
    let settings = LogSettings {
        durability: Durability::Strict,
        segment_bytes: SegmentBytes(4096),
        checkpoints: None,
        ..LogSettings::default()
    };
    LogFile::open(&folder, &keys(), settings, Arc::new(Noon)).unwrap()
}

async fn append(log: &LogFile, count: u64) {
    for n in 0..count {
        let (action, actor) = (Action::ToolAllowed, Actor::system());
        let detail = Detail::of(&json!({ "n": n, "fill": "x".repeat(200) })).unwrap();
        log.append(Event { action, actor, conversation: None, detail }).await.unwrap();
    }
}

fn plan(log: &LogFolder, bytes_max: u64) -> Plan {
    let surveyed = survey(log).unwrap().unwrap();
    let retention = Retention { age_max: None, bytes_max: Some(bytes_max) };
    retention.plan(&surveyed.sealed, surveyed.live, UnixMillis(43_200_000), None)
}

fn firsts(log: &LogFolder) -> Vec<u64> {
    log.segments().unwrap().iter().map(|segment| segment.first.0).collect()
}

/// A log of many segments, of which `bytes_max` are kept.
async fn shortened(bytes_max: u64) -> (TempDir, LogFolder, Tombstone) {
    let folder = tempfile::tempdir().unwrap();
    let log = LogFolder::in_state(folder.path());
    let file = open(&folder);
    append(&file, 100).await;
    let tombstone = expire(&log, &plan(&log, bytes_max), &file, &file).await.unwrap().unwrap();
    append(&file, 20).await;
    (folder, log, tombstone)
}

#[tokio::test]
async fn what_expires_leaves_a_tombstone_and_the_chain_holds() {
    let (folder, log, tombstone) = shortened(20_000).await;
    let kept = firsts(&log);
    assert_eq!((kept.first(), tombstone.first), (Some(&tombstone.next), 0));
    assert!(tombstone.segments > 3 && tombstone.bytes > 10_000, "{tombstone:?}");
    let head = verify(&log).unwrap().verified.head.seq;
    assert_eq!(check_beginning(&log).unwrap(), Some(tombstone));
    // The log is opened and written on without what is gone, and may be shortened again.
    let file = open(&folder);
    append(&file, 50).await;
    let again = expire(&log, &plan(&log, 9_000), &file, &file).await.unwrap().unwrap();
    assert_eq!(again.first, tombstone.next);
    assert!(verify(&log).unwrap().verified.head.seq > head);
    assert_eq!(newest_tombstone(&log).unwrap(), Some(again));
    let nothing = expire(&log, &plan(&log, 1 << 40), &file, &file).await.unwrap();
    assert_eq!(nothing, None);
}

#[tokio::test]
async fn a_beginning_that_goes_without_a_word_is_found() {
    let (_folder, log, tombstone) = shortened(20_000).await;
    let segments = log.segments().unwrap();
    fs::remove_file(&segments[0].path).unwrap();
    let refused = verify(&log).unwrap_err();
    assert_eq!(refused.code(), Code::LogTampered, "{refused}");
    assert!(firsts(&log)[0] > tombstone.next);

    let folder = tempfile::tempdir().unwrap();
    append(&open(&folder), 100).await;
    let log = LogFolder::in_state(folder.path());
    fs::remove_file(&log.segments().unwrap()[0].path).unwrap();
    let refused = verify(&log).unwrap_err();
    assert!(refused.to_string().contains("no tombstone"), "{refused}");
}

#[tokio::test]
async fn what_a_crash_left_undone_is_done_later() {
    let folder = tempfile::tempdir().unwrap();
    let log = LogFolder::in_state(folder.path());
    let file = open(&folder);
    append(&file, 100).await;
    let oldest: Vec<_> = log
        .segments()
        .unwrap()
        .iter()
        .take(2)
        .map(|s| (s.path.clone(), fs::read(&s.path).unwrap()))
        .collect();
    let tombstone = expire(&log, &plan(&log, 20_000), &file, &file).await.unwrap().unwrap();
    for (path, bytes) in &oldest[1..] {
        fs::write(path, bytes).unwrap();
    }
    // Records between the two are missing, but they are accounted for.
    assert!(check_beginning(&log).unwrap().is_some());
    assert_eq!(finish_expiry(&log).unwrap(), 1);
    assert_eq!(firsts(&log)[0], tombstone.next);
    assert_eq!(finish_expiry(&log).unwrap(), 0);
    verify(&log).unwrap();
    assert_ne!(survey(&log).unwrap().unwrap().live.first, Seq(0));
}
