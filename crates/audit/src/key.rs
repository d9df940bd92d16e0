//! The keys of a log.

use std::fmt;

use bakerst_model::{Code, Digest, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::{CheckpointKey, LogId, NoteError, hex};

/// The fewest bytes that a log's key may have.
const KEY_BYTES_MIN: usize = 32;

/// What macs are made for. It keeps them apart from all others that a key may ever make, and is
/// just as long that everything to be signed fits one block.
const PURPOSE: &[u8; 15] = b"bakerst record2";

/// Tells keys apart without giving them away: the start of a digest.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// Reads sixteen lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::parse(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// A key, made ready once: each mac starts from a copy of the state that holds it.
#[derive(Clone)]
pub struct LogKey {
    mac: Hmac<Sha256>,
    id: KeyId,
}

/// Why a secret cannot be a log's key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LogKeyError {
    /// Too short to resist guessing.
    #[error("the key of the log is {bytes} bytes long, at least {KEY_BYTES_MIN} are needed")]
    TooShort {
        /// How long it is.
        bytes: usize,
    },
}

impl LogKeyError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::LogKeyMissing
    }
}

impl LogKey {
    /// Makes a key ready.
    ///
    /// # Errors
    /// When the secret is too short.
    pub fn new(secret: &Secret) -> Result<Self, LogKeyError> {
        let bytes = secret.expose();
        let too_short = LogKeyError::TooShort { bytes: bytes.len() };
        if bytes.len() < KEY_BYTES_MIN {
            return Err(too_short);
        }
        let mac = Hmac::new_from_slice(bytes).map_err(|_| too_short)?;
        let digest = Digest::of_parts(&[b"bakerst log key id v1", bytes]);
        let mut id = [0; 8];
        id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        Ok(Self { mac, id: KeyId(id) })
    }

    /// By which records of this key are told from others.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The mac over one record: what it is for, the record's length and its hash.
    pub(crate) fn mac(&self, bytes: usize, hash: &[u8; 32]) -> Digest {
        let mut signed = [0; PURPOSE.len() + 8 + 32];
        let (purpose, rest) = signed.split_at_mut(PURPOSE.len());
        let (length, digest) = rest.split_at_mut(8);
        purpose.copy_from_slice(PURPOSE);
        length.copy_from_slice(&(bytes as u64).to_be_bytes());
        digest.copy_from_slice(hash);
        let mut mac = self.mac.clone();
        mac.update(&signed);
        Digest::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.id)
    }
}

/// All keys that a log was ever written with, and the one that signs its checkpoints. The last is
/// the one that it is written with now.
#[derive(Clone, Debug)]
pub struct LogKeys {
    earlier: Vec<LogKey>,
    current: LogKey,
    signing: Secret,
}

impl LogKeys {
    /// A log that has had one key so far. `signing` is a seed for Ed25519: 32 random bytes.
    #[must_use]
    pub fn new(current: LogKey, signing: Secret) -> Self {
        Self { earlier: Vec::new(), current, signing }
    }

    /// Has the log written with another key from now on.
    pub fn rotate(&mut self, next: LogKey) {
        self.earlier.push(std::mem::replace(&mut self.current, next));
    }

    /// The key that the log is written with.
    #[must_use]
    pub fn current(&self) -> &LogKey {
        &self.current
    }

    /// The key of this id, if it is among these.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&LogKey> {
        self.all().find(|key| key.id() == id)
    }

    /// All of them, the current one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &LogKey> {
        std::iter::once(&self.current).chain(self.earlier.iter().rev())
    }

    /// The key that signs the checkpoints of this log.
    ///
    /// # Errors
    /// When the secret for it is none.
    pub fn signer(&self, log: LogId) -> Result<CheckpointKey, NoteError> {
        CheckpointKey::new(&self.signing, &log.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> LogKey {
        LogKey::new(&Secret::new(vec![byte; 32])).unwrap()
    }

    #[test]
    fn a_key_is_long_enough_and_does_not_print() {
        let short = LogKey::new(&Secret::new(vec![7; 31])).unwrap_err();
        assert_eq!(
            short.to_string(),
            "the key of the log is 31 bytes long, at least 32 are needed"
        );
        let key = key(7);
        assert_eq!(format!("{key:?}"), format!("LogKey({})", key.id()));
        assert_eq!(KeyId::parse(&key.id().to_string()), Some(key.id()));
    }

    #[test]
    fn keys_are_found_after_they_were_replaced() {
        let mut keys = LogKeys::new(key(1), Secret::new(vec![9; 32]));
        keys.rotate(key(2));
        assert_eq!(keys.current().id(), key(2).id());
        assert_eq!(keys.find(key(1).id()).map(LogKey::id), Some(key(1).id()));
        assert!(keys.find(key(3).id()).is_none());
    }
}
