//! `cargo xtask test`: every check and test but the long ones.
//!
//! Nothing is skipped in silence: what cannot be done here is named with the reason. The last line
//! sums up all test runs, `N passed, N failed, N skipped`; a step that fails counts as a failure.

use std::process::{Command, ExitCode};

use crate::command::{cargo, is_there};
use crate::steps::{Step, Steps};
use crate::{binary, crash, deny, fuzz, mcp, rules, servers, tamper};

/// How long each fuzz target runs here; `cargo xtask soak fuzz` takes its time.
const FUZZ_SECONDS: u64 = 10;

/// How often a writer of the log is killed here, and how often a log is edited; `cargo xtask soak`
/// does both for long.
const CRASH_RUNS: u64 = 40;
const TAMPER_EDITS: u64 = 1000;

/// Runs it all.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::default();
    steps.take("rules of the repository", |_| rules::run().map(|()| Step::Done));
    steps.command(
        "format: cargo fmt",
        cargo(&["fmt", "--all", "--check", "--", "--color", "never"]),
    );
    steps.command("format: cargo fmt of the fuzz targets", fuzz::format_check());
    servers::install(&mut steps);
    let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--keep-going"]);
    clippy.args(["--", "-D", "warnings"]);
    steps.command("lints: cargo clippy", clippy);
    steps.command("tests", tests());
    steps.command("tests of the optional transformer", transformer());
    steps.command("doc-tests", cargo(&["test", "--doc", "--workspace"]));
    let mut doc = cargo(&["doc", "--no-deps", "--workspace", "--keep-going"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("docs: cargo doc", doc);
    steps.take("release binary: build and size", |_| binary::build());
    steps.take("release binary: bakerst demo", |_| binary::demo());
    mcp::test(&mut steps);
    steps.take(&format!("crash harness, {CRASH_RUNS} runs"), |_| {
        crash::run(CRASH_RUNS, 1).map(|()| Step::Done)
    });
    steps.take(&format!("tamper drill, {TAMPER_EDITS} edits"), |_| {
        tamper::run(TAMPER_EDITS, 1).map(|()| Step::Done)
    });
    for target in fuzz::TARGETS {
        steps.take(&format!("fuzz, {FUZZ_SECONDS} s: {target}"), |_| {
            fuzz::run_target(target, FUZZ_SECONDS)
        });
    }
    steps.take("dependencies: cargo deny check licenses bans sources", |_| deny::check());
    steps.take("dependencies: cargo deny check advisories", |_| deny::advisories());
    if steps.conclude() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The one part that is not in a usual build, with the runtime that it brings.
fn transformer() -> Command {
    let mut line = cargo(&["test", "-p", "bakerst-detect", "-p", "bakerst-guard"]);
    line.args(["--features", "bakerst-guard/transformer", "--lib", "--test", "transformer"]);
    line.args(["transformer"]);
    line
}

/// The tests, by nextest where it is there: it runs crates side by side and names slow tests.
fn tests() -> Command {
    if is_there("cargo-nextest", &["nextest", "--version"]) {
        return cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]);
    }
    cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
}
