//! Programs of others that we start.
//!
//! Each has a minder: a process of ours between it and us (`commands/mind.rs`). The minder ends the
//! program, and all that it has started, once the program has ended, once it is told to, and once
//! we are gone, however that came about.

mod complaints;
mod program;

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};

pub(crate) use program::{Program, Starter};

use crate::failure::Exit;

/// How long a program has to end by itself once nobody speaks to it any more, and once more after
/// it was asked to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What starts a program with its minder, in a group of its own. Both its ends are pipes.
pub(crate) fn command(words: &[String], folder: Option<&Path>) -> io::Result<Command> {
    let Some(program) = words.first() else { return Err(io::Error::other("no program is named")) };
    // The minder is there, whatever became of the file that we were started from.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("bakerst").args(["mind", "--parent", &std::process::id().to_string(), "--"]);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    // Said here, where somebody listens, and not by the minder.
    if !is_there(program, folder, crate::paths::programs().as_deref()) {
        return Err(rustix::io::Errno::NOENT.into());
    }
    Ok(command)
}

fn is_there(program: &str, folder: Option<&Path>, programs: Option<&OsStr>) -> bool {
    if program.contains('/') {
        return folder.map_or(Path::new(program).exists(), |folder| folder.join(program).exists());
    }
    // Without any the system looks where it is used to.
    programs.is_none_or(|programs| {
        std::env::split_paths(programs).any(|folder| folder.join(program).exists())
    })
}

/// A program that runs, with its minder.
pub(crate) struct Child {
    minder: tokio::process::Child,
    group: Option<Pid>,
}

impl Child {
    /// Starts what [`command`] has made.
    pub(crate) fn start(command: Command) -> io::Result<Self> {
        let minder = tokio::process::Command::from(command).spawn()?;
        let group = minder.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { minder, group })
    }

    /// Where it listens; once.
    pub(crate) fn input(&mut self) -> Option<ChildStdin> {
        self.minder.stdin.take()
    }

    /// Where it speaks; once.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.minder.stdout.take()
    }

    /// Where it complains; once, and where that is a pipe.
    pub(crate) fn complaints(&mut self) -> Option<ChildStderr> {
        self.minder.stderr.take()
    }

    /// Ends once it has.
    pub(crate) async fn ended(&mut self) {
        self.minder.wait().await.ok();
    }

    /// How we end, given how it ended.
    pub(crate) fn exit(&mut self) -> Exit {
        match self.minder.try_wait() {
            Ok(Some(status)) if !status.success() => Exit::Environment,
            _ => Exit::Ok,
        }
    }

    /// Waits until it has ended by itself, its input being closed; has it ended otherwise.
    pub(crate) async fn stop(mut self) {
        if !self.ends_within(PATIENCE).await {
            self.tell_minder();
            // It has its own patience with the program.
            if !self.ends_within(PATIENCE * 2).await {
                self.kill_group();
                self.minder.wait().await.ok();
            }
        }
        let is_killed = |status: std::process::ExitStatus| status.signal().is_some();
        if self.minder.try_wait().is_ok_and(|status| status.is_some_and(is_killed)) {
            // A minder that was killed has left its program behind.
            self.kill_group();
        }
    }

    async fn ends_within(&mut self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.minder.wait()).await.is_ok()
    }

    fn tell_minder(&self) {
        // One that was waited for has no number any more, and needs nothing.
        let minder = self.minder.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(minder) = minder {
            kill_process(minder, Signal::TERM).ok();
        }
    }

    fn kill_group(&self) {
        if let Some(group) = self.group {
            // A group that is gone needs nothing more.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.tell_minder();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_where_the_system_would() {
        let programs = Some(OsStr::new("/nowhere:/bin"));
        let at = |program: &str, folder: Option<&str>| {
            is_there(program, folder.map(Path::new), programs)
        };
        assert!(at("sh", None) && at("/bin/sh", None) && at("./sh", Some("/bin")));
        assert!(!at("no-such-program", None) && !at("/bin/no-such", None));
        assert!(!at("./sh", Some("/nowhere")));
    }
}
