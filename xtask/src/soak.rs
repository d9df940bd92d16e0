//! `cargo xtask soak`: what takes too long for every change.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::steps::Step;
use crate::{command, crash, fuzz, tamper};

const CRASH_RUNS: u64 = 500;
const TAMPER_EDITS: u64 = 10_000;

/// What to run, and for how long.
#[derive(Args)]
pub(crate) struct Soak {
    /// One of them; all of them when none is named.
    name: Option<Name>,
    /// How long each fuzz target runs.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Every fuzz target, for long.
    Fuzz,
    /// Writers of the log killed 500 times.
    Crash,
    /// A log edited 10,000 times.
    Tamper,
    /// Two days without a sink, and five million events.
    Outage,
}

impl Soak {
    /// Runs it, and says what it did.
    ///
    /// # Errors
    /// When anything fails, or cannot be run here.
    pub(crate) fn run(self) -> Result<()> {
        let Self { name, seconds } = self;
        if matches!(name, None | Some(Name::Crash)) {
            println!("==> crash harness, {CRASH_RUNS} runs");
            crash::run(CRASH_RUNS, 1)?;
        }
        if matches!(name, None | Some(Name::Tamper)) {
            println!("==> tamper drill, {TAMPER_EDITS} edits");
            tamper::run(TAMPER_EDITS, 1)?;
        }
        if matches!(name, None | Some(Name::Outage)) {
            outage()?;
        }
        if matches!(name, None | Some(Name::Fuzz)) {
            fuzz_all(seconds)?;
        }
        Ok(())
    }
}

fn fuzz_all(seconds: u64) -> Result<()> {
    for target in fuzz::TARGETS {
        println!("==> fuzz, {seconds} s: {target}");
        if let Step::Skipped(why) = fuzz::run_target(target, seconds)? {
            bail!("fuzz target `{target}` cannot be run: {why}");
        }
    }
    println!("fuzzed {} targets for {seconds} s each: no crash", fuzz::TARGETS.len());
    Ok(())
}

/// Two days without a sink while five million events are recorded, then everything at once.
fn outage() -> Result<()> {
    println!("==> outage of 48 h");
    let test = ["test", "--release", "-p", "bakerst-app", "--test", "outage", "--"];
    let only = ["--ignored", "--nocapture"];
    command::run(command::cargo(&[test.as_slice(), &only].concat()), |_| {})
}
