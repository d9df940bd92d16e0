//! Sessions that need no memory: what we must know of one is sealed into its name.
//!
//! A client gets a name of ours for the session that the server opened. It holds the server's own
//! name, encrypted under a key of this process and bound to its owner; so a client can neither use
//! a session of somebody else's, nor learn how to speak to the server past us, and ten thousand
//! sessions that nobody ends cost nothing. After a restart the names mean nothing any more, and
//! clients begin anew, as the protocol has it.

use std::sync::Arc;

use bakerst_model::{Digest, Secret};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// The longest name of a session that a server may give.
const UPSTREAM_BYTES_MAX: usize = 1024;
/// The longest text that is sealed.
const SEALED_BYTES_MAX: usize = 16 << 10;
const NONCE_BYTES: usize = 24;

/// A name that is none of ours, or not this caller's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unsealed;

/// Seals and opens the names of sessions, and what clients keep for us.
#[derive(Clone)]
pub(crate) struct Seal(Arc<XChaCha20Poly1305>);

impl Seal {
    /// A seal with a key of its own.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn draw() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(Arc::new(XChaCha20Poly1305::new(&key.into()))))
    }

    /// The seal with a key that was derived from this one for `purpose`: it still opens what it has
    /// sealed after a restart, and wherever else the key is.
    pub(crate) fn derived(key: &Secret, purpose: &[u8]) -> Self {
        let key = Digest::of_parts(&[b"bakerst seal v1", purpose, key.expose()]);
        Self(Arc::new(XChaCha20Poly1305::new(key.as_bytes().into())))
    }

    /// Our name for a session that a server has just opened under a name of its own; good for
    /// this owner alone.
    pub(crate) fn name(&self, upstream: &str, owner: &Owner) -> Result<String, Unsealed> {
        if upstream.len() > UPSTREAM_BYTES_MAX {
            return Err(Unsealed);
        }
        self.seal(upstream, owner)
    }

    /// Seals what this owner alone is to bring back.
    pub(crate) fn seal(&self, text: &str, owner: &Owner) -> Result<String, Unsealed> {
        if text.len() > SEALED_BYTES_MAX {
            return Err(Unsealed);
        }
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| Unsealed)?;
        let payload = Payload { msg: text.as_bytes(), aad: &owner.0 };
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload).map_err(|_| Unsealed)?;
        Ok(nonce.iter().chain(&sealed).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The server's own name for the session of this name, if it is this owner's.
    pub(crate) fn open(&self, name: &str, owner: &Owner) -> Result<String, Unsealed> {
        let bytes = from_hex(name).ok_or(Unsealed)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealed)?;
        let payload = Payload { msg: sealed, aad: &owner.0 };
        let plain = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| Unsealed)?;
        String::from_utf8(plain).map_err(|_| Unsealed)
    }
}

/// Whose a session is: this credential's, with this server.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Owner([u8; 32]);

impl Owner {
    pub(crate) fn new(principal: &str, agent: &str, server: &str) -> Self {
        let digest = Digest::of_parts(&[
            b"bakerst mcp session v1",
            principal.as_bytes(),
            agent.as_bytes(),
            server.as_bytes(),
        ]);
        Self(*digest.as_bytes())
    }

    /// The same owner, of sessions that we hold ourselves: no name that a server gave opens as one.
    pub(crate) fn of_ours(&self) -> Self {
        Self(*Digest::of_parts(&[b"bakerst mcp session of ours v1", &self.0]).as_bytes())
    }

    /// The digest that it is.
    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    const BYTES_MAX: usize = SEALED_BYTES_MAX + 1024;
    if text.len() > BYTES_MAX * 2 || !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    let digits = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..text.len()).step_by(2).map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_its_owners_alone() {
        let seal = Seal::draw().unwrap();
        let ann = Owner::new("ann", "default", "files");
        let name = seal.name("upstream-1", &ann).unwrap();
        assert!(!name.contains("upstream"));
        assert_eq!(seal.open(&name, &ann), Ok("upstream-1".to_owned()));
        for other in [Owner::new("eve", "default", "files"), Owner::new("ann", "default", "mail")] {
            assert_eq!(seal.open(&name, &other), Err(Unsealed));
        }
        assert_eq!(Seal::draw().unwrap().open(&name, &ann), Err(Unsealed));
        for forged in ["", "0", "zz", &name[1..], &name[2..], &name.replace('a', "b"), "é"] {
            assert_eq!(seal.open(forged, &ann), Err(Unsealed), "{forged}");
        }
        assert_eq!(seal.name(&"x".repeat(2000), &ann), Err(Unsealed));
    }
}
