//! A server behind pipes, wrapped and bare: one call after the other.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{call_message, upstream};
use crate::bench::load::{Added, histogram, nanos};
use crate::bench::server::own_command;

/// Calls the server by itself and behind the wrapper in turn. `state` is that of the running
/// Baker Street.
pub(super) fn compare(state: &Path, rounds: u32, how_long: Duration) -> io::Result<Added> {
    let bare = upstream::command("pipes")?;
    let mut wrapped = own_command()?;
    wrapped.args(["mcp", "--name", "mock", "--state"]).arg(state);
    wrapped.arg("--master-key").arg(state.with_extension("key"));
    wrapped.arg("--").arg(bare.get_program()).args(bare.get_args());
    let (mut wrapped, mut bare) = (Talk::start(wrapped)?, Talk::start(bare)?);
    let mut added = Added::new()?;
    for talk in [&mut wrapped, &mut bare] {
        talk.call_for(how_long / 3)?;
    }
    for _ in 0..rounds {
        added.take(&wrapped.call_for(how_long)?, &bare.call_for(how_long)?)?;
    }
    Ok(added)
}

/// A server that is spoken to by its pipes.
struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Talk {
    fn start(mut command: Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            input: child.stdin.take(),
            child,
            output: BufReader::new(output),
            line: String::new(),
        })
    }

    fn call_for(&mut self, how_long: Duration) -> io::Result<Histogram<u64>> {
        let (message, mut latencies) = (call_message() + "\n", histogram()?);
        let until = Instant::now() + how_long;
        while Instant::now() < until {
            let began = Instant::now();
            let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
            input.write_all(message.as_bytes())?;
            self.line.clear();
            self.output.read_line(&mut self.line)?;
            latencies.saturating_record(nanos(began.elapsed()));
            if !self.line.contains(upstream::ANSWERED) {
                return Err(io::Error::other(format!("refused: {}", self.line)));
            }
        }
        Ok(latencies)
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // The end of its input ends it, and a wrapper then ends its server.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
