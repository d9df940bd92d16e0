//! The log on the disk: what 256 writers get who each wait until their record is durable, beside
//! what the disk itself can sync in the same run.
//!
//! It is done in the folder from which the bench is started, because the folder for temporary
//! things may be no disk.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bakerst_model::{Code, Journal as _};
use bakerst_store::{Durability, LogFile, LogSettings, StateFolder};
use tokio::runtime::Builder;

use super::super::Figure;
use super::memory::{event, keys};
use crate::clock::SystemClock;
use crate::failure::Failure;
use crate::station::{ScratchFolder, with_causes};

const WRITERS: usize = 256;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let time = Duration::from_millis(if full { 10_000 } else { 2_500 });
    measured(time).map_err(|error| {
        let message = format!("the bench could not run: {}", with_causes(&error));
        Failure::environment(Code::StateUnwritable, message)
    })
}

fn measured(time: Duration) -> io::Result<Vec<Figure>> {
    let folder = ScratchFolder::beside("bench")?;
    // Half of it before and half of it after, so that a disk that changes its mind shows.
    let before = fdatasync_per_s(&folder.path().join("disk"), time / 4)?;
    let (per_s, p99) = durable(&folder.path().join("state"), time)?;
    let after = fdatasync_per_s(&folder.path().join("disk"), time / 4)?;
    Ok(vec![
        Figure::new("audit.durable.per_s", per_s, "1/s"),
        Figure::new("audit.durable.p99_ms", p99, "ms"),
        Figure::new("audit.fdatasync.per_s", (before + after) / 2.0, "1/s"),
    ])
}

/// How often a second 500 bytes in a file that was made and zeroed beforehand can be synced.
fn fdatasync_per_s(path: &Path, time: Duration) -> io::Result<f64> {
    const ROOM: usize = 16 << 20;
    let file = File::create(path)?;
    file.write_all_at(&vec![0; ROOM], 0)?;
    file.sync_all()?;
    let (began, mut syncs, mut at) = (Instant::now(), 0_u32, 0);
    while began.elapsed() < time {
        file.write_all_at(&[b'x'; 500], at)?;
        file.sync_data()?;
        at = (at + 500) % (ROOM as u64 - 500);
        syncs += 1;
    }
    Ok(f64::from(syncs) / began.elapsed().as_secs_f64())
}

/// Durable appends a second, and how long 99 of 100 of them take at most.
fn durable(state: &Path, time: Duration) -> io::Result<(f64, f64)> {
    let broken = || io::Error::other("the bench's own records cannot be made");
    let folder = StateFolder::open(state).map_err(io::Error::other)?;
    let settings = LogSettings { durability: Durability::Strict, ..LogSettings::default() };
    let (keys, clock) = (keys().ok_or_else(broken)?, Arc::new(SystemClock));
    let log = LogFile::open(&folder, &keys, settings, clock).map_err(io::Error::other)?;
    let (log, event) = (Arc::new(log), event().ok_or_else(broken)?);
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let began = Instant::now();
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let (log, event) = (log.clone(), event.clone());
            runtime.spawn(async move {
                let mut micros = Vec::new();
                while began.elapsed() < time {
                    let started = Instant::now();
                    log.append(event.clone()).await?;
                    micros.push(started.elapsed().as_micros());
                }
                Ok::<_, bakerst_model::JournalError>(micros)
            })
        })
        .collect();
    let mut micros = Vec::new();
    for writer in writers {
        let written = runtime.block_on(writer).map_err(io::Error::other)?;
        micros.extend(written.map_err(io::Error::other)?);
    }
    let took = began.elapsed().as_secs_f64();
    micros.sort_unstable();
    let p99 = micros.get(micros.len() * 99 / 100).copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let figures = (micros.len() as f64 / took, p99 as f64 / 1000.0);
    Ok(figures)
}
