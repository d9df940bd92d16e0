//! The MCP door, from outside: what guarding adds to a call, and how many calls one core guards.
//!
//! Behind the door stands a tool server that does nothing but answer; the same calls go to it
//! directly in the same run.

mod cores;
mod pipes;
mod upstream;

use std::io;
use std::time::Duration;

use bakerst_model::Code;

pub(super) use upstream::serve as serve_upstream;

use self::cores::{Core, cpu_seconds};
use self::upstream::Upstream;
use super::load::{Added, Ask, CONNECTIONS, Line, Target, saturate};
use super::server::Guarded;
use super::{Figure, chain};
use crate::cli::DurabilityArg;
use crate::failure::Failure;
use crate::station::ScratchFolder;

/// How many sessions are open and idle while memory is measured.
const SESSIONS: usize = 1_000;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    measured(full).map_err(|error| {
        Failure::environment(Code::NotRunning, format!("the bench could not run: {error}"))
    })
}

fn measured(full: bool) -> io::Result<Vec<Figure>> {
    let (rounds, how_long) = if full { (10, 3000) } else { (3, 1500) };
    let how_long = Duration::from_millis(how_long);
    let folder = ScratchFolder::new("bench")?;
    let server = Upstream::start()?;
    let config = format!(
        "gateway:\n  mcp:\n    servers:\n      mock: {{ url: \"http://{}/mcp\" }}\n",
        server.address
    );
    let start = |name: &str, durability| {
        Guarded::start_with(&folder.path().join(name), durability, &config)
    };
    let direct = (&Target::Tcp(server.address), &call("/mcp", "none"));
    let added = |guarded: &Guarded, rounds| {
        let ask = call("/mcp/mock", &guarded.token);
        Added::compare((&guarded.tcp, &ask), direct, rounds, how_long)
    };

    let batched = start("batched", DurabilityArg::Batched)?;
    let http = added(&batched, rounds)?;
    let piped = pipes::compare(&folder.path().join("batched"), rounds, how_long / 2)?;
    drop(batched);
    let strict = start("strict", DurabilityArg::Strict)?;
    let slow = added(&strict, rounds.div_ceil(3))?;
    drop(strict);
    let one_core = || start("one-core", DurabilityArg::Batched);
    let Saturated { per_s, cpu_us } = saturated(one_core, how_long * 2)?;
    let direct_per_s = saturate(direct.0, direct.1, how_long)?;
    let idle = start("idle", DurabilityArg::Batched)?;
    let _sessions = open_sessions(&idle)?;
    Ok(vec![
        Figure::new("mcp.added_p50_us", http.added(50.0), "us"),
        Figure::new("mcp.added_p99_us", http.added(99.0), "us"),
        Figure::new("mcp.direct_p50_us", http.base(50.0), "us"),
        Figure::new("mcp.direct_p99_us", http.base(99.0), "us"),
        Figure::new("mcp.strict.added_p50_us", slow.added(50.0), "us"),
        Figure::new("mcp.strict.added_p99_us", slow.added(99.0), "us"),
        Figure::new("mcp.per_s", per_s, "1/s"),
        Figure::new("mcp.direct_per_s", rate(direct_per_s, how_long), "1/s"),
        Figure::new("mcp.cpu_us_per_call", cpu_us, "us"),
        Figure::new("mcp.stdio.added_p50_us", piped.added(50.0), "us"),
        Figure::new("mcp.stdio.added_p99_us", piped.added(99.0), "us"),
        Figure::new("mcp.stdio.direct_p50_us", piped.base(50.0), "us"),
        Figure::new("mcp.rss_mb", idle.resident_mb()?, "MiB"),
    ])
}

/// A call of the bench's tool, with an input of 200 bytes.
fn call_message() -> String {
    let input = chain::input(200);
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":\
         {{\"name\":\"timezone_lookup\",\"arguments\":{input}}}}}"
    )
}

fn headers(token: &str) -> String {
    format!(
        "authorization: Bearer {token}\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-11-25\r\n"
    )
}

fn call(path: &str, token: &str) -> Ask {
    Ask::post(path, &headers(token), &call_message(), upstream::ANSWERED)
}

struct Saturated {
    per_s: f64,
    cpu_us: f64,
}

/// How many calls a second are guarded by one core, and what one of them takes of it. Whoever asks
/// and whoever answers share the other cores.
fn saturated(
    start: impl FnOnce() -> io::Result<Guarded>,
    how_long: Duration,
) -> io::Result<Saturated> {
    let guarded = Core::first()?.run(start)?;
    let ask = call("/mcp/mock", &guarded.token);
    Core::others()?.run(|| {
        saturate(&guarded.tcp, &ask, how_long / 3)?;
        let before = cpu_seconds(guarded.pid())?;
        let calls = saturate(&guarded.tcp, &ask, how_long)?;
        let cpu = cpu_seconds(guarded.pid())? - before;
        Ok(Saturated { per_s: rate(calls, how_long), cpu_us: cpu * 1e6 / whole(calls) })
    })
}

fn rate(calls: u64, how_long: Duration) -> f64 {
    whole(calls) / how_long.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn whole(calls: u64) -> f64 {
    calls.max(1) as f64
}

/// Sessions that were opened and are not used, each on a connection of its own.
fn open_sessions(guarded: &Guarded) -> io::Result<Vec<Line>> {
    let body = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":\
        {\"protocolVersion\":\"2025-11-25\",\"capabilities\":{},\
        \"clientInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}";
    let begin = Ask::post("/mcp/mock", &headers(&guarded.token), body, upstream::BEGUN);
    let sessions = (0..SESSIONS).map(|_| {
        let mut line = Line::connect(&guarded.tcp)?;
        line.ask(&begin)?;
        Ok(line)
    });
    let sessions: Vec<Line> = sessions.collect::<io::Result<_>>()?;
    debug_assert!(sessions.len() > CONNECTIONS as usize);
    Ok(sessions)
}
