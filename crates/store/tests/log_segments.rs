//! A log over several segments, and those who read it on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::sync::Arc;

use bakerst_audit::{
    BatchMost, FaultKind, LogKey, LogKeys, LogSource as _, RecordReader, SourceError, Trust,
};
use bakerst_model::{
    Action, Actor, Clock, Code, Detail, Event, Journal as _, Secret, Seq, UnixMillis,
};
use bakerst_store::{
    Durability, LogCheck, LogError, LogFile, LogFolder, LogReader, LogReport, LogSettings,
    SegmentBytes, StateFolder, Synced, verify_log,
};
use proptest::prelude::*;
use serde_json::json;
use tempfile::TempDir;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMillis {
        UnixMillis(43_200_000)
    }
}

fn key() -> LogKey {
    LogKey::new(&Secret::new(vec![7; 32])).unwrap()
}

fn keys() -> LogKeys {
    LogKeys::new(key(), Secret::new(vec![9; 32]))
}

fn try_open(folder: &TempDir, durability: Durability) -> Result<LogFile, LogError> {
    let folder = StateFolder::open(folder.path()).unwrap();
    let segment_bytes = SegmentBytes(4096);
    let settings =
        LogSettings { durability, segment_bytes, checkpoints: None, ..LogSettings::default() };
    LogFile::open(&folder, &keys(), settings, Arc::new(Noon))
}

fn open(folder: &TempDir) -> LogFile {
    try_open(folder, Durability::Strict).unwrap()
}

async fn append(log: &LogFile, n: u64) -> Seq {
    let (action, actor) = (Action::ToolAllowed, Actor::system());
    let detail = Detail::of(&json!({ "n": n, "fill": "x".repeat(200) })).unwrap();
    log.append(Event { action, actor, conversation: None, detail }).await.unwrap()
}

fn log_folder(folder: &TempDir) -> LogFolder {
    LogFolder::in_state(folder.path())
}

fn verify(folder: &TempDir) -> Result<LogReport, LogError> {
    let check = LogCheck { trust: Trust::keys(keys()), given: Vec::new(), threads: 2 };
    verify_log(&log_folder(folder), check, &|_| {})
}

/// A folder whose log holds some segments.
async fn filled(events: u64) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = open(&folder);
    for n in 0..events {
        append(&log, n).await;
    }
    folder
}

fn read_all(folder: &TempDir, from: Seq, synced: Synced, most: BatchMost) -> Vec<u64> {
    let mut reader = LogReader::new(log_folder(folder), from);
    let mut seqs = Vec::new();
    loop {
        let batch = reader.next_batch(synced, most).unwrap();
        if batch.is_empty() {
            return seqs;
        }
        assert!(batch.len() <= most.records);
        assert!(batch.bytes().len() <= most.bytes || batch.len() == 1);
        seqs.extend(batch.records().map(|(seq, _)| seq.0));
    }
}

#[tokio::test]
async fn a_log_goes_on_over_segments_and_restarts() {
    let folder = filled(100).await;
    let segments = log_folder(&folder).segments().unwrap();
    assert!(segments.len() > 10, "{segments:?}");
    for pair in segments.windows(2) {
        let text = fs::read_to_string(&pair[0].path).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let next = fs::read_to_string(&pair[1].path).unwrap();
        let header: serde_json::Value = serde_json::from_str(next.lines().next().unwrap()).unwrap();
        assert_eq!(header["action"], "system.segment_begun");
        assert_eq!(header["prev"], last["mac"]);
        assert_eq!(header["seq"], last["seq"].as_u64().unwrap() + 1);
    }
    let head = open(&folder).health().head;
    assert_eq!(append(&open(&folder), 100).await, Seq(head.0 + 1));
    let report = verify(&folder).unwrap();
    assert_eq!(report.verified.head.seq, Seq(head.0 + 1));
    assert!(report.segments >= segments.len());
}

#[tokio::test]
async fn a_missing_segment_is_found_when_verifying_and_a_cut_one_when_opening() {
    let folder = filled(100).await;
    let segments = log_folder(&folder).segments().unwrap();
    let hidden = fs::read(&segments[3].path).unwrap();
    fs::remove_file(&segments[3].path).unwrap();
    let refused = verify(&folder).unwrap_err();
    let LogError::DoesNotVerify { fault, .. } = refused else { unreachable!("{refused}") };
    assert_eq!((fault.seq, fault.kind), (segments[3].first, FaultKind::Removed));
    fs::write(&segments[3].path, hidden).unwrap();
    let last_sealed = &segments[segments.len() - 2];
    let text = fs::read_to_string(&last_sealed.path).unwrap();
    let end = text[..text.len() - 1].rfind('\n').unwrap();
    fs::write(&last_sealed.path, &text[..=end]).unwrap();
    let refused = try_open(&folder, Durability::Strict).unwrap_err();
    assert_eq!(refused.code(), Code::LogTampered, "{refused}");
}

