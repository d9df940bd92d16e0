//! Programs that tests talk to, from Debian's packages.

mod unpacked;

use std::process::Command;

use anyhow::Result;

use crate::command::{command, is_there, run};
use crate::steps::{Step, Steps};

/// A program that some test or check needs.
struct Server {
    /// The program.
    program: &'static str,
    /// What shows that it is there.
    probe: &'static [&'static str],
    /// The package that brings it.
    package: &'static str,
    /// What needs it.
    used_by: &'static str,
}

const SERVERS: &[Server] = &[
    Server { program: "c++", probe: &["--version"], package: "g++", used_by: "the fuzz targets" },
    Server {
        program: "nats-server",
        probe: &["--version"],
        package: "nats-server",
        used_by: "the tests of the sink `nats`",
    },
    Server {
        program: "rsyslogd",
        probe: &["-v"],
        package: "rsyslog",
        used_by: "the tests of the sink `syslog`",
    },
    // A module of the above, without a program of its own.
    Server {
        program: "dpkg",
        probe: &["--status", "rsyslog-gnutls"],
        package: "rsyslog-gnutls",
        used_by: "the tests of the sink `syslog` over TLS",
    },
];

/// Brings those that are not there, a step each; where that is not possible, it says so.
pub(crate) fn install(steps: &mut Steps) {
    for Server { program, probe, package, used_by } in SERVERS {
        if !is_there(program, probe) {
            let name = format!("install `{package}`, which {used_by} need");
            steps.take(&name, |_| install_package(package));
        }
    }
    if !unpacked::is_there() {
        steps.take(unpacked::STEP, |_| unpacked::bring());
    }
}

fn install_package(package: &str) -> Result<Step> {
    if !is_there("apt-get", &["--version"]) {
        return Ok(Step::Skipped("there is no `apt-get`".to_owned()));
    }
    if !is_root() {
        return Ok(Step::Skipped(format!("not root: `apt-get install {package}`")));
    }
    update()?;
    run(apt(&["install", "-q", "-y", "--no-install-recommends", package]), |_| {})?;
    Ok(Step::Done)
}

fn update() -> Result<()> {
    run(apt(&["update", "-q"]), |_| {})
}

fn apt(arguments: &[&str]) -> Command {
    let mut apt = command("apt-get", arguments);
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt
}

fn is_root() -> bool {
    let told = command("id", &["-u"]).output();
    told.is_ok_and(|told| told.stdout.trim_ascii() == b"0")
}
