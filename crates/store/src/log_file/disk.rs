//! The disk, as a log uses it. It is a port so that tests can have one that fails as disks do.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

use crate::folder::sync_folder;

/// A file that is open to be written.
pub(super) trait Medium: fmt::Debug + Send + Sync {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    fn sync_data(&self) -> io::Result<()>;
    fn sync_all(&self) -> io::Result<()>;
}

impl Medium for File {
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::sync_data(self)
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::sync_all(self)
    }
}

/// Where files come from.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    /// Takes over a file that was opened to look at what is in it.
    fn adopt(&self, file: File) -> Arc<dyn Medium>;

    /// Makes a file that is not there yet, with its name not yet durable.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's.
#[derive(Debug)]
pub(super) struct Files;

impl Disk for Files {
    fn adopt(&self, file: File) -> Arc<dyn Medium> {
        Arc::new(file)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn Medium>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Arc::new(file))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        sync_folder(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}
