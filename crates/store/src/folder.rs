//! The folder in which everything lies, and the lock that makes it one process's own.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bakerst_model::Code;

use crate::LogFolder;

/// A state folder that no other process uses while this one holds it.
///
/// What is opened inside it keeps the lock too, so that it is let go of only after the last write.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
    lock: Arc<File>,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made, or nothing can be made in it.
    #[error("cannot use the state folder `{path}`")]
    Unwritable {
        /// The folder, or what could not be made in it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process holds it.
    #[error("another process uses the state folder `{path}`")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl StateError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unwritable { .. } => Code::StateUnwritable,
            Self::InUse { .. } => Code::StateInUse,
        }
    }
}

impl StateFolder {
    /// Makes the folder where there is none, for its owner alone, and locks it.
    ///
    /// The lock is the operating system's: it ends with the process, however that ends.
    ///
    /// # Errors
    /// When another process holds the folder or it cannot be written.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let audit = path.join("audit");
        create_folder(&audit).map_err(|source| unwritable(path, source))?;
        let lock_path = path.join("lock");
        let mut options = OpenOptions::new();
        let lock = options.write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|source| unwritable(&lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(unwritable(&lock_path, source)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> LogFolder {
        LogFolder::in_state(&self.path)
    }

    /// Keeps the folder locked for as long as it lives.
    pub(crate) fn lock(&self) -> Arc<File> {
        self.lock.clone()
    }
}

fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // What was just made must be found again after a power cut.
    path.ancestors().take(2).try_for_each(sync_folder)
}

/// Makes what was created or renamed in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

fn unwritable(path: &Path, source: io::Error) -> StateError {
    StateError::Unwritable { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_its_owners_and_one_process_at_a_time_holds_it() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/state");
        let folder = StateFolder::open(&path).unwrap();
        for made in [&path, &path.join("audit")] {
            assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let refused = StateFolder::open(&path).unwrap_err();
        assert_eq!(refused.code(), Code::StateInUse);
        let still_used = folder.lock();
        drop(folder);
        assert_eq!(StateFolder::open(&path).unwrap_err().code(), Code::StateInUse);
        drop(still_used);
        StateFolder::open(&path).unwrap();
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("state");
        fs::write(&path, "").unwrap();
        let refused = StateFolder::open(&path).unwrap_err();
        assert_eq!(refused.code(), Code::StateUnwritable);
        assert!(refused.to_string().contains("state"), "{refused}");
    }
}
