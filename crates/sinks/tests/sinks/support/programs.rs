//! Real receivers, where they are installed.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that runs until it is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it; nothing, and a loud word, where it is not installed.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Option<Self> {
        let spawned = Command::new(path_of(program))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(child) => Some(Self(child)),
            Err(error) => {
                eprintln!(
                    "SKIPPED: `{program}` cannot be started ({error}); `cargo xtask test` installs it"
                );
                None
            }
        }
    }
}

/// Where a program is: the one that `cargo xtask test` has unpacked, or the one that is installed.
fn path_of(program: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../servers/bin").join(program);
    if unpacked.exists() { unpacked } else { program.into() }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens.
pub(crate) fn await_port(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    wait_for(&format!("somebody on port {port}"), || TcpStream::connect(address).is_ok());
}

/// Waits until a file has so many lines, and hands them over.
pub(crate) fn await_lines(path: &Path, lines: usize) -> Vec<String> {
    let read = || std::fs::read_to_string(path).unwrap_or_default();
    let what = format!("{lines} lines in {}", path.display());
    wait_for(&what, || read().lines().count() >= lines);
    read().lines().map(str::to_owned).collect()
}

fn wait_for(what: &str, mut is_there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
        // waits: another process says in no other way that it is ready
        std::thread::sleep(Duration::from_millis(20));
    }
}