#[tokio::test]
async fn a_segment_that_a_crash_left_without_its_header_is_begun_again() {
    let folder = filled(100).await;
    let log = log_folder(&folder);
    let before = log.segments().unwrap().pop().unwrap();
    let head = open(&folder).health().head;
    let next = log.segment_path(Seq(head.0 + 1));
    for left in [&b""[..], b"{\"seq\":", &[0; 300_000]] {
        fs::write(&next, left).unwrap();
        drop(open(&folder));
        let report = verify(&folder).unwrap();
        assert_eq!(report.verified.head.seq, Seq(head.0 + 1));
        fs::remove_file(&next).unwrap();
    }
    fs::write(log.segment_path(Seq(head.0 + 2)), "").unwrap();
    let refused = try_open(&folder, Durability::Strict).unwrap_err();
    assert!(matches!(refused, LogError::Damaged { ref path, .. } if *path == before.path));
}

#[test]
fn a_log_of_one_file_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("audit")).unwrap();
    fs::write(folder.path().join("audit/log.jsonl"), "{}\n").unwrap();
    let refused = try_open(&folder, Durability::Strict).unwrap_err();
    assert_eq!(refused.code(), Code::LogOfEarlierForm);
    assert!(refused.to_string().contains("move it elsewhere"), "{refused}");
}

#[tokio::test]
async fn another_process_sees_what_is_synced_and_no_more() {
    let folder = filled(30).await;
    let log = log_folder(&folder);
    let synced = log.synced().unwrap().unwrap();
    let most = BatchMost { records: 7, bytes: 2000 };
    let all: Vec<u64> = (0..=synced.seq.0).collect();
    assert_eq!(read_all(&folder, Seq(0), synced, most), all);
    // A record that is written, but not yet synced.
    let text = fs::read_to_string(log.segment_path(synced.segment)).unwrap();
    let line = text.lines().last().unwrap();
    let next = line.replacen(&format!("{}", synced.seq), &format!("{}", synced.seq.0 + 1), 1);
    fs::write(log.segment_path(synced.segment), format!("{text}{next}\n")).unwrap();
    assert_eq!(read_all(&folder, Seq(0), synced, most), all);
}

#[tokio::test]
async fn a_follower_is_woken_by_what_is_synced() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(&folder));
    let mut reader = log.reader(Seq(1));
    let most = BatchMost { records: 1000, bytes: 1 << 20 };
    assert!(reader.next(most).unwrap().is_empty());
    let writer = log.clone();
    let writing = tokio::spawn(async move {
        for n in 0..200 {
            append(&writer, n).await;
            if n % 50 == 49 {
                let head = writer.health().head;
                while writer.synced() < head {
                    writer.synced_after(writer.synced()).await;
                }
            }
        }
    });
    let mut seen = Vec::new();
    while seen.len() < 200 {
        let last = seen.last().map_or(Seq(0), |(seq, _)| *seq);
        assert!(log.synced_after(last).await > Some(last));
        seen.extend(events(&mut *reader, most));
    }
    writing.await.unwrap();
    let ns: Vec<u64> = seen.iter().map(|(_, n)| *n).collect();
    assert_eq!(ns, (0..200).collect::<Vec<_>>());
}

/// The next batch's events, headers aside.
fn events(reader: &mut dyn RecordReader, most: BatchMost) -> Vec<(Seq, u64)> {
    let batch = reader.next(most).unwrap();
    let events = batch.records().filter_map(|(seq, line)| {
        let record: serde_json::Value = serde_json::from_slice(line).unwrap();
        Some((seq, record.pointer("/detail/n")?.as_u64()?))
    });
    events.collect()
}

#[tokio::test]
async fn records_that_are_kept_no_longer_are_named() {
    let folder = filled(100).await;
    let log = log_folder(&folder);
    let segments = log.segments().unwrap();
    fs::remove_file(&segments[0].path).unwrap();
    let mut reader = LogReader::new(log.clone(), Seq(3));
    let most = BatchMost { records: 10, bytes: 1 << 20 };
    let refused = reader.next_batch(log.synced().unwrap().unwrap(), most).unwrap_err();
    assert_eq!(refused, SourceError::Expired { wanted: Seq(3), oldest: segments[1].first });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_batches_from_any_place_hand_out_each_record_once(
        from in 0..140_u64, records in 1..50_usize, bytes in 1..9000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = runtime.block_on(filled(100));
        let synced = log_folder(&folder).synced().unwrap().unwrap();
        let all: Vec<u64> = (from..=synced.seq.0).collect();
        prop_assert_eq!(read_all(&folder, Seq(from), synced, BatchMost { records, bytes }), all);
    }
}
