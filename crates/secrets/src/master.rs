//! The master key.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bakerst_model::Digest;
use zeroize::Zeroizing;

use crate::SecretsError;
use crate::error::random;
use crate::replace::replace;

const KEY_BYTES: usize = 32;

/// The key that wraps all others. It is not printed, and its memory is cleared when it goes.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; KEY_BYTES]>);

impl MasterKey {
    /// Takes the key over.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads the key from its file; where there is none, draws one and keeps it there.
    ///
    /// # Errors
    /// When others may read the file, when it holds something else, or when it cannot be read or
    /// written.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretsError> {
        match File::open(path) {
            Ok(file) => Self::load(path, &file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(SecretsError::read(path, error)),
        }
    }

    /// The bytes, to wrap with.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Tells keys apart without giving them away.
    pub(crate) fn id(&self) -> Digest {
        Digest::of_parts(&[b"bakerst master key id v1", &self.0[..]])
    }

    fn load(path: &Path, file: &File) -> Result<Self, SecretsError> {
        let broken = |error| SecretsError::read(path, error);
        // Asked of the open file, so that it is the one that is read.
        let mode = file.metadata().map_err(broken)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretsError::MasterKeyExposed { path: path.to_owned(), mode });
        }
        let mut digits = Zeroizing::new(String::with_capacity(128));
        let read = file.take(128).read_to_string(&mut digits);
        let malformed = || SecretsError::MasterKeyMalformed { path: path.to_owned() };
        match read {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(malformed()),
            read => read.map_err(broken)?,
        };
        let key = Digest::parse_hex(digits.trim_end()).ok_or_else(malformed)?;
        Ok(Self::new(*key.as_bytes()))
    }

    fn create(path: &Path) -> Result<Self, SecretsError> {
        let key = Self::new(random()?);
        let digits = Zeroizing::new(format!("{}\n", Digest::from_bytes(*key.0)));
        replace(path, digits.as_bytes()).map_err(|error| SecretsError::write(path, error))?;
        Ok(key)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(..)")
    }
}
