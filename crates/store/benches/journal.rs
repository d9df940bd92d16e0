//! How fast the log takes records of 500 bytes, alone and from 64 tasks at once, beside the bare
//! rate of the disk; and how long a log of 100 MB takes to open.
//!
//! It is run in the folder from which it is started, because `/tmp` may be no disk.

#![expect(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bakerst_audit::{LogKey, LogKeys, Trust};
use bakerst_model::{Action, Actor, Clock, Detail, Event, Journal as _, Secret, UnixMillis};
use bakerst_store::{
    Durability, LogCheck, LogFile, LogFolder, LogSettings, StateFolder, verify_log,
};
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const TASKS: usize = 64;
const APPENDS_EACH: usize = 16;

fn main() {
    divan::main();
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> UnixMillis {
        UnixMillis(43_200_000)
    }
}

fn event() -> Event {
    let detail = Detail::of(&serde_json::json!({ "input": "x".repeat(210) })).unwrap();
    Event { action: Action::ToolAllowed, actor: Actor::system(), conversation: None, detail }
}

fn keys() -> LogKeys {
    LogKeys::new(LogKey::new(&Secret::new(vec![7; 32])).unwrap(), Secret::new(vec![9; 32]))
}

fn open(folder: &TempDir, durability: Durability) -> LogFile {
    let folder = StateFolder::open(folder.path()).unwrap();
    let settings = LogSettings { durability, ..LogSettings::default() };
    LogFile::open(&folder, &keys(), settings, Arc::new(Noon)).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn disk() -> TempDir {
    tempfile::tempdir_in(".").unwrap()
}

#[divan::bench(sample_count = 2000)]
fn disk_alone(bencher: Bencher<'_, '_>) {
    let folder = disk();
    let file = File::create_new(folder.path().join("file")).unwrap();
    let mut end = 0;
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        file.write_all_at(&[b'x'; 500], end).unwrap();
        file.sync_data().unwrap();
        end += 500;
    });
}

#[divan::bench(sample_count = 2000)]
fn strict_one_at_a_time(bencher: Bencher<'_, '_>) {
    let (folder, runtime) = (disk(), runtime());
    let log = open(&folder, Durability::Strict);
    let append = || runtime.block_on(log.append(event())).unwrap();
    bencher.counter(ItemsCount::new(1_usize)).bench_local(append);
}

#[divan::bench(sample_count = 100)]
fn strict_64_tasks(bencher: Bencher<'_, '_>) {
    at_once(bencher, Durability::Strict);
}

#[divan::bench(sample_count = 100)]
fn batched_64_tasks(bencher: Bencher<'_, '_>) {
    at_once(bencher, Durability::Batched);
}

fn at_once(bencher: Bencher<'_, '_>, durability: Durability) {
    let (folder, runtime) = (disk(), runtime());
    let log = Arc::new(open(&folder, durability));
    let append_some = |log: Arc<LogFile>| async move {
        for _ in 0..APPENDS_EACH {
            log.append(event()).await.unwrap();
        }
    };
    bencher.counter(ItemsCount::new(TASKS * APPENDS_EACH)).bench_local(|| {
        let tasks: Vec<_> = (0..TASKS).map(|_| runtime.spawn(append_some(log.clone()))).collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[divan::bench(sample_count = 10)]
fn open_100_mb(bencher: Bencher<'_, '_>) {
    let (folder, runtime) = (disk(), runtime());
    let log = open(&folder, Durability::Batched);
    for _ in 0..200_000 {
        runtime.block_on(log.append(event())).unwrap();
    }
    drop(log);
    let check = LogCheck { trust: Trust::keys(keys()), given: Vec::new(), threads: 2 };
    let log = LogFolder::in_state(folder.path());
    let verified = verify_log(&log, check, &|_| {}).unwrap().verified;
    assert!((490..=510).contains(&(verified.bytes / 200_000)), "{verified:?}");
    let open = || open(&folder, Durability::Strict);
    bencher.counter(BytesCount::new(verified.bytes)).bench_local(open);
}
