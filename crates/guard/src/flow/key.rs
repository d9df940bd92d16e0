//! The key under which everything that a conversation keeps is digested.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// A secret of this installation. Without it nobody can tell which values share a digest, so nobody
/// can write an output that makes another value look known.
#[derive(Clone)]
pub struct FlowKey([u8; 16]);

impl FlowKey {
    /// A key from bytes that were drawn at random.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The digest of `bytes`; what is digested for one purpose never matches another.
    pub(super) fn digest(&self, purpose: Purpose, bytes: &[u8]) -> u64 {
        self.digest_parts(purpose, [bytes])
    }

    /// The digest of all these in a row.
    pub(super) fn digest_parts<'b>(
        &self,
        purpose: Purpose,
        parts: impl IntoIterator<Item = &'b [u8]>,
    ) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(purpose as u8);
        parts.into_iter().for_each(|part| hasher.write(part));
        hasher.finish()
    }
}

/// What a digest stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// A run of whole words.
    Words,
    /// A number or account, without what groups its digits.
    Joined,
    /// A piece of a text without its spacing.
    Piece,
    /// A whole prompt.
    Prompt,
}

impl fmt::Debug for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowKey(..)")
    }
}
