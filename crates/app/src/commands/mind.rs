//! `bakerst mind`: stands between us and a program of others, so that nothing of it outlives us.
//!
//! The system tells it when whoever started it is gone, and hands it whatever the program has
//! started and let go of. It listens to nobody else, and reads nothing of what passes.

use std::fs::{self, OpenOptions};
use std::io;
use std::process::Command;
use std::time::Duration;

use bakerst_model::{Code, Escaped};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpgrp, getpid, getppid, kill_process,
    kill_process_group, set_child_subreaper, set_parent_process_death_signal, wait,
};
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};
use tokio::time::{Instant, sleep, sleep_until};

use crate::children::PATIENCE;
use crate::cli::Mind;
use crate::failure::{Exit, Failure, Outcome};

/// How long to wait between two looks at what is left.
const LOOK: Duration = Duration::from_millis(5);
/// Longer than any program runs.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

pub(crate) fn run(mind: &Mind) -> Outcome {
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(|e| broken(&e.into()))?;
    set_child_subreaper(Some(getpid())).map_err(|e| broken(&e.into()))?;
    // Whoever is gone by now is not told of.
    if getppid().map(Pid::as_raw_pid) != Some(mind.parent) {
        return Ok(Exit::Environment);
    }
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|e| broken(&e))?.block_on(async {
        let watch = Watch::set().map_err(|e| broken(&e))?;
        let (program, arguments) = mind
            .program
            .split_first()
            .ok_or_else(|| broken(&io::ErrorKind::InvalidInput.into()))?;
        let server = Command::new(program).args(arguments).spawn().map_err(|error| {
            let message = format!("`{}` cannot be started: {error}", Escaped(program));
            Failure::environment(Code::ServerNotStarted, message)
        })?;
        // Its ends are its own: whoever speaks to it learns from them when it is gone.
        let let_go = let_go_of_our_ends();
        let ended = watch.until_ended(Pid::from_child(&server)).await;
        end_what_is_left().await;
        let_go.map_err(|e| broken(&e))?;
        let is_well = ended.is_some_and(|status| status.exit_status() == Some(0));
        Ok(if is_well { Exit::Ok } else { Exit::Environment })
    })
}

fn broken(why: &io::Error) -> Failure {
    Failure::environment(Code::ServerNotStarted, format!("a program cannot be minded: {why}"))
}

fn let_go_of_our_ends() -> io::Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(())
}

/// What a minder hears of.
struct Watch {
    died: Signals,
    terminate: Signals,
    interrupt: Signals,
    hang_up: Signals,
}

impl Watch {
    fn set() -> io::Result<Self> {
        Ok(Self {
            died: signal(SignalKind::child())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until the program has ended, and says how. Once somebody wants it to, it has a while;
    /// of one that goes on nothing is said.
    async fn until_ended(mut self, server: Pid) -> Option<WaitStatus> {
        let deadline = sleep(FOREVER);
        tokio::pin!(deadline);
        let mut is_told = false;
        loop {
            tokio::select! {
                _ = self.died.recv() => if let Some(status) = reaped(server) {
                    return Some(status);
                },
                () = &mut deadline => return None,
                _ = self.terminate.recv(), if !is_told => is_told = true,
                _ = self.interrupt.recv(), if !is_told => is_told = true,
                _ = self.hang_up.recv(), if !is_told => is_told = true,
            }
            if is_told && deadline.deadline() > Instant::now() + PATIENCE {
                // This tells us as well, and we know.
                kill_process_group(getpgrp(), Signal::TERM).ok();
                deadline.as_mut().reset(Instant::now() + PATIENCE);
            }
        }
    }
}

/// Takes leave of all that have ended, and says how the program did if it is among them.
fn reaped(server: Pid) -> Option<WaitStatus> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
        if pid == server {
            ended = Some(status);
        }
    }
    ended
}

/// Ends whatever the program has started, and the program.
async fn end_what_is_left() {
    let until = Instant::now() + PATIENCE;
    // What a child of ours has started is ours once that has ended.
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let left = children_of(getpid());
        if left.is_empty() || Instant::now() > until {
            return;
        }
        for child in left {
            kill_process(child, Signal::KILL).ok();
        }
        sleep_until(Instant::now() + LOOK).await;
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = numbers.filter(|number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat"));
        stat.is_ok_and(|stat| parent_in(&stat) == Some(parent.as_raw_pid()))
    });
    children.filter_map(Pid::from_raw).collect()
}

/// The parent in a line of `/proc/PID/stat`. A program may have brackets and spaces in its name.
fn parent_in(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_whatever_its_child_is_called() {
        assert_eq!(parent_in("17 (sh) S 4 17 17 0"), Some(4));
        assert_eq!(parent_in("17 (a) R 1 (b)) S 4 17 17 0"), Some(4));
        assert_eq!(parent_in("17"), None);
    }

    #[test]
    fn children_are_found_and_strangers_are_not() {
        let mut child =
            Command::new("/bin/cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        let found = children_of(getpid());
        assert!(found.contains(&Pid::from_child(&child)), "{found:?}");
        assert!(!found.contains(&getpid()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
