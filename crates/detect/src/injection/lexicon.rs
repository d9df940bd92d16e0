//! Words that carry a part in an attempt to take over a model, in many languages.
//!
//! An attack can be worded in endless ways, but its parts recur: something to be dropped, what was
//! said before, an order, whoever is addressed, what is to be kept quiet. Reading words as parts
//! lets the rules and the model see the same sentence behind different words.

use std::sync::LazyLock;

use super::tokens::{Token, bytes_hash, pair, word_hash};
use crate::normalise::{Hints, unleeted};

mod words;

/// The parts that a word can play, as a set of bits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Parts(u32);

impl Parts {
    /// To drop or get round something.
    pub const DROP: Self = Self(1);
    /// What was there before.
    pub const PRIOR: Self = Self(1 << 1);
    /// Instructions, rules, limits.
    pub const ORDER: Self = Self(1 << 2);
    /// A model or assistant.
    pub const MODEL: Self = Self(1 << 3);
    /// A persona without limits.
    pub const PERSONA: Self = Self(1 << 4);
    /// To show or give away.
    pub const REVEAL: Self = Self(1 << 5);
    /// To send somewhere.
    pub const SEND: Self = Self(1 << 6);
    /// What is worth stealing.
    pub const LOOT: Self = Self(1 << 7);
    /// Not, never, without.
    pub const NOT: Self = Self(1 << 8);
    /// To tell or mention.
    pub const TELL: Self = Self(1 << 9);
    /// The user or another person.
    pub const USER: Self = Self(1 << 10);
    /// Quietly, in secret.
    pub const SECRET: Self = Self(1 << 11);
    /// Urgent, important, at once.
    pub const URGENT: Self = Self(1 << 12);
    /// New, following, instead.
    pub const NEW: Self = Self(1 << 13);
    /// System, administrator, developer.
    pub const ROLE: Self = Self(1 << 14);
    /// You, your.
    pub const YOU: Self = Self(1 << 15);
    /// To carry out, follow, execute.
    pub const OBEY: Self = Self(1 << 16);
    /// To act or pretend as somebody.
    pub const ACT: Self = Self(1 << 17);
    /// An address or a way to send something.
    pub const PLACE: Self = Self(1 << 18);
    /// A tool, function or call.
    pub const TOOL: Self = Self(1 << 19);
    /// A prompt.
    pub const PROMPT: Self = Self(1 << 20);
    /// A task or request.
    pub const TASK: Self = Self(1 << 21);
    /// Before, while, after: an order in time between calls.
    pub const WHEN: Self = Self(1 << 22);
    /// Free of limits, harm, morals.
    pub const LIMITS: Self = Self(1 << 23);
    /// A word that talks about attacks as such.
    pub const TALK: Self = Self(1 << 24);
    /// Must, have to.
    pub const MUST: Self = Self(1 << 25);
    /// To answer or write out.
    pub const ANSWER: Self = Self(1 << 26);
    /// Mode, as in a mode of operation.
    pub const MODE: Self = Self(1 << 27);
    /// A known word that plays no part.
    pub const COMMON: Self = Self(1 << 29);
    const ROT13: Self = Self(1 << 30);
    const REVERSED: Self = Self(1 << 31);

    /// Whether the two sets share a part.
    #[must_use]
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a word plays any part at all.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 & ((1 << 29) - 1) != 0
    }

    /// All parts as a number, for fingerprints.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0 & ((1 << 29) - 1)
    }

    /// Both sets in one.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Open addressing by fingerprint; a power of two well above the number of words.
struct Table {
    slots: Vec<(u32, Parts)>,
}

const SLOTS: usize = 8192;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table { slots: vec![(0, Parts(0)); SLOTS] };
    for (parts, list) in words::WORDS {
        for word in list.split_whitespace() {
            table.add(key(word), *parts);
            if word.is_ascii() && word.len() > 3 {
                let turned: String = word.chars().map(turn).collect();
                table.add(word_hash(&turned), Parts::ROT13);
                let reversed: String = word.chars().rev().collect();
                table.add(word_hash(&reversed), Parts::REVERSED);
            }
        }
    }
    table
});

fn turn(c: char) -> char {
    let letter = u8::try_from(c).unwrap_or(b'a').saturating_sub(b'a');
    char::from(b'a' + (letter + 13) % 26)
}

/// Two letters of a script without blanks count as one word.
fn key(word: &str) -> u32 {
    let mut letters = word.chars().map(|c| word_hash(c.encode_utf8(&mut [0; 4])));
    match (letters.next(), letters.next(), word.as_bytes().first()) {
        (Some(a), Some(b), Some(0xe3..=0xee)) => pair(a, b),
        _ => word_hash(word),
    }
}

impl Table {
    fn add(&mut self, key: u32, parts: Parts) {
        let mut at = key as usize;
        for _ in 0..SLOTS {
            at %= SLOTS;
            match self.slots.get_mut(at) {
                Some(slot) if slot.1 == Parts(0) || slot.0 == key => {
                    *slot = (key, slot.1.or(parts));
                    return;
                }
                _ => at += 1,
            }
        }
    }

    #[inline]
    fn parts(&self, key: u32) -> Parts {
        let mut at = key as usize;
        loop {
            match self.slots.get(at % SLOTS) {
                Some((found, parts)) if *found == key => return *parts,
                Some((_, parts)) if *parts != Parts(0) => at += 1,
                _ => return Parts(0),
            }
        }
    }
}

/// A handle on the word table, so that a scan takes it up once.
#[derive(Clone, Copy)]
pub struct Lexicon(&'static Table);

impl Lexicon {
    /// The words of ours.
    #[must_use]
    pub fn new() -> Self {
        Self(&TABLE)
    }

    /// The parts that a token plays, given the token before it; notes what disguise would make a
    /// part of it.
    #[inline]
    pub fn parts(self, token: &Token, before: &Token, bytes: &[u8], hints: &mut Hints) -> Parts {
        if token.traits.ideograph() {
            return self.0.parts(pair(before.word, token.word));
        }
        let parts = self.0.parts(token.word);
        hints.rot13 += u32::from(parts.any(Parts::ROT13));
        hints.reversed += u32::from(parts.any(Parts::REVERSED));
        if token.traits.mixed() && token.end - token.start < 16 {
            let word = bytes.get(token.start..token.end).unwrap_or_default();
            let plain = bytes_hash(word.iter().map(|&b| unleeted(b)));
            hints.leet += u32::from(self.0.parts(plain).is_some());
        }
        parts
    }
}

impl Default for Lexicon {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a word in lower case is one of ours.
pub(crate) fn knows(word: &str) -> bool {
    let parts = TABLE.parts(key(word));
    parts.is_some() || parts.any(Parts::COMMON)
}
