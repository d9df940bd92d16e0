//! `syslog-ng`, which Debian does not install beside `rsyslog`: it is unpacked instead, into the
//! folder of what is built, and nothing else on the machine changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::{apt, is_root, update};
use crate::binary::target;
use crate::command::{command, is_there as runs, run};
use crate::steps::Step;

/// What bringing it is called.
pub(super) const STEP: &str = "unpack `syslog-ng-core`, which the tests of the sink `syslog` need";

const PROGRAM: &str = "syslog-ng";
const PACKAGE: &str = "syslog-ng-core";

/// Whether it is installed, or was unpacked before.
pub(super) fn is_there() -> bool {
    runs(PROGRAM, &["--version"]) || runs(starter(), &["--version"])
}

/// Unpacks it with the libraries that are not installed.
pub(super) fn bring() -> Result<Step> {
    if !runs("apt-get", &["--version"]) || !runs("dpkg-deb", &["--version"]) {
        return Ok(Step::Skipped("there is no `apt-get` and `dpkg-deb`".to_owned()));
    }
    let folder = target().join("servers").join(PROGRAM);
    let (archives, files) = (folder.join("archives"), folder.join("files"));
    fs::create_dir_all(archives.join("partial"))?;
    if is_root() {
        update()?;
    }
    let mut download = apt(&["install", "-q", "-y", "--no-install-recommends", "--download-only"]);
    // Nothing is installed, so that no lock of the machine's is needed.
    download.args(["-o", "Debug::NoLocking=1", "-o"]);
    download.arg(format!("Dir::Cache::archives={}", archives.display())).arg(PACKAGE);
    run(download, |_| {})?;
    for archive in under(&archives, &|name| name.ends_with(".deb"))? {
        let mut unpack = command("dpkg-deb", &["--extract"]);
        unpack.arg(archive).arg(&files);
        run(unpack, |_| {})?;
    }
    write_starter(&files)?;
    ensure!(is_there(), "`{}` does not run", starter().display());
    Ok(Step::Done)
}

/// What starts it where it was unpacked. The tests of the sinks know this path too.
fn starter() -> PathBuf {
    target().join("servers").join("bin").join(PROGRAM)
}

fn write_starter(files: &Path) -> Result<()> {
    let mut libraries: Vec<_> = under(files, &|name| name.contains(".so"))?
        .iter()
        .filter_map(|library| Some(library.parent()?.display().to_string()))
        .collect();
    libraries.sort();
    libraries.dedup();
    let libraries = libraries.join(":");
    let program = under(files, &|name| name == PROGRAM)?
        .into_iter()
        .find(|path| path.parent().is_some_and(|folder| folder.ends_with("sbin")))
        .with_context(|| format!("there is no `{PROGRAM}` in `{PACKAGE}`"))?;
    let text = format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{}' --module-path='{libraries}' \"$@\"\n",
        program.display()
    );
    let starter = starter();
    fs::create_dir_all(starter.parent().unwrap_or(files))?;
    fs::write(&starter, text)?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// The files below a folder whose names are wanted.
fn under(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.append(&mut under(&entry.path(), wanted)?);
        } else if wanted(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
