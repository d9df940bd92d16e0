//! A server behind a pipe: one message a line.

use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{Escaped, Limits};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use super::{ASIDES_MAX, Answered, Launch, Talk, answer_of};
use crate::children;

/// Lines that wait to be looked at; a server that says more has to wait.
const WAITING_MAX: usize = 64;
/// How much of what a server complains about is kept.
const COMPLAINT_BYTES_MAX: usize = 2 << 10;
/// How long a server has to end by itself once nobody talks to it.
const PARTING: Duration = Duration::from_millis(500);
/// Nobody here knows such a method.
const METHOD_UNKNOWN: i64 = -32601;

/// A running server. It ends, and all that it started, when this does.
pub(super) struct PipeTalk {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Heard>,
    complaints: Receiver<String>,
    deadline: Instant,
    line_bytes_max: usize,
    last_id: u64,
}

/// What came through the pipe.
enum Heard {
    Line(String),
    TooLong,
    NotText,
}

impl PipeTalk {
    pub(super) fn start(
        launch: &Launch,
        patience: Duration,
        limits: &Limits,
    ) -> Result<Self, String> {
        let program = launch.command.first().ok_or("its command is empty")?;
        let cannot = |e: io::Error| format!("`{}` cannot be started: {e}", Escaped(program));
        let folder = launch.folder.as_deref();
        let mut command = children::command(&launch.command, folder).map_err(cannot)?;
        command.envs(&launch.variables).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(cannot)?;
        let (lines, heard) = sync_channel(WAITING_MAX);
        let (complaints, complained) = sync_channel(1);
        let line_bytes_max = limits.lock_bytes_max;
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            thread::spawn(move || hear(out, &lines, line_bytes_max));
            thread::spawn(move || {
                let _ = complaints.send(last_bytes(err));
            });
        }
        Ok(Self {
            input: child.stdin.take(),
            child,
            lines: heard,
            complaints: complained,
            deadline: Instant::now() + patience,
            line_bytes_max,
            last_id: 0,
        })
    }

    fn send(&mut self, message: &Value) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Err(io::ErrorKind::BrokenPipe.into()) };
        writeln!(input, "{message}").and_then(|()| input.flush())
    }

    /// A question of the server's own: a list of tools can be had without an answer to it.
    fn decline(&mut self, message: &Value) -> Result<(), String> {
        let Some(id) = message.get("id") else { return Ok(()) };
        let answer = match message.get("method").and_then(Value::as_str) {
            Some("ping") => json!({ "jsonrpc": "2.0", "id": id, "result": {} }),
            _ => json!({ "jsonrpc": "2.0", "id": id, "error": {
                "code": METHOD_UNKNOWN, "message": "only asked for its tools",
            }}),
        };
        self.send(&answer).map_err(|why| told(&why, "a question of its own"))
    }

    /// The next message; nothing where a line is none.
    fn hear(&mut self, method: &str) -> Result<Option<Value>, String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(Heard::Line(line)) => {
                match json::parse(line.as_bytes(), self.line_bytes_max, DEPTH_CEILING) {
                    Ok(message) => Ok(Some(message)),
                    // Some print a word for people before they begin.
                    Err(_) if !line.trim_start().starts_with('{') => Ok(None),
                    Err(why) => Err(format!("its answer to `{method}` cannot be read: {why}")),
                }
            }
            Ok(Heard::TooLong) => Err(format!(
                "its answer to `{method}` is longer than `lock_bytes_max` allows ({})",
                self.line_bytes_max
            )),
            Ok(Heard::NotText) => Err(format!("its answer to `{method}` is not UTF-8")),
            Err(RecvTimeoutError::Timeout) => Err(format!("it did not answer `{method}` in time")),
            Err(RecvTimeoutError::Disconnected) => Err(ended(method)),
        }
    }

    /// Hangs up, waits a moment, and ends whatever is left.
    fn end(&mut self) {
        if self.input.take().is_none() {
            return;
        }
        let parting = Instant::now() + PARTING;
        while self.lines.recv_timeout(parting.saturating_duration_since(Instant::now())).is_ok() {}
        // The group lives as long as its first process is not waited for, so no other can be hit.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Talk for PipeTalk {
    fn request(&mut self, method: &str, params: &Value) -> Result<Answered, String> {
        self.last_id += 1;
        let id = self.last_id;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&message).map_err(|why| told(&why, method))?;
        for _ in 0..ASIDES_MAX {
            let Some(message) = self.hear(method)? else { continue };
            if message.get("method").is_some() {
                self.decline(&message)?;
                continue;
            }
            if message.get("id") != Some(&json!(id)) {
                continue;
            }
            if let Some(answer) = answer_of(message) {
                return Ok(answer);
            }
        }
        Err(format!("it says {ASIDES_MAX} other things before it answers `{method}`"))
    }

    fn notify(&mut self, method: &str) -> Result<(), String> {
        let message = json!({ "jsonrpc": "2.0", "method": method });
        self.send(&message).map_err(|why| told(&why, method))
    }

    fn ungreeted(&mut self, _version: &'static str) {
        // What is said in each message is all that a pipe carries.
    }

    fn last_words(&mut self) -> String {
        self.end();
        let said = self.complaints.recv_timeout(PARTING).unwrap_or_default();
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let last: String = last.trim().chars().take(200).collect();
        if last.is_empty() { last } else { format!("; it said `{}`", Escaped(&last)) }
    }
}

impl Drop for PipeTalk {
    fn drop(&mut self) {
        self.end();
    }
}

fn ended(method: &str) -> String {
    format!("it ended before it answered `{method}`")
}

/// Why something could not be said: mostly, because nobody is there any more.
fn told(why: &io::Error, method: &str) -> String {
    match why.kind() {
        io::ErrorKind::BrokenPipe => ended(method),
        _ => format!("it could not be told `{method}`: {why}"),
    }
}

/// Passes lines on until the pipe or the listener is gone.
fn hear(out: impl Read, lines: &SyncSender<Heard>, line_bytes_max: usize) {
    let mut out = BufReader::new(out);
    let longest = u64::try_from(line_bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    loop {
        let mut line = Vec::new();
        match out.by_ref().take(longest).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let heard = match line.len() > line_bytes_max {
            true => Heard::TooLong,
            false => String::from_utf8(line).map_or(Heard::NotText, Heard::Line),
        };
        let over = matches!(heard, Heard::TooLong);
        if lines.send(heard).is_err() || over {
            return;
        }
    }
}

/// The end of what is said, as text.
fn last_bytes(mut err: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; 1024]);
    while let Ok(count @ 1..) = err.read(&mut buffer) {
        kept.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let over = kept.len().saturating_sub(COMPLAINT_BYTES_MAX);
        kept.drain(..over);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
