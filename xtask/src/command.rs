//! Commands that are run and watched.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;

/// A command that runs in the root of the repository.
pub(crate) fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(Repo::root()).stdin(Stdio::null());
    command
}

/// A `cargo` command, of the same cargo that runs us.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(env!("CARGO"), arguments)
}

/// Whether a program is there and runs.
pub(crate) fn is_there(program: impl AsRef<OsStr>, arguments: &[&str]) -> bool {
    let mut probe = command(program, arguments);
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// Runs a command, passes every line on as it comes, and shows each to `watch` as well.
///
/// # Errors
/// When it cannot be started, or fails.
pub(crate) fn run(mut command: Command, mut watch: impl FnMut(&str)) -> Result<()> {
    let words = words_of(&command);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run `{words}`"))?;
    let (sender, lines) = channel();
    let readers = [
        child.stdout.take().map(|out| pass_on(out, sender.clone())),
        child.stderr.take().map(|err| pass_on(err, sender)),
    ];
    for line in lines {
        println!("{line}");
        watch(&line);
    }
    for reader in readers.into_iter().flatten() {
        // A reader that panicked has lost lines at worst; the exit status tells the rest.
        let _ = reader.join();
    }
    let status = child.wait().with_context(|| format!("cannot wait for `{words}`"))?;
    if !status.success() {
        bail!("`{words}` failed ({status})");
    }
    Ok(())
}

/// Sends every line of a stream; what is not UTF-8 is replaced.
fn pass_on(stream: impl Read + Send + 'static, sender: Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while stream.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line);
            if sender.send(text.trim_end_matches(['\n', '\r']).to_owned()).is_err() {
                break;
            }
            line.clear();
        }
    })
}

/// The command as a person would type it.
fn words_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
