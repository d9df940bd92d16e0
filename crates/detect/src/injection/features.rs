//! What the model sees of a text: a few fingerprints for each word, sorted into rows of a table.
//!
//! Beside words and runs of words there are fingerprints of word beginnings and ends, which carry
//! over inflections and typing errors; of what stands before a word, which carries layout; and of
//! the parts that words play, which carry over from one wording and one language to another.

use super::lexicon::Parts;
use super::tokens::{Token, pair};

/// The number of rows as a power of two.
pub const ROW_BITS: u32 = 17;
/// How many numbers a row has.
pub const WIDTH: usize = 16;
/// How many words one block has; windows are made of whole blocks.
pub const BLOCK_TOKENS: usize = 6;
/// The windows that are scored, in blocks.
pub const SCALES: [usize; 2] = [2, 8];

/// The gap that one blank leaves, which says nothing.
const PLAIN_GAP: u32 = 0x811c_9dc5;
/// How many words back a part still counts as near.
const NEAR_MAX: usize = 7;

/// What must be remembered from word to word.
#[derive(Clone, Debug, Default)]
pub struct Features {
    before: [Token; 2],
    parts: [(Parts, usize); 2],
    at: usize,
}

impl Features {
    /// The token before the one that comes next.
    #[inline]
    #[must_use]
    pub fn before(&self) -> &Token {
        let [_, last] = &self.before;
        last
    }

    /// Emits the rows of one more token and remembers it.
    #[inline]
    pub fn take(&mut self, token: &Token, parts: Parts, mut emit: impl FnMut(usize)) {
        let [second, first] = self.before;
        emit(row(1, token.word));
        emit(row(2, token.tail));
        let near = pair(first.stem, token.stem);
        emit(row(4, near));
        emit(row(5, pair(second.stem, near)));
        emit(row(6, pair(second.stem, token.stem)));
        if token.stem != token.word {
            emit(row(3, token.stem));
        }
        if token.gap != PLAIN_GAP {
            emit(row(7, pair(token.gap, token.stem)));
        }
        if token.traits.starts() {
            emit(row(8, token.stem));
        }
        if parts.is_some() {
            self.take_parts(token, parts, &mut emit);
        } else if token.traits.capitals() {
            emit(row(9, 0));
        }
        self.before = [first, *token];
        self.at += 1;
    }

    #[inline]
    fn take_parts(&mut self, token: &Token, parts: Parts, emit: &mut impl FnMut(usize)) {
        let bits = parts.bits();
        let [second, first] = self.parts;
        emit(row(10, bits));
        if token.traits.starts() {
            emit(row(11, bits));
        }
        if token.traits.capitals() {
            emit(row(12, bits));
        }
        if self.at - first.1 <= NEAR_MAX {
            let both = pair(first.0.bits(), bits);
            emit(row(13, both));
            if self.at - second.1 <= 2 * NEAR_MAX {
                emit(row(14, pair(second.0.bits(), both)));
            }
        }
        self.parts = [first, (parts, self.at)];
    }
}

/// The row of a rule that fired: the model weighs it by what stands around it.
#[must_use]
pub fn rule_row(rule: usize) -> usize {
    row(15, u32::try_from(rule).unwrap_or(u32::MAX))
}

#[inline]
fn row(kind: u32, fingerprint: u32) -> usize {
    let mixed = (fingerprint ^ kind.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x9e37_79b1);
    (mixed >> (32 - ROW_BITS)) as usize
}

/// The windows over `blocks` blocks: first block, how many, and whether it is a wide one.
///
/// A text shorter than a window is one window; wide ones exist only where they see more.
pub fn windows(blocks: usize) -> impl Iterator<Item = (usize, usize, bool)> {
    let [near, wide] = SCALES;
    let narrow = (0..blocks.saturating_sub(near - 1).max(1)).map(move |at| (at, near, false));
    let steps = if blocks > near { blocks.saturating_sub(wide).div_ceil(2) + 1 } else { 0 };
    let last = blocks.saturating_sub(wide);
    let broad = (0..steps).map(move |i| ((2 * i).min(last), wide, true));
    narrow.chain(broad).take_while(move |_| blocks > 0)
}
