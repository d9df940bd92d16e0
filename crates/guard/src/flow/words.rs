//! Texts as runs of words, to the letter: what decides whether a value is the user's own.
//!
//! Case, spacing, quotes and brackets do not count. Everything within a word does, and no look-alike
//! stands for another letter: who owns `exam-ple.org` is not who owns `example.org`.

use super::key::{FlowKey, Purpose};

/// The longest run that is digested whole. A longer value is known if each of its runs is.
const RUN_WORDS: usize = 3;
/// The longest number that is read over spaces, in groups.
const GROUPS_MAX: usize = 10;
/// The longest group but the first.
const GROUP_BYTES_MAX: usize = 8;
/// The shortest number that is told apart from others by its digits alone.
const JOINED_DIGITS_MIN: usize = 6;
/// How many beginnings and ends of a path are known with it.
const PATH_PARTS_MAX: usize = 8;
/// What is longer is no word that anybody names.
const WORD_BYTES_MAX: usize = 2048;

/// A text in lower case, cut into words.
pub(super) struct Words {
    text: String,
    /// Where each word stands.
    spans: Vec<(usize, usize)>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let text = text.to_lowercase();
        let mut spans = Vec::new();
        let mut start = 0;
        for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
            if ends_word(c) {
                spans.extend(trimmed(&text, start, at));
                start = at + c.len_utf8();
            }
        }
        Self { text, spans }
    }

    /// The words in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.spans.iter().map(|&span| self.word(span))
    }

    pub(super) fn count(&self) -> usize {
        self.spans.len()
    }

    fn word(&self, (start, end): (usize, usize)) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    fn run(&self, key: &FlowKey, words: &[(usize, usize)]) -> u64 {
        let words = words.iter().enumerate().flat_map(|(place, &span)| {
            let between: &[u8] = if place == 0 { b"" } else { b" " };
            [between, self.word(span).as_bytes()]
        });
        key.digest_parts(Purpose::Words, words)
    }

    /// Everything that a text makes known: its runs of words, the hosts, beginnings and ends of its
    /// addresses and paths, and its numbers without what groups their digits.
    pub(super) fn known(&self, key: &FlowKey) -> Vec<u64> {
        let mut known = Vec::with_capacity(self.spans.len() * RUN_WORDS);
        for words in 1..=RUN_WORDS {
            known.extend(self.spans.windows(words).map(|run| self.run(key, run)));
        }
        for word in self.iter().filter(|word| word.contains('/')) {
            known.extend(parts(word).map(|part| key.digest(Purpose::Words, part.as_bytes())));
        }
        for start in 0..self.spans.len() {
            let groups = self.spans.get(start..).unwrap_or_default();
            let numbers = self.joined(groups).filter(|number| !number.is_empty());
            known.extend(numbers.map(|number| key.digest(Purpose::Joined, number.as_bytes())));
        }
        known
    }

    /// The runs that a value is made of; it is known if all of them are.
    pub(super) fn runs(&self, key: &FlowKey) -> Vec<u64> {
        let words = self.spans.len().min(RUN_WORDS);
        if words == 0 {
            return Vec::new();
        }
        self.spans.windows(words).map(|run| self.run(key, run)).collect()
    }

    /// The value as one number, if it is one.
    pub(super) fn as_number(&self, key: &FlowKey) -> Option<u64> {
        let mut whole = None;
        for (groups, joined) in self.joined(&self.spans).enumerate() {
            whole = (groups + 1 == self.spans.len()).then_some(joined);
        }
        let whole = whole.filter(|number| !number.is_empty());
        whole.map(|number| key.digest(Purpose::Joined, number.as_bytes()))
    }

    /// Each single word.
    pub(super) fn singles(&self, key: &FlowKey) -> impl Iterator<Item = (&str, u64)> {
        self.iter().map(|word| (word, key.digest(Purpose::Words, word.as_bytes())))
    }

    /// The numbers that begin with the first of these words and go over one, two, … of them. Groups
    /// that are too few digits yet give an empty text.
    fn joined<'w>(&'w self, words: &'w [(usize, usize)]) -> impl Iterator<Item = String> + 'w {
        let groups = words.iter().take(GROUPS_MAX).map(|&span| self.word(span));
        let mut joined = String::new();
        let few = |(place, word): &(usize, &str)| *place == 0 || word.len() <= GROUP_BYTES_MAX;
        let groups = groups.enumerate().take_while(few).map(|(_, word)| word);
        groups.take_while(|word| is_group(word)).map(move |word| {
            joined.extend(word.chars().filter(char::is_ascii_alphanumeric));
            let digits = joined.bytes().filter(u8::is_ascii_digit).count();
            if digits >= JOINED_DIGITS_MIN { joined.clone() } else { String::new() }
        })
    }
}

/// What stands between words. A dash or a dot may be part of one.
fn ends_word(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '"' | '\''
                | '`'
                | '´'
                | '‘'
                | '’'
                | '“'
                | '”'
                | '«'
                | '»'
                | '„'
                | ','
                | ';'
                | '|'
                | '='
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '<'
                | '>'
        )
}

/// A word without what only surrounds it.
fn trimmed(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let chunk = text.get(start..end)?;
    let word = chunk.trim_start_matches(['*', '_', '#', '@', '!', '?', ':', '•', '·']);
    // Who owns a domain owns what `www.` before it leads to.
    let word = ["https://", "http://", "mailto:", "www."]
        .iter()
        .fold(word, |word, prefix| word.strip_prefix(prefix).unwrap_or(word));
    let from = start + (chunk.len() - word.len());
    let word = word.trim_end_matches(['.', ':', '!', '?', '*', '_', '…', '/']);
    let usable = word.chars().any(char::is_alphanumeric) && word.len() <= WORD_BYTES_MAX;
    usable.then_some((from, from + word.len()))
}

/// The beginnings and ends of a path or address, at its slashes.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let slashes = || word.match_indices('/').map(|(at, _)| at).take(PATH_PARTS_MAX);
    let heads = slashes().filter_map(|at| word.get(..at));
    let tails = slashes().filter_map(|at| word.get(at + 1..));
    heads.chain(tails).filter(|part| part.chars().any(char::is_alphanumeric))
}

/// Whether a word may be one group of a number that is written in several.
fn is_group(word: &str) -> bool {
    let plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+'));
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    plain && (digits > 0 || word.len() <= 4)
}
