//! Packages of others, of the npm registry and of PyPI, in exact versions.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{sources, workshop};
use crate::command::{command, is_there, run};

/// What is installed from npm. The suite needs a newer Node than most machines have.
const NPM: [&str; 5] = [
    "node@22.23.3",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/conformance@0.2.0-alpha.12",
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
];
/// And from PyPI.
const PIP: &str = "mcp==2.3.0";

/// A Node with the packages and our scripts beside them.
pub(super) struct Node {
    folder: PathBuf,
}

impl Node {
    /// Installs the packages, unless they are there.
    ///
    /// # Errors
    /// When there is no npm, or it cannot reach its registry.
    pub(super) fn install() -> Result<Self> {
        let folder = workshop()?;
        fs::create_dir_all(&folder).context("cannot make the folder of the packages")?;
        let installed = folder.join("installed");
        let wanted = NPM.join("\n");
        if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
            return Self { folder }.with_scripts();
        }
        ensure!(is_there("npm", &["--version"]), "there is no `npm`");
        fs::write(folder.join("package.json"), "{\"private\":true,\"type\":\"module\"}")?;
        let mut install = command("npm", &["install", "--no-audit", "--no-fund", "--save-exact"]);
        install.args(NPM).current_dir(&folder);
        run(install, |_| {}).context("npm cannot install the packages")?;
        fs::write(installed, wanted)?;
        Self { folder }.with_scripts()
    }

    /// Copies our scripts to where they find the packages.
    fn with_scripts(self) -> Result<Self> {
        for entry in fs::read_dir(sources())? {
            let from = entry?.path();
            if let (true, Some(name)) = (from.is_file(), from.file_name()) {
                fs::copy(&from, self.folder.join(name))?;
            }
        }
        let version = self.run("--version").output().context("the installed Node does not run")?;
        ensure!(version.stdout.starts_with(b"v22."), "the installed Node is not Node 22");
        Ok(self)
    }

    /// Where it all is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program.
    pub(super) fn program(&self) -> PathBuf {
        self.folder.join("node_modules/.bin/node")
    }

    /// A script, run by this Node.
    pub(super) fn run(&self, script: impl AsRef<OsStr>) -> Command {
        let mut line = command(self.program(), &[]);
        line.arg(script).current_dir(&self.folder);
        line
    }

    /// The suite.
    pub(super) fn suite(&self) -> Command {
        self.run("node_modules/@modelcontextprotocol/conformance/dist/index.js")
    }
}

/// A Python with the official SDK.
pub(super) struct Python {
    program: PathBuf,
}

impl Python {
    /// Makes an environment and installs the SDK, unless it is there.
    ///
    /// # Errors
    /// When there is no Python, or pip cannot reach its registry.
    pub(super) fn install() -> Result<Self> {
        let folder = workshop()?.join("python");
        let (program, installed) = (folder.join("bin/python"), folder.join("installed"));
        if fs::read_to_string(&installed).is_ok_and(|there| there == PIP) {
            return Ok(Self { program });
        }
        ensure!(
            is_there("python3", &["-m", "venv", "--help"]),
            "there is no `python3` with `venv`"
        );
        let folder_text = folder.to_string_lossy();
        run(command("python3", &["-m", "venv", "--clear", &folder_text]), |_| {})?;
        let install = command(&program, &["-m", "pip", "install", "--quiet", PIP]);
        run(install, |_| {}).context("pip cannot install the SDK")?;
        fs::write(installed, PIP)?;
        Ok(Self { program })
    }

    /// A script, run by this Python.
    pub(super) fn run(&self, script: impl AsRef<OsStr>) -> Command {
        let mut line = command(&self.program, &[]);
        line.arg(script);
        line
    }
}
