//! Files that are replaced whole: a reader sees the old one or the new one, never half of either.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use bakerst_model::Code;

use crate::failure::Failure;

/// Puts `text` in place of what a file holds.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    replace_with(path, text, None)
}

/// The same, for a file that nobody else may read.
pub(crate) fn replace_private(path: &Path, text: &str) -> Result<(), Failure> {
    replace_with(path, text, Some(Permissions::from_mode(0o600)))
}

/// The same, with the rights that the file has.
pub(crate) fn replace_like(path: &Path, text: &str) -> Result<(), Failure> {
    let there = fs::metadata(path).map(|there| there.permissions());
    replace_with(path, text, there.ok())
}

fn replace_with(path: &Path, text: &str, rights: Option<Permissions>) -> Result<(), Failure> {
    write_beside(path, text, rights).map_err(|e| {
        Failure::environment(
            Code::StateUnwritable,
            format!("cannot write `{}`: {e}", path.display()),
        )
    })
}

fn write_beside(path: &Path, text: &str, rights: Option<Permissions>) -> io::Result<()> {
    let mut name = path.file_name().ok_or_else(|| io::Error::other("it names no file"))?.to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let beside = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if let Some(rights) = &rights {
        // Never more open than it will be, not even for a moment.
        options.mode(rights.mode() & 0o600);
    }
    let mut file = options.open(&beside)?;
    let ready = rights.map_or(Ok(()), |rights| file.set_permissions(rights));
    let written = ready.and_then(|()| file.write_all(text.as_bytes()));
    let written = written.and_then(|()| file.sync_all());
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&beside);
    }
    moved
}
