//! The real binary, started and spoken to as a stranger would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub(crate) const BAKERST: &str = env!("CARGO_BIN_EXE_bakerst");

/// A server that answers whatever it is asked with an empty result.
pub(crate) const ANSWERING: &str = r#"while read -r line; do
    id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
    printf '{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}\n' "$id"
done"#;

/// How many processes run that have this word on their command line.
pub(crate) fn running(word: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(word)).count()
}

/// A folder with everything that one installation keeps.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Writes a configuration and names it.
    pub(crate) fn config(&self, text: &str) -> PathBuf {
        let path = self.path().join("bakerst.yaml");
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(BAKERST);
        command.args(args).arg("--state").arg(self.state());
        command.arg("--master-key").arg(self.path().join("master.key"));
        self.isolate(&mut command);
        command
    }

    /// Nothing of the machine's own configuration reaches the binary.
    pub(crate) fn isolate(&self, command: &mut Command) {
        command.env_clear().env("HOME", self.path()).env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null());
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn up(&self, args: &[&str]) -> Server {
        let listen = ["up", "--json", "--listen", "127.0.0.1:0"];
        Server::start(self.command(&[&listen, args].concat()))
    }
}

/// Standard output, as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Exit code and the stable code in standard error, as in `2 CFG-003`.
pub(crate) fn failure(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let code = text.split_whitespace().nth(1).unwrap_or_default();
    format!("{} {code}", output.status.code().unwrap_or(-1))
}

/// A running `bakerst up`.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) socket: PathBuf,
    /// The agent's token, on the first start.
    pub(crate) token: String,
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("the server did not start: {said}");
        }
        let up: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| up[name].as_str().unwrap_or_default().to_owned();
        Self {
            child,
            address: text("address").parse().unwrap(),
            socket: text("socket").into(),
            token: text("token"),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn before(&self, body: &Value) -> Answer {
        self.before_as(&self.token, "", body)
    }

    pub(crate) fn before_as(&self, token: &str, query: &str, body: &Value) -> Answer {
        self.post(&format!("/v1/guard/before{query}"), token, &body.to_string())
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &str) -> Answer {
        let stream = TcpStream::connect(self.address).unwrap();
        exchange(stream, &request("POST", path, token, body))
    }

    /// Sends a message to a server behind the MCP door.
    pub(crate) fn mcp(&self, name: &str, headers: &str, body: &str) -> Answer {
        self.speak(&format!("POST /mcp/{name}"), headers, body)
    }

    /// Ends a session with one, and says with which status.
    pub(crate) fn mcp_end(&self, name: &str, session: &str) -> u16 {
        let session = format!("mcp-session-id: {session}\r\n");
        self.speak(&format!("DELETE /mcp/{name}"), &session, "").status
    }

    fn speak(&self, line: &str, headers: &str, body: &str) -> Answer {
        let (method, path) = line.split_once(' ').unwrap();
        let stream = TcpStream::connect(self.address).unwrap();
        let plain = request(method, path, &self.token, body);
        exchange(stream, &plain.replacen("\r\n", &format!("\r\n{headers}"), 1))
    }

    pub(crate) fn post_over_socket(&self, path: &str, token: &str, body: &str) -> Answer {
        let stream = UnixStream::connect(&self.socket).unwrap();
        exchange(stream, &request("POST", path, token, body))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_as(path, "")
    }

    pub(crate) fn get_as(&self, path: &str, token: &str) -> Answer {
        let stream = TcpStream::connect(self.address).unwrap();
        exchange(stream, &request("GET", path, token, ""))
    }

    /// A page that is no JSON.
    pub(crate) fn get_text(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request("GET", path, "", "").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    /// Ends it as a power cut would end the process.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The next line that it says on standard error.
    pub(crate) fn said(&mut self) -> impl Iterator<Item = String> + use<> {
        let lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        lines.map(|line| line.unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(there, _)| there.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Status, action and code, as in `200 approve GRD-000`.
    pub(crate) fn brief(&self) -> String {
        let text = |name: &str| self.body[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", self.status, text("action"), text("code"))
    }
}

fn request(method: &str, path: &str, token: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn exchange(mut stream: impl Read + Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}"));
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let head = head.to_owned();
    Answer { status, head, body: serde_json::from_str(body).unwrap_or(Value::Null) }
}
