//! Files that are replaced whole: a reader sees the old one or the new one, never half of either.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use bakerst_model::Code;

use crate::failure::Failure;

/// Puts `text` in place of what a file holds.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    write_beside(path, text).map_err(|e| {
        Failure::environment(
            Code::StateUnwritable,
            format!("cannot write `{}`: {e}", path.display()),
        )
    })
}

fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&beside);
    }
    moved
}
