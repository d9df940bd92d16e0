//! Files that are written from the code, so that they cannot say anything else.

mod errors;

use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;

/// A generated file.
pub(crate) struct Generated {
    /// Where it stands, from the root.
    pub(crate) path: &'static str,
    /// What is in it.
    pub(crate) make: fn() -> String,
}

/// Every generated file.
pub(crate) const FILES: &[Generated] =
    &[Generated { path: "docs/errors.md", make: errors::errors_paper }];

/// Writes them, or with `check` says which are not up to date.
///
/// # Errors
/// When one is not up to date, or cannot be written.
pub(crate) fn run(check: bool) -> Result<()> {
    let mut stale = Vec::new();
    for Generated { path, make } in FILES {
        let file = Repo::root().join(path);
        let wanted = make();
        if fs::read_to_string(&file).is_ok_and(|there| there == wanted) {
            println!("up to date: {path}");
            continue;
        }
        if check {
            stale.push(*path);
            continue;
        }
        fs::write(&file, wanted).with_context(|| format!("cannot write `{path}`"))?;
        println!("written: {path}");
    }
    if !stale.is_empty() {
        bail!("not up to date: {}; run `cargo xtask generate`", stale.join(", "));
    }
    Ok(())
}
