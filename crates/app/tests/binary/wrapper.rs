//! `bakerst mcp -- PROGRAM`: the server behind the wrapper, from its start to its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{ANSWERING, Home, Server, running};

struct Wrapped {
    home: Home,
    _server: Server,
}

impl Wrapped {
    fn new() -> Self {
        let home = Home::new();
        let server = home.up(&[]);
        Self { home, _server: server }
    }

    /// The wrapper around a shell script.
    fn around(&self, script: &str) -> Command {
        let mut wrapper = Command::new(crate::support::BAKERST);
        wrapper.args(["mcp", "--name", "script", "--state"]).arg(self.home.state());
        wrapper.arg("--master-key").arg(self.home.path().join("master.key"));
        wrapper.args(["--", "/bin/sh", "-c", script]);
        self.home.isolate(&mut wrapper);
        wrapper.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        wrapper
    }
}

fn ask(child: &mut Child, message: &Value) -> Value {
    let input = child.stdin.as_mut().unwrap();
    writeln!(input, "{message}").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

#[test]
fn a_hundred_servers_leave_no_orphans() {
    let wrapped = Wrapped::new();
    let mark = format!("77{}", std::process::id());
    // Something of the server's own that would outlive it.
    let script = format!("sleep {mark} & {ANSWERING}");
    for _ in 0..100 {
        let mut child = wrapped.around(&script).spawn().unwrap();
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
        assert_eq!(ask(&mut child, &ping)["id"], 1);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    // What was killed last is still there until the machine gets round to it; what was forgotten
    // sleeps for days.
    let orphan = format!("sleep\0{mark}");
    let began = Instant::now();
    while running(&orphan) > 0 && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert_eq!(running(&orphan), 0);
}

#[test]
fn a_line_of_a_gibibyte_ends_the_server_and_not_the_machine() {
    let wrapped = Wrapped::new();
    let mut child = wrapped.around("head -c 1073741824 /dev/zero").spawn().unwrap();
    let output = child.stdout.take().unwrap();
    assert_eq!(BufReader::new(output).lines().count(), 0, "nothing of it reaches the client");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_client_that_uses_a_socket_is_served_like_one_with_pipes() {
    let wrapped = Wrapped::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut wrapper = wrapped.around(ANSWERING);
    wrapper.stdin(std::os::fd::OwnedFd::from(theirs.try_clone().unwrap()));
    wrapper.stdout(std::os::fd::OwnedFd::from(theirs));
    let mut child = wrapper.spawn().unwrap();
    drop(wrapper);
    writeln!(&ours, "{}", json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" })).unwrap();
    let mut line = String::new();
    BufReader::new(&ours).read_line(&mut line).unwrap();
    assert!(line.contains("\"id\":7"), "{line}");
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_client_that_reads_and_writes_files_is_served_like_one_with_pipes() {
    let wrapped = Wrapped::new();
    let (asked, answered) =
        (wrapped.home.path().join("asked"), wrapped.home.path().join("answered"));
    let lines = (1..=50)
        .map(|id| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string() + "\n");
    fs::write(&asked, lines.collect::<String>()).unwrap();
    let mut wrapper = wrapped.around(ANSWERING);
    wrapper.stdin(fs::File::open(&asked).unwrap()).stdout(fs::File::create(&answered).unwrap());
    assert!(wrapper.status().unwrap().success());
    assert_eq!(fs::read_to_string(&answered).unwrap().lines().count(), 50);
}
