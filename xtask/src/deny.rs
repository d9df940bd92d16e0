//! `cargo deny`: licences, bans, sources, and advisories where they can be had.

use std::process::Stdio;

use anyhow::Result;

use crate::command::{cargo, is_there, run};
use crate::steps::Step;

const INSTALL: [&str; 3] = ["install", "cargo-deny", "--locked"];

/// Holds the dependencies against `deny.toml`.
///
/// # Errors
/// When one of them is not allowed.
pub(crate) fn check() -> Result<Step> {
    if let Some(why) = missing() {
        return Ok(Step::Skipped(why));
    }
    let check = ["deny", "--all-features", "check", "--hide-inclusion-graph"];
    let mut check = cargo(&check);
    check.args(["licenses", "bans", "sources"]);
    run(check, |_| {})?;
    Ok(Step::Done)
}

/// Holds the dependencies against the database of advisories, where it can be reached.
///
/// # Errors
/// When one of them has a known vulnerability, or was withdrawn.
pub(crate) fn advisories() -> Result<Step> {
    if !is_there("cargo-deny", &["--version"]) {
        return Ok(Step::Skipped("cargo-deny is not there".to_owned()));
    }
    let mut fetch = cargo(&["deny", "fetch", "db"]);
    fetch.stdout(Stdio::null()).stderr(Stdio::null());
    if !fetch.status()?.success() {
        return Ok(Step::Skipped("the advisory database cannot be reached".to_owned()));
    }
    run(cargo(&["deny", "--all-features", "check", "--disable-fetch", "advisories"]), |_| {})?;
    Ok(Step::Done)
}

/// Why there is no cargo-deny. CI installs it; on a person's machine nothing is installed unasked.
fn missing() -> Option<String> {
    if is_there("cargo-deny", &["--version"]) {
        return None;
    }
    if std::env::var_os("CI").is_none() {
        return Some(format!("cargo-deny is not there: `cargo {}`", INSTALL.join(" ")));
    }
    let installed = run(cargo(&INSTALL), |_| {});
    installed.err().map(|error| format!("cargo-deny cannot be installed: {error:#}"))
}
