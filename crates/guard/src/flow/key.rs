//! The key under which everything that a conversation keeps is digested.

use std::fmt;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::pieces::PIECE_BYTES;

/// A secret of this installation. Without it nobody can tell which values share a digest, so nobody
/// can write an output that makes another value look known.
#[derive(Clone)]
pub struct FlowKey(u64, u64);

impl FlowKey {
    /// A key from bytes that were drawn at random.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Self {
        let (first, second) = SipHasher13::new_with_key(&bytes).keys();
        Self(first, second)
    }

    /// The digest of a piece of the usual length, which is that of its bytes: written as numbers of
    /// known length, they take no loop, and most of what is heard are such pieces.
    #[inline]
    pub(super) fn digest_piece(&self, [a, b, c, d, e, f]: [u8; PIECE_BYTES]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
        hasher.write_u8(Purpose::Piece as u8);
        hasher.write_u32(u32::from_ne_bytes([a, b, c, d]));
        hasher.write_u16(u16::from_ne_bytes([e, f]));
        hasher.finish()
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
        let mut hasher = SipHasher13::new_with_keys(self.0, self.1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_books_hold() {
        let key = FlowKey::new(*b"0123456789abcdef");
        assert_eq!(key.digest(Purpose::Piece, b"pieces"), key.digest_piece(*b"pieces"));
        let digests = [(Purpose::Words, &b"words"[..]), (Purpose::Piece, b"pieces")];
        let digests = digests.map(|(purpose, bytes)| key.digest(purpose, bytes));
        assert_eq!(digests, [0xbea4_1241_e298_97b6, 0x5204_95f9_93c1_bd92]);
    }
}
