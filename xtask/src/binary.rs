//! The release binary: that it is built, small enough, hard to redirect, and shows itself.

mod elf;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::command::{cargo, command, run};
use crate::repo::Repo;
use crate::steps::Step;

/// The largest binary that we want to hand out.
const BYTES_MAX: u64 = 60 << 20;

/// Builds it, and says how large it is.
///
/// # Errors
/// When it cannot be built, is too large, or is loaded in a way that helps whoever attacks it.
pub(crate) fn build() -> Result<Step> {
    run(cargo(&["build", "--release", "--bin", "bakerst"]), |_| {})?;
    let bytes = fs::metadata(path()).context("the binary is not where it was built")?.len();
    println!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    ensure!(bytes <= BYTES_MAX, "{bytes} bytes are more than {BYTES_MAX}");
    if cfg!(target_os = "linux") {
        let flags = "`.cargo/config.toml` and `RUSTFLAGS` say how it is linked";
        elf::check(&fs::read(path())?).context(flags)?;
    }
    Ok(Step::Done)
}

/// Runs the tour that a newcomer would take.
///
/// # Errors
/// When it does not end well.
pub(crate) fn demo() -> Result<Step> {
    if !path().exists() {
        return Ok(Step::Skipped("there is no binary".to_owned()));
    }
    run(command(path(), &["demo"]), |_| {})?;
    Ok(Step::Done)
}

/// Where it is once it is built.
pub(crate) fn path() -> PathBuf {
    target().join("release").join("bakerst")
}

/// The folder of everything that is built.
pub(crate) fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Repo::root().join("target"))
}
