//! Copies of configurations as they were before we changed them, in the state folder: they may
//! hold secrets, and nobody else reads there.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use bakerst_model::{Code, Digest};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files;

/// Where copies are kept.
pub(super) struct Copies(PathBuf);

/// What is known of a copy.
#[derive(Debug, Deserialize, Serialize)]
struct About {
    /// The configuration that it is a copy of.
    file: PathBuf,
    /// What the configuration was changed into.
    written: String,
}

/// A configuration as it was.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Copy {
    /// All that it held.
    pub(super) text: String,
    /// Whether nobody has changed the configuration since.
    pub(super) is_current: bool,
}

impl Copies {
    /// The copies in this state folder.
    pub(super) fn in_state(state: &Path) -> Self {
        Self(state.join("wrapped"))
    }

    fn place(&self, file: &Path, ending: &str) -> PathBuf {
        let name = Digest::of(file.as_os_str().as_encoded_bytes()).to_string();
        self.0.join(format!("{}.{ending}", name.get(..32).unwrap_or(&name)))
    }

    /// Where the copy of a configuration is.
    pub(super) fn of(&self, file: &Path) -> PathBuf {
        self.place(file, "original")
    }

    /// The copy of a configuration that holds `now`.
    pub(super) fn find(&self, file: &Path, now: &str) -> Option<Copy> {
        let about = fs::read_to_string(self.place(file, "json")).ok()?;
        let about: About = serde_json::from_str(&about).ok()?;
        let text = fs::read_to_string(self.of(file)).ok()?;
        (about.file == file).then(|| Copy { text, is_current: about.written == digest(now) })
    }

    /// Keeps what a configuration held before it is changed.
    pub(super) fn keep(&self, file: &Path, before: &str, written: &str) -> Result<(), Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(|e| {
            let message = format!("cannot make the folder `{}`: {e}", self.0.display());
            Failure::environment(Code::StateUnwritable, message)
        })?;
        let about = About { file: file.to_owned(), written: digest(written) };
        files::replace_private(&self.of(file), before)?;
        files::replace_private(
            &self.place(file, "json"),
            &serde_json::to_string(&about).unwrap_or_default(),
        )
    }

    /// Lets go of the copy of a configuration that is as it was again.
    pub(super) fn forget(&self, file: &Path) -> io::Result<()> {
        fs::remove_file(self.place(file, "json"))?;
        fs::remove_file(self.of(file))
    }
}

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}
