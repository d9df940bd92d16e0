//! A server as a child process: with a group of its own, so that what it starts ends with it.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Exit;

/// How long a server has to end by itself once nobody speaks to it any more, and once more after
/// it was asked to.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server that runs.
pub(super) struct Server {
    child: Child,
    group: Option<Pid>,
}

impl Server {
    /// Starts a program. What it prints beside its messages goes where ours goes.
    pub(super) fn start(command: &[String]) -> io::Result<Self> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, group })
    }

    /// Where it listens; once.
    pub(super) fn input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Where it speaks; once.
    pub(super) fn output(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Ends once it has.
    pub(super) async fn ended(&mut self) {
        self.child.wait().await.ok();
    }

    /// How we end, given how it ended.
    pub(super) fn exit(&mut self) -> Exit {
        match self.child.try_wait() {
            Ok(Some(status)) if !status.success() => Exit::Environment,
            _ => Exit::Ok,
        }
    }

    /// Waits until it has ended by itself; asks it to; ends it, and all that it has started.
    pub(super) async fn stop(mut self) {
        for signal in [Signal::TERM, Signal::KILL] {
            if tokio::time::timeout(PATIENCE, self.child.wait()).await.is_ok() {
                break;
            }
            self.tell(signal);
        }
        // Children of its own may have outlived it.
        self.tell(Signal::KILL);
        self.child.wait().await.ok();
    }

    fn tell(&self, signal: Signal) {
        if let Some(group) = self.group {
            // A group that is gone needs nothing more.
            kill_process_group(group, signal).ok();
        }
    }
}

/// Ends once somebody wants us to stop.
pub(super) async fn told_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
