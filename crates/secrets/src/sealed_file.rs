//! Named secrets in one sealed file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bakerst_model::{Escaped, Secret};

use crate::content::{self, Named};
use crate::error::random;
use crate::replace::replace;
use crate::seal::{SealError, open, seal};
use crate::{MasterKey, SecretsError};

/// The longest sealed file that is read, and the most that is put into one.
pub const SEALED_BYTES_MAX: usize = 1 << 20;

const NAME_BYTES_MAX: usize = 128;

/// What sealed files are for, so that nothing sealed for another use passes for one.
const AAD: &[u8] = b"sealed file";

/// A file of named secrets. One process at a time may hold it: the last to write wins.
#[derive(Debug)]
pub struct SealedFile {
    path: PathBuf,
    master: MasterKey,
    secrets: Named,
}

impl SealedFile {
    /// Opens the file; where there is none, makes an empty one.
    ///
    /// # Errors
    /// When it was sealed with another key, is damaged, or cannot be read or written.
    pub fn open_or_create(path: &Path, master: &MasterKey) -> Result<Self, SecretsError> {
        let (path, master) = (path.to_owned(), master.clone());
        let sealed = match File::open(&path) {
            Ok(file) => read(&path, &file)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let empty = Self { path, master, secrets: Named::new() };
                empty.write(&empty.secrets)?;
                return Ok(empty);
            }
            Err(error) => return Err(SecretsError::read(&path, error)),
        };
        let broken = || SecretsError::Broken { path: path.clone() };
        let plain = open(&master, &sealed, AAD).map_err(|error| match error {
            SealError::WrongKey => SecretsError::MasterKeyWrong { path: path.clone() },
            SealError::Broken => broken(),
        })?;
        let secrets = content::decode(&plain).ok_or_else(broken)?;
        Ok(Self { path, master, secrets })
    }

    /// The secret of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Secret> {
        self.secrets.get(name).cloned()
    }

    /// The names of all secrets, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }

    /// Keeps a secret under a name, in place of what had that name before. When this has
    /// answered, the secret is on disk.
    ///
    /// # Errors
    /// When the name cannot be used, the file would grow too long, or it cannot be written; what
    /// was there before then still is.
    pub fn put(&mut self, name: &str, secret: Secret) -> Result<(), SecretsError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(SecretsError::BadName(Escaped(name).to_string()));
        }
        let mut secrets = self.secrets.clone();
        secrets.insert(name.to_owned(), secret);
        self.write(&secrets)?;
        self.secrets = secrets;
        Ok(())
    }

    /// The secret of this name; where there is none, draws 32 random bytes and keeps those.
    ///
    /// # Errors
    /// As [`SealedFile::put`].
    pub fn get_or_draw(&mut self, name: &str) -> Result<Secret, SecretsError> {
        if let Some(secret) = self.get(name) {
            return Ok(secret);
        }
        let secret = Secret::new(random::<32>()?.to_vec());
        self.put(name, secret.clone())?;
        Ok(secret)
    }

    /// Forgets the secret of this name, and says whether there was one. When this has answered, the
    /// file on disk is without it. What the disk keeps of files that were replaced is beyond us.
    ///
    /// # Errors
    /// When the file cannot be written; the secret is then still there.
    pub fn remove(&mut self, name: &str) -> Result<bool, SecretsError> {
        let mut secrets = self.secrets.clone();
        if secrets.remove(name).is_none() {
            return Ok(false);
        }
        self.write(&secrets)?;
        self.secrets = secrets;
        Ok(true)
    }

    fn write(&self, secrets: &Named) -> Result<(), SecretsError> {
        let plain = content::encode(secrets);
        let too_long = |bytes| SecretsError::TooLong { bytes, max: SEALED_BYTES_MAX };
        let sealed = seal(&self.master, &plain, AAD, &random()?);
        let sealed = sealed.map_err(|_| too_long(plain.len()))?;
        if sealed.len() > SEALED_BYTES_MAX {
            return Err(too_long(sealed.len()));
        }
        replace(&self.path, &sealed).map_err(|error| SecretsError::write(&self.path, error))
    }
}

fn read(path: &Path, file: &File) -> Result<Vec<u8>, SecretsError> {
    let mut sealed = Vec::new();
    let read = file.take(SEALED_BYTES_MAX as u64 + 1).read_to_end(&mut sealed);
    read.map_err(|error| SecretsError::read(path, error))?;
    match sealed.len() {
        bytes if bytes > SEALED_BYTES_MAX => Err(SecretsError::Broken { path: path.to_owned() }),
        _ => Ok(sealed),
    }
}
