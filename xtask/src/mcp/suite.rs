//! The official conformance suite, run twice: directly, and with the gateway in between. Both runs
//! must find the same, check for check.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::checks::Checks;
use super::packages::Node;
use super::running::{Gateway, Running};
use super::sources;
use crate::binary;
use crate::steps::Tally;

/// The revisions whose requirements are run.
const REVISIONS: [&str; 2] = ["2025-11-25", "2026-07-28"];

/// What a client has to do; the scenarios of a client's own authorization are left out, since a
/// gateway never hands a client's credentials on.
const CLIENT_SCENARIOS: [(&str, &[&str]); 2] = [
    (
        "2025-11-25",
        &["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
    ),
    (
        "2026-07-28",
        &[
            "tools_call",
            "request-metadata",
            "sep-2322-client-request-state",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
        ],
    ),
];

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
    for (revision, scenarios) in CLIENT_SCENARIOS {
        let run = |way: &str, script: &str| -> Result<Checks> {
            let results = fresh(&node.folder().join("clients").join(way).join(revision))?;
            for scenario in scenarios {
                let client = [node.program(), node.folder().join(script)];
                let client = client.map(|path| path.to_string_lossy().into_owned()).join(" ");
                let mut suite = node.suite();
                suite.args(["client", "--scenario", scenario, "--spec-version", revision]);
                suite.args(["--command", &client, "--output-dir"]).arg(&results);
                suite.env("BAKERST", binary::path()).env("CONFIG", sources().join("bakerst.yaml"));
                finish(&mut suite, &results).with_context(|| format!("{scenario}, {way}"))?;
            }
            Checks::read(&results)
        };
        let direct = run("direct", "client.mjs")?;
        direct.ensure_same(&run("through", "through.mjs")?)?;
        println!("{revision}: {} checks passed, the same through the gateway", direct.passed());
        tally.passed += direct.passed();
    }
    Ok(())
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
