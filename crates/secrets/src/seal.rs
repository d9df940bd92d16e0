//! Envelope encryption: a data key for each text, wrapped by the master key.
//!
//! ```text
//! "BKST seal 1\n"  master key's id (8)
//! nonce (24)  data key, encrypted (32 + 16)
//! nonce (24)  text, encrypted (n + 16)
//! SHA-256 of all of the above (32)
//! ```
//!
//! The digest at the end proves nothing; it tells a damaged file from one of another master key,
//! because the remedies differ.

use bakerst_model::Digest;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::MasterKey;

const MAGIC: &[u8; 12] = b"BKST seal 1\n";
const KEY_ID_BYTES: usize = 8;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;
const DIGEST_BYTES: usize = 32;

/// How many random bytes one sealing takes: a data key and two nonces.
pub const SEAL_RANDOM_BYTES: usize = KEY_BYTES + 2 * NONCE_BYTES;

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// Sealed with another master key.
    #[error("sealed with another master key")]
    WrongKey,
    /// Not in the form of sealed bytes, changed since, or sealed for another use.
    #[error("not whole, or sealed for another use")]
    Broken,
}

/// Seals `plain` for one use: `aad` says for what, and must be given again to open it.
///
/// # Errors
/// When the text is longer than the cipher takes (256 GiB).
pub fn seal(
    master: &MasterKey,
    plain: &[u8],
    aad: &[u8],
    random: &[u8; SEAL_RANDOM_BYTES],
) -> Result<Vec<u8>, SealError> {
    let (data_key, nonces) = random.split_at(KEY_BYTES);
    let (wrap_nonce, text_nonce) = nonces.split_at(NONCE_BYTES);
    let (wrap_aad, text_aad) = aads(aad);
    let mut out = Vec::with_capacity(MAGIC.len() + plain.len() + 256);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&key_id(master));
    out.extend_from_slice(wrap_nonce);
    out.extend_from_slice(&encrypt(master.expose(), wrap_nonce, data_key, &wrap_aad)?);
    out.extend_from_slice(text_nonce);
    out.extend_from_slice(&encrypt(data_key, text_nonce, plain, &text_aad)?);
    let digest = Digest::of(&out);
    out.extend_from_slice(digest.as_bytes());
    Ok(out)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// Says whether the key is another or the bytes are not whole.
pub fn open(
    master: &MasterKey,
    sealed: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let body = sealed.len().checked_sub(DIGEST_BYTES).and_then(|at| sealed.split_at_checked(at));
    let (body, digest) = body.ok_or(SealError::Broken)?;
    if Digest::of(body).as_bytes() != digest {
        return Err(SealError::Broken);
    }
    let rest = body.strip_prefix(MAGIC).ok_or(SealError::Broken)?;
    let (id, rest) = split(rest, KEY_ID_BYTES)?;
    if id != key_id(master) {
        return Err(SealError::WrongKey);
    }
    let (wrap_nonce, rest) = split(rest, NONCE_BYTES)?;
    let (wrapped, rest) = split(rest, WRAPPED_BYTES)?;
    let (text_nonce, text) = split(rest, NONCE_BYTES)?;
    let (wrap_aad, text_aad) = aads(aad);
    let data_key = decrypt(master.expose(), wrap_nonce, wrapped, &wrap_aad)?;
    decrypt(&data_key, text_nonce, text, &text_aad)
}

/// What each of the two encryptions is bound to, so that neither passes for the other.
fn aads(aad: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let bound = |part: &[u8]| [MAGIC, part, aad].concat();
    (bound(b"key "), bound(b"text "))
}

fn key_id(master: &MasterKey) -> [u8; KEY_ID_BYTES] {
    let mut id = [0; KEY_ID_BYTES];
    id.iter_mut().zip(master.id().as_bytes()).for_each(|(to, from)| *to = *from);
    id
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), SealError> {
    bytes.split_at_checked(at).ok_or(SealError::Broken)
}

fn encrypt(key: &[u8], nonce: &[u8], msg: &[u8], aad: &[u8]) -> Result<Vec<u8>, SealError> {
    let (cipher, nonce) = ready(key, nonce)?;
    cipher.encrypt(&nonce, Payload { msg, aad }).map_err(|_| SealError::Broken)
}

fn decrypt(
    key: &[u8],
    nonce: &[u8],
    msg: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (cipher, nonce) = ready(key, nonce)?;
    let plain = cipher.decrypt(&nonce, Payload { msg, aad }).map_err(|_| SealError::Broken)?;
    Ok(Zeroizing::new(plain))
}

fn ready(key: &[u8], nonce: &[u8]) -> Result<(XChaCha20Poly1305, XNonce), SealError> {
    let key = <&Key>::try_from(key).map_err(|_| SealError::Broken)?;
    let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Broken)?;
    Ok((XChaCha20Poly1305::new(key), nonce))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::new([byte; 32])
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let random = [9; SEAL_RANDOM_BYTES];
        seal(&master(1), plain, b"log", &random).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_the_same_key_and_use_alone() {
        let sealed = sealed(b"hunter2");
        assert_eq!(open(&master(1), &sealed, b"log").as_deref(), Ok(&b"hunter2".to_vec()));
        assert_eq!(open(&master(2), &sealed, b"log"), Err(SealError::WrongKey));
        assert_eq!(open(&master(1), &sealed, b"other"), Err(SealError::Broken));
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
    }

    #[test]
    fn cut_bytes_do_not_open() {
        let sealed = sealed(b"hunter2");
        for end in 0..sealed.len() {
            assert_eq!(open(&master(1), &sealed[..end], b"log"), Err(SealError::Broken), "{end}");
        }
    }

    #[test]
    fn a_forged_digest_helps_nobody() {
        let mut sealed = sealed(b"hunter2");
        let body = sealed.len() - DIGEST_BYTES;
        for at in MAGIC.len() + KEY_ID_BYTES..body {
            sealed[at] ^= 1;
            let digest = Digest::of(&sealed[..body]);
            sealed[body..].copy_from_slice(digest.as_bytes());
            assert_eq!(open(&master(1), &sealed, b"log"), Err(SealError::Broken), "{at}");
            sealed[at] ^= 1;
        }
    }

    proptest! {
        #[test]
        fn any_flipped_byte_is_found(
            plain in prop::collection::vec(any::<u8>(), 0..100),
            at in any::<prop::sample::Index>(),
            mask in 1..=255_u8,
        ) {
            let mut bytes = sealed(&plain);
            let opened = open(&master(1), &bytes, b"log").unwrap();
            prop_assert_eq!(&opened[..], &plain[..]);
            let at = at.index(bytes.len());
            bytes[at] ^= mask;
            prop_assert_eq!(open(&master(1), &bytes, b"log"), Err(SealError::Broken));
        }
    }
}
