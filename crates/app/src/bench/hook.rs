//! The hook door, from outside: what guarding adds to a request.
//!
//! Guarded and baseline servers are both this binary, started fresh; rounds alternate between
//! them, so that a machine that changes its mind changes it for both.

use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use bakerst_model::Code;

use super::load::{Added, Ask, Target};
use super::server::{Baseline, Guarded};
use super::{Figure, chain};
use crate::cli::DurabilityArg;
use crate::failure::Failure;
use crate::station::ScratchFolder;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    measured(full).map_err(|error| {
        Failure::environment(Code::NotRunning, format!("the bench could not run: {error}"))
    })
}

fn measured(full: bool) -> io::Result<Vec<Figure>> {
    let (rounds, how_long) = if full { (10, 3000) } else { (3, 1500) };
    let how_long = Duration::from_millis(how_long);
    let folder = ScratchFolder::new("bench")?;
    let batched = Guarded::start(&folder.path().join("batched"), DurabilityArg::Batched)?;
    let idle_mb = batched.resident_mb()?;
    let strict = Guarded::start(&folder.path().join("strict"), DurabilityArg::Strict)?;
    let baseline = Baseline::start(&folder.path().join("baseline.sock"))?;

    let compare = |guarded: &Target, token: &str, base: &Target| {
        let asks = (request(token), request("none"));
        Added::compare((guarded, &asks.0), (base, &asks.1), rounds, how_long)
    };
    let tcp = compare(&batched.tcp, &batched.token, &baseline.tcp)?;
    let uds = compare(&batched.unix, &batched.token, &baseline.unix)?;
    let slow = compare(&strict.tcp, &strict.token, &baseline.tcp)?;
    Ok(vec![
        Figure::new("hook.http.added_p50_us", tcp.added(50.0), "us"),
        Figure::new("hook.http.added_p99_us", tcp.added(99.0), "us"),
        Figure::new("hook.http.baseline_p50_us", tcp.base(50.0), "us"),
        Figure::new("hook.uds.added_p50_us", uds.added(50.0), "us"),
        Figure::new("hook.uds.added_p99_us", uds.added(99.0), "us"),
        Figure::new("hook.strict.p50_us", slow.guarded(50.0), "us"),
        Figure::new("hook.strict.p99_us", slow.guarded(99.0), "us"),
        Figure::new("hook.strict.added_p50_us", slow.added(50.0), "us"),
        Figure::new("disk.fdatasync_p50_us", fdatasync_p50_us(&folder)?, "us"),
        Figure::new("up.rss_mb", idle_mb, "MiB"),
        Figure::new("up.rss_loaded_mb", batched.resident_mb()?, "MiB"),
        Figure::new("up.ready_ms", batched.ready_ms.min(strict.ready_ms), "ms"),
    ])
}

fn request(token: &str) -> Ask {
    let input = chain::input(200);
    let body = format!(
        "{{\"conversationId\":\"bench\",\"toolName\":\"timezone_lookup\",\"toolInput\":{input}}}"
    );
    let headers = format!("authorization: Bearer {token}\r\n");
    Ask::post("/v1/guard/before", &headers, &body, "\"allow\":true")
}

/// What the disk itself takes to make 512 appended bytes durable.
fn fdatasync_p50_us(folder: &ScratchFolder) -> io::Result<f64> {
    let mut file = File::create(folder.path().join("disk"))?;
    let mut micros = Vec::new();
    for _ in 0..300 {
        let began = Instant::now();
        file.write_all(&[b'x'; 512])?;
        file.sync_data()?;
        micros.push(began.elapsed().as_secs_f64() * 1e6);
    }
    micros.sort_by(f64::total_cmp);
    Ok(micros.get(micros.len() / 2).copied().unwrap_or_default())
}
