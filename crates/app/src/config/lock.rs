//! The lock that a configuration names.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::pins::{Lock, LockError, PinsSection};
use bakerst_model::{Code, Limits};

use super::source::Source;

/// The lock that the section `pins` names, where there is one.
pub(super) fn of_section(
    source: &Source,
    pins: Option<&Node>,
    limits: &Limits,
) -> Result<Option<Arc<Lock>>, Fault> {
    let Some(pins) = pins else { return Ok(None) };
    let PinsSection { file, .. } = pins.read()?;
    let lock = read(&source.path_beside(Path::new(&file)), limits);
    let lock = lock.map_err(|LockError { code, message }| {
        let at = pins.get("file").map_or(pins.at(), Node::at);
        Fault::new(code, format!("the lock `{file}` cannot be used: {message}")).at(at)
    })?;
    Ok(Some(Arc::new(lock)))
}

/// Reads a lock.
pub(crate) fn read(path: &Path, limits: &Limits) -> Result<Lock, LockError> {
    Lock::parse(&read_text(path, limits)?, limits)
}

/// Reads a text that is no longer than a lock may be.
pub(crate) fn read_text(path: &Path, limits: &Limits) -> Result<String, LockError> {
    let unreadable = |message: String| LockError { code: Code::LockUnreadable, message };
    let file = File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let mut text = String::new();
    let longest = limits.lock_bytes_max as u64 + 1;
    file.take(longest).read_to_string(&mut text).map_err(|e| unreadable(e.to_string()))?;
    Ok(text)
}
