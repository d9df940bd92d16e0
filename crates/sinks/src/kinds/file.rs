//! Lines in a file, or on standard output: the log's own, byte for byte.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bakerst_audit::delivery::{Outcome, Reason, Shipped};
use bakerst_model::{Pending, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Sink;

/// Settings of `file`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The file, or `-` for standard output. It is opened anew for each batch, so it may be moved
    /// away.
    pub path: PathBuf,
}

/// The sink.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
}

impl File {
    /// Nothing is opened yet.
    #[must_use]
    pub fn open(config: &Config) -> Self {
        Self { path: config.path.clone() }
    }
}

impl Sink for File {
    fn send<'s>(&'s mut self, records: &'s [Shipped], _now: UnixMillis) -> Pending<'s, Outcome> {
        let mut lines = String::new();
        for record in records {
            lines.push_str(record.text());
            lines.push('\n');
        }
        let path = self.path.clone();
        Box::pin(async move {
            let write = move || match path.as_os_str() == "-" {
                true => print(&lines),
                false => append(&path, lines.as_bytes()),
            };
            let written = tokio::task::spawn_blocking(write).await;
            match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => Outcome::Accepted,
                Err(error) => {
                    Outcome::Failed { why: Reason::new(error.to_string()), after_millis: None }
                }
            }
        })
    }
}

fn print(lines: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
    out.flush()
}

/// Appends whole or not at all, and syncs. What an earlier crash left without a line end is ended
/// first, so that it spoils no line of ours.
fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    if !file.metadata()?.is_file() {
        // A pipe or a device: what is in it cannot be taken back.
        return file.write_all(lines);
    }
    let length = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let end: &[u8] = if last == [b'\n'] { b"" } else { b"\n" };
    let written = file.write_all(&[end, lines].concat()).and_then(|()| file.sync_data());
    if written.is_err() {
        // Where even that fails, the next attempt ends the line.
        file.set_len(length).ok();
    }
    written
}
