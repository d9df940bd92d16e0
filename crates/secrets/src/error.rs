//! What can go wrong with secrets.

use std::io;
use std::path::{Path, PathBuf};

use bakerst_model::Code;

/// Why secrets could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Others than the owner may read the master key, so it is no secret any more.
    #[error("others may read the master key `{path}` (mode {mode:03o}, expected 600)")]
    MasterKeyExposed {
        /// Where it is.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds something else than a master key.
    #[error("`{path}` does not hold a master key: expected 64 hexadecimal digits")]
    MasterKeyMalformed {
        /// Where it is.
        path: PathBuf,
    },
    /// The secrets were sealed with another master key.
    #[error("`{path}` is sealed with another master key")]
    MasterKeyWrong {
        /// The sealed file.
        path: PathBuf,
    },
    /// The sealed file is damaged.
    #[error("`{path}` is damaged")]
    Broken {
        /// The sealed file.
        path: PathBuf,
    },
    /// A name that cannot be kept.
    #[error("a secret's name has 1 to 128 letters, digits, `.`, `_` or `-`, which `{0}` has not")]
    BadName(String),
    /// More than one sealed file may hold.
    #[error("the secrets take {bytes} bytes, at most {max} fit into a sealed file")]
    TooLong {
        /// How many there would be.
        bytes: usize,
        /// How many there may be.
        max: usize,
    },
    /// A file could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{path}`")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The system has no random bytes to give.
    #[error("the system gives no random bytes: {0}")]
    NoRandom(String),
}

impl SecretsError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::MasterKeyExposed { .. } => Code::MasterKeyExposed,
            Self::MasterKeyMalformed { .. } | Self::MasterKeyWrong { .. } => Code::MasterKeyWrong,
            Self::Broken { .. } => Code::SecretsBroken,
            Self::BadName(_) | Self::TooLong { .. } => Code::ConfigValue,
            Self::Read { .. } | Self::Write { .. } | Self::NoRandom(_) => Code::StateUnwritable,
        }
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::Write { path: path.to_owned(), source }
    }
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], SecretsError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| SecretsError::NoRandom(e.to_string()))?;
    Ok(bytes)
}
