//! The key of a log.

use std::fmt;

use bakerst_model::{Code, Digest, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::hex;

/// The fewest bytes that a log's key may have.
const KEY_BYTES_MIN: usize = 32;

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

    /// The mac over one record: its length, then its bytes.
    pub(crate) fn mac(&self, signed: &[u8]) -> Digest {
        let mut mac = self.mac.clone();
        mac.update(&(signed.len() as u64).to_be_bytes());
        mac.update(signed);
        Digest::from_bytes(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_long_enough_and_does_not_print() {
        let short = LogKey::new(&Secret::new(vec![7; 31])).unwrap_err();
        assert_eq!(
            short.to_string(),
            "the key of the log is 31 bytes long, at least 32 are needed"
        );
        let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
        assert_eq!(format!("{key:?}"), format!("LogKey({})", key.id()));
        assert_eq!(KeyId::parse(&key.id().to_string()), Some(key.id()));
    }

    #[test]
    fn a_mac_is_hmac_sha256_over_length_and_bytes() {
        // Computed apart: printf '\0\0\0\0\0\0\0\3abc' | openssl dgst -sha256 -mac HMAC
        // with 32 bytes of 0x07 as the key.
        let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
        assert_eq!(
            key.mac(b"abc").to_string(),
            "5d94cf78b32361191eaa6ec0faacbefa0c583c0a06446429423f475d1ceae8ba"
        );
    }
}
