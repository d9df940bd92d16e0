//! The official conformance suite, run twice: directly, and with the gateway in between. Both runs
//! must find the same, check for check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::checks::Checks;
use super::packages::Node;
use super::running::{Gateway, Running};
use super::scenarios::{self, Entry};
use super::sources;
use crate::binary;
use crate::steps::Tally;

/// The revisions whose requirements are run.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// Against a server that does all that the suite asks of one.
pub(super) fn servers(node: &Node, tally: &mut Tally) -> Result<()> {
    let server = Running::start(node.run("server.mjs"))?;
    let gateway = Gateway::before(node, &server.line, "suite")?;
    let mut forwarder = node.run("forwarder.mjs");
    forwarder.arg(&gateway.url).env("TOKEN", &gateway.token);
    let forwarder = Running::start(forwarder)?;
    let through = format!("http://127.0.0.1:{}/mcp", forwarder.line);
    for revision in REVISIONS {
        let run = |way: &str, url: &str| -> Result<Checks> {
            let results = fresh(&node.folder().join("results").join(way).join(revision))?;
            let mut suite = node.suite();
            suite.args(["server", "--url", url, "--requirements", revision, "--output-dir"]);
            finish(suite.arg(&results), &results)?;
            Checks::read(&results)
        };
        let direct = run("direct", &server.line)?;
        direct.ensure_same(&run("through", &through)?)?;
        println!("{revision}: {} checks passed, the same through the gateway", direct.passed());
        tally.passed += direct.passed();
    }
    Ok(())
}

/// Against a client that does all that the suite asks of one.
pub(super) fn clients(node: &Node, tally: &mut Tally) -> Result<()> {
    let listed =
        REVISIONS.map(|revision| Ok((revision, list(node, &["--requirements", revision])?)));
    let listed = listed.into_iter().collect::<Result<Vec<_>>>()?;
    let required: Vec<_> =
        listed.iter().map(|(revision, text)| (*revision, text.as_str())).collect();
    scenarios::ensure_all_are_known(&list(node, &[])?, &required)?;
    scenarios::tell_what_is_not_run();
    for (revision, entry, scenarios) in scenarios::clients() {
        let run = |way: &str, script: &str| -> Result<Checks> {
            let folder = format!("{revision} {entry:?}");
            let results = fresh(&node.folder().join("clients").join(way).join(folder))?;
            for scenario in scenarios {
                let mut suite = node.suite();
                suite.args(["client", "--scenario", scenario, "--spec-version", revision]);
                suite
                    .args(["--command", &client(node, entry, script), "--output-dir"])
                    .arg(&results);
                suite.env("BAKERST", binary::path()).env("CONFIG", sources().join("bakerst.yaml"));
                finish(&mut suite, &results).with_context(|| format!("{scenario}, {way}"))?;
            }
            Checks::read(&results)
        };
        let direct = run("direct", "client.mjs")?;
        direct.ensure_same(&run("through", "through.mjs")?)?;
        let (passed, how) = (
            direct.passed(),
            match entry {
                Entry::Open => "",
                Entry::Login => ", behind a login",
            },
        );
        println!("{revision}{how}: {passed} checks passed, the same through the gateway");
        tally.passed += passed;
    }
    Ok(())
}

/// The command by which the suite calls a client.
fn client(node: &Node, entry: Entry, script: &str) -> String {
    let place = |name: &str| node.folder().join(name).to_string_lossy().into_owned();
    let program = node.program().to_string_lossy().into_owned();
    match entry {
        Entry::Open => format!("{program} {}", place(script)),
        Entry::Login => format!("{program} {} {script}", place("login.mjs")),
    }
}

/// What the suite prints of its scenarios.
fn list(node: &Node, arguments: &[&str]) -> Result<String> {
    let listed = node.suite().arg("list").args(arguments).output();
    let listed = listed.context("the suite cannot be run")?;
    ensure!(listed.status.success(), "the suite lists nothing");
    Ok(String::from_utf8(listed.stdout)?)
}

/// A folder with nothing in it.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    Ok(folder.to_owned())
}

/// Runs the suite. What it says is shown only where it fails.
fn finish(suite: &mut Command, results: &Path) -> Result<()> {
    let said = suite.stdin(Stdio::null()).output().context("the suite cannot be run")?;
    if !said.status.success() {
        println!("{}", String::from_utf8_lossy(&said.stdout));
        println!("{}", String::from_utf8_lossy(&said.stderr));
    }
    ensure!(said.status.success(), "the suite fails, see `{}`", results.display());
    Ok(())
}
