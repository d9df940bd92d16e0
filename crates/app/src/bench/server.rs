//! Servers that the benches of doors compare: this binary guarding, and this binary answering yes
//! to everything.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use bakerst_gateway::{Listeners, bind_socket, serve_noop};
use bakerst_model::{Code, Limits};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::load::Target;
use crate::cli::DurabilityArg;
use crate::failure::{Exit, Failure, Outcome};
use crate::print;

/// A child that ends with its holder.
pub(super) struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `up --json` prints once it serves.
#[derive(Deserialize)]
struct Up {
    address: SocketAddr,
    socket: PathBuf,
    token: Option<String>,
}

/// `bakerst up`, in a state folder of its own.
pub(super) struct Guarded {
    pub(super) tcp: Target,
    pub(super) unix: Target,
    pub(super) token: String,
    /// From the start of the process until it said that it serves.
    pub(super) ready_ms: f64,
    server: Server,
}

impl Guarded {
    /// Starts it twice: the second start, with the state folder there, is the one that is timed.
    pub(super) fn start(state: &Path, durability: DurabilityArg) -> io::Result<Self> {
        Self::start_with(state, durability, "")
    }

    /// The same with more in its configuration.
    pub(super) fn start_with(
        state: &Path,
        durability: DurabilityArg,
        more: &str,
    ) -> io::Result<Self> {
        let first = Self::start_once(state, durability, more)?;
        let token = first.token.clone();
        drop(first);
        Ok(Self { token, ..Self::start_once(state, durability, more)? })
    }

    fn start_once(state: &Path, durability: DurabilityArg, more: &str) -> io::Result<Self> {
        let durability = match durability {
            DurabilityArg::Strict => "strict",
            DurabilityArg::Batched => "batched",
        };
        let config = state.with_extension("yaml");
        fs::write(&config, [CONFIG, more].concat())?;
        let mut command = own_command()?;
        command.args(["up", "--json", "--listen", "127.0.0.1:0", "--durability", durability]);
        command.arg("--config").arg(config).arg("--state").arg(state);
        command.arg("--master-key").arg(state.with_extension("key"));
        let began = Instant::now();
        let (server, line) = start(command)?;
        let ready_ms = began.elapsed().as_secs_f64() * 1000.0;
        let Up { address, socket, token } = serde_json::from_str(&line)?;
        let (tcp, unix) = (Target::Tcp(address), Target::Unix(socket));
        let token = token.unwrap_or_default();
        Ok(Self { tcp, unix, token, ready_ms, server })
    }

    /// Which process it is.
    pub(super) fn pid(&self) -> u32 {
        self.server.0.id()
    }

    /// Memory that is in use right now.
    pub(super) fn resident_mb(&self) -> io::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.0.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = kib.and_then(|kib| kib.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
    }
}

/// The built-in guardrails over one tool that takes arguments of any length.
const CONFIG: &str = "\
tools:
  timezone_lookup:
    risk: read
    schema: { type: object, properties: { city: { type: string, maxLength: 10000 } }, required: [city] }
";

/// The same server, answering yes to everything.
pub(super) struct Baseline {
    pub(super) tcp: Target,
    pub(super) unix: Target,
    _server: Server,
}

impl Baseline {
    pub(super) fn start(socket: &Path) -> io::Result<Self> {
        let mut command = own_command()?;
        command.args(["bench", "hook", "--serve-baseline"]).arg(socket);
        let (server, line) = start(command)?;
        let address: SocketAddr = line.trim().parse().map_err(io::Error::other)?;
        Ok(Self {
            tcp: Target::Tcp(address),
            unix: Target::Unix(socket.to_owned()),
            _server: server,
        })
    }
}

pub(super) fn own_command() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}

/// Starts a server and waits for its first line.
pub(super) fn start(mut command: Command) -> io::Result<(Server, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take();
    let server = Server(child);
    let output = output.ok_or_else(|| io::Error::other("the server has no output"))?;
    let mut line = String::new();
    match BufReader::new(output).read_line(&mut line)? {
        0 => Err(io::Error::other("the server ended before it served")),
        _ => Ok((server, line)),
    }
}

/// Serves the baseline until it is killed.
pub(super) fn serve_baseline(socket: &Path) -> Outcome {
    let failed = |e: io::Error| Failure::environment(Code::AddressUnusable, e.to_string());
    crate::station::runtime()?.block_on(async {
        let tcp = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = tcp.local_addr().map_err(failed)?;
        let hook = Some(bind_socket(socket, 0o600).map_err(failed)?);
        let listeners = Listeners { tcp: vec![tcp], hook, ..Listeners::default() };
        print::line(address.to_string());
        let forever = std::future::pending();
        serve_noop(listeners, Limits::default(), forever).await.map_err(failed)
    })?;
    Ok(Exit::Ok)
}
