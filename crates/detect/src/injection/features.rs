//! What the model sees of a text: a few fingerprints for each word, sorted into rows of a table.
//!
//! Beside words and runs of words there are fingerprints of word beginnings and ends, which carry
//! over inflections and typing errors; of what stands before a word, which carries layout; and of
//! the parts that words play, which carry over from one wording and one language to another.

use super::lexicon::Parts;
use super::rules::RULES;
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

    /// Adds the rows of one more token and remembers it.
    #[inline]
    pub fn take(&mut self, token: &Token, parts: Parts, rows: &mut Rows) {
        let [second, first] = self.before;
        rows.push(row(1, token.word));
        rows.push(row(2, token.tail));
        let near = pair(first.stem, token.stem);
        rows.push(row(4, near));
        rows.push(row(5, pair(second.stem, near)));
        rows.push(row(6, pair(second.stem, token.stem)));
        rows.push_if(token.stem != token.word, row(3, token.stem));
        rows.push_if(token.gap != PLAIN_GAP, row(7, pair(token.gap, token.stem)));
        rows.push_if(token.traits.starts(), row(8, token.stem));
        if parts.is_some() {
            self.take_parts(token, parts, rows);
        } else {
            rows.push_if(token.traits.capitals(), row(9, 0));
        }
        self.before = [first, *token];
        self.at += 1;
    }

    #[inline]
    fn take_parts(&mut self, token: &Token, parts: Parts, rows: &mut Rows) {
        let bits = parts.bits();
        let [second, first] = self.parts;
        rows.push(row(10, bits));
        rows.push_if(token.traits.starts(), row(11, bits));
        rows.push_if(token.traits.capitals(), row(12, bits));
        if self.at - first.1 <= NEAR_MAX {
            let both = pair(first.0.bits(), bits);
            rows.push(row(13, both));
            let still_near = self.at - second.1 <= 2 * NEAR_MAX;
            rows.push_if(still_near, row(14, pair(second.0.bits(), both)));
        }
        self.parts = [first, (parts, self.at)];
    }
}

/// The rows of up to a block of words.
///
/// They are added up in one go, so that the processor fetches many at once: they lie anywhere in a
/// table larger than its nearest caches.
#[derive(Clone, Debug)]
pub struct Rows {
    at: [u32; ROWS_MAX],
    len: usize,
}

/// A word has thirteen rows at most, and one more for every rule that it completes.
const ROWS_MAX: usize = BLOCK_TOKENS * (13 + RULES.len());

impl Default for Rows {
    fn default() -> Self {
        Self { at: [0; ROWS_MAX], len: 0 }
    }
}

impl Rows {
    /// Those of the words since the last [`clear`](Self::clear).
    #[inline]
    #[must_use]
    pub fn all(&self) -> &[u32] {
        self.at.get(..self.len).unwrap_or_default()
    }

    /// Forgets them.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, row: u32) {
        self.push_if(true, row);
    }

    /// Without a branch: what a word has beside its usual rows is hard to foresee.
    #[inline]
    fn push_if(&mut self, wanted: bool, row: u32) {
        if let Some(slot) = self.at.get_mut(self.len) {
            *slot = row;
            self.len += usize::from(wanted);
        }
    }
}

/// The row of a rule that fired: the model weighs it by what stands around it.
#[must_use]
pub fn rule_row(rule: usize) -> u32 {
    row(15, u32::try_from(rule).unwrap_or(u32::MAX))
}

#[inline]
fn row(kind: u32, fingerprint: u32) -> u32 {
    let mixed = (fingerprint ^ kind.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
    let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x9e37_79b1);
    mixed >> (32 - ROW_BITS)
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
