//! Fuzz targets, built and run on the stable toolchain.
//!
//! `cargo fuzz` wants a nightly compiler for its sanitizers. What finds most in safe Rust is
//! coverage and panics, and those need no sanitizer: LLVM's coverage pass can be asked for by flags
//! that stable has, and libFuzzer is built from source by the crate that brings it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;

use crate::command::{cargo, command, is_there, run};
use crate::repo::Repo;
use crate::steps::Step;

/// Every fuzz target.
pub(crate) const TARGETS: &[&str] =
    &["config", "hook_body", "answer", "request", "redact", "command", "injection"];

/// Coverage by edges, counted in line, with the table that maps counters to code.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table";

/// The longest input that is tried, in bytes.
const INPUT_BYTES_MAX: u32 = 16 << 10;

/// One input that takes longer than this is a finding.
const INPUT_SECONDS_MAX: u32 = 10;

/// What to fuzz, and for how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// One target; all of them when none is named.
    target: Option<String>,
    /// How long each runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

impl Fuzz {
    /// Runs it.
    ///
    /// # Errors
    /// When a target does not exist, cannot be run, or crashes.
    pub(crate) fn run(self) -> Result<()> {
        let Self { target, seconds } = self;
        let known = |name: &str| TARGETS.iter().copied().find(|target| *target == name);
        let targets = match &target {
            None => TARGETS.to_vec(),
            Some(name) => match known(name) {
                Some(target) => vec![target],
                None => bail!("no fuzz target `{name}`, expected one of: {}", TARGETS.join(", ")),
            },
        };
        for target in targets {
            if let Step::Skipped(why) = run_target(target, seconds)? {
                bail!("fuzz target `{target}` cannot be run: {why}");
            }
        }
        Ok(())
    }
}

/// Builds a target and runs it over its seeds and what it makes of them.
///
/// # Errors
/// When it cannot be built, or an input makes it crash; the input is kept and named.
pub(crate) fn run_target(target: &str, seconds: u64) -> Result<Step> {
    if !is_there("c++", &["--version"]) {
        return Ok(Step::Skipped("there is no C++ compiler to build libFuzzer with".to_owned()));
    }
    let host = host()?;
    let mut build = cargo(&["build", "--release", "--target", &host]);
    build.args(["--bin", target]).current_dir(folder()).env("RUSTFLAGS", FLAGS);
    // Its own folder: other flags than the workspace's, and the two must not rebuild each other.
    build.env("CARGO_TARGET_DIR", folder().join("target"));
    run(build, |_| {})?;

    let (corpus, artifacts) = (folder().join("corpus").join(target), folder().join("artifacts"));
    for needed in [&corpus, &artifacts] {
        fs::create_dir_all(needed).with_context(|| format!("cannot make {}", needed.display()))?;
    }
    let program = folder().join("target").join(&host).join("release").join(target);
    let mut fuzz = command(program, &[]);
    fuzz.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={INPUT_BYTES_MAX}"),
        format!("-timeout={INPUT_SECONDS_MAX}"),
        format!("-artifact_prefix={}/{target}-", artifacts.display()),
        "-print_final_stats=1".to_owned(),
        // Only what is wrong and the end: a line for every pulse would hide them.
        "-verbosity=0".to_owned(),
        "-print_funcs=0".to_owned(),
    ]);
    fuzz.arg(&corpus).arg(folder().join("seeds").join(target));
    let mut executed = 0_u64;
    let ended = run(fuzz, |line| {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            executed = count.trim().parse().unwrap_or(0);
        }
    });
    ended.with_context(|| format!("an input in {} breaks `{target}`", artifacts.display()))?;
    ensure!(executed > 0, "`{target}` ran no input");
    println!("{target}: {executed} inputs, no crash");
    Ok(Step::Done)
}

/// Holds the targets' own formatting against the workspace's rules; `--all` would go on to the
/// crates that they use.
pub(crate) fn format_check() -> Command {
    let mut format = cargo(&["fmt", "--check", "--", "--color", "never"]);
    format.current_dir(folder());
    format
}

/// The triple of this machine. It is named to cargo so that the flags reach no build script.
fn host() -> Result<String> {
    let told = command("rustc", &["-vV"]).output().context("cannot run `rustc`")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

fn folder() -> PathBuf {
    Path::new(&Repo::root()).join("fuzz")
}
