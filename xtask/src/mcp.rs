//! The MCP door and the programs of others: the official conformance suite, with the gateway before
//! its server and behind its client; and servers and clients that people use.

mod checks;
mod everyday;
mod packages;
mod running;
mod scenarios;
mod suite;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::binary;
use crate::repo::Repo;
use crate::steps::{Step, Steps, Tally};
use packages::{Node, Python};

/// Takes all steps by themselves.
pub(crate) fn run() -> ExitCode {
    let mut steps = Steps::default();
    test(&mut steps);
    if steps.conclude() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Takes all steps; those whose packages cannot be had are skipped by name.
pub(crate) fn test(steps: &mut Steps) {
    let node = Node::install();
    for (name, step) in NODE_STEPS {
        steps.take(name, |tally| match &node {
            _ if !binary::path().exists() => Ok(Step::Skipped("there is no binary".to_owned())),
            Ok(node) => step(node, tally).map(|()| Step::Done),
            Err(why) => Ok(Step::Skipped(format!("{why:#}"))),
        });
    }
    let name = "MCP: a client of the official Python SDK, before a server and through the gateway";
    steps.take(name, |tally| {
        let python = Python::install();
        match (&node, &python) {
            _ if !binary::path().exists() => Ok(Step::Skipped("there is no binary".to_owned())),
            (Ok(node), Ok(python)) => everyday::python(node, python, tally).map(|()| Step::Done),
            (Err(why), _) | (_, Err(why)) => Ok(Step::Skipped(format!("{why:#}"))),
        }
    });
}

type NodeStep = fn(&Node, &mut Tally) -> Result<()>;

const NODE_STEPS: [(&str, NodeStep); 8] = [
    ("MCP: conformance suite against a server, direct and through the gateway", suite::servers),
    ("MCP: conformance suite against a client, direct and through the gateway", suite::clients),
    ("MCP: server-everything and server-filesystem, bare and wrapped", everyday::wrapped),
    ("MCP: the same, started by a client and by the gateway", everyday::started),
    (
        "MCP: server-everything behind two addresses, bare and through the gateway",
        everyday::listened_to,
    ),
    (
        "MCP: a client of the official TypeScript SDK, before a server and through the gateway",
        everyday::typescript,
    ),
    (
        "MCP: a client of the official TypeScript SDK, and servers of other revisions than its own",
        everyday::across,
    ),
    ("MCP: a client of rmcp, before a server and through the gateway", everyday::rmcp),
];

/// Where scripts, fixtures and configurations of these steps are.
fn sources() -> PathBuf {
    Repo::root().join("xtask").join("conformance")
}

/// Where packages are installed and results are kept.
fn workshop() -> Result<PathBuf> {
    let binary = binary::path();
    let target = binary.ancestors().nth(2).context("the binary lies nowhere")?;
    Ok(target.join("mcp"))
}
