//! Programs that run beside a step, and end with it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::packages::Node;
use super::sources;
use crate::binary;
use crate::command::command;

/// How long a program may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);

/// A program that has said its first line.
pub(super) struct Running {
    child: Child,
    /// What it said.
    pub(super) line: String,
}

impl Running {
    /// Starts a program and waits for its first line.
    pub(super) fn start(mut line: Command) -> Result<Self> {
        let mut child = line.stdout(Stdio::piped()).spawn().context("cannot start a program")?;
        let output = child.stdout.take().context("a program without an output")?;
        let mut running = Self { child, line: String::new() };
        BufReader::new(output).read_line(&mut running.line)?;
        ensure!(!running.line.is_empty(), "a program ended before it was ready");
        running.line.truncate(running.line.trim_end().len());
        Ok(running)
    }

    /// Starts a program that says nothing and listens at a port of this machine, and waits until it
    /// does.
    pub(super) fn listening(mut line: Command, port: u16) -> Result<Self> {
        let child = line.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.context("cannot start a program")?;
        let mut running = Self { child, line: String::new() };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(running.child.try_wait()?.is_none(), "a program ended before it listened");
            ensure!(began.elapsed() < LISTENS_WITHIN, "a program does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gateway with one server behind it.
pub(super) struct Gateway {
    /// Where the server is reached through it.
    pub(super) url: String,
    /// What it wants to see.
    pub(super) token: String,
    /// Where it keeps its state.
    pub(super) state: PathBuf,
    _running: Running,
}

impl Gateway {
    /// Starts one from nothing, before the server at this address.
    pub(super) fn before(node: &Node, url: &str, name: &str) -> Result<Self> {
        Self::with(node, &json!({ "url": url }), name)
    }

    /// Starts one from nothing, with this server as it stands in a configuration.
    pub(super) fn with(node: &Node, server: &Value, name: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Up {
            address: String,
            token: String,
        }
        let folder = node.folder().join("gateways").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let config = fs::read_to_string(sources().join("bakerst.yaml"))?;
        let (place, state) = (folder.join("bakerst.yaml"), folder.join("state"));
        fs::write(&place, config.replace("@SERVER@", &server.to_string()))?;
        let mut up = command(binary::path(), &["up", "--json", "--listen", "127.0.0.1:0"]);
        up.arg("--config").arg(place).arg("--state").arg(&state);
        up.arg("--master-key").arg(folder.join("key"));
        let running = Running::start(up)?;
        let Up { address, token } = serde_json::from_str(&running.line)?;
        let url = format!("http://{address}/mcp/suite");
        Ok(Self { url, token, state, _running: running })
    }
}
