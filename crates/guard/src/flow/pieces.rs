//! Texts as pieces of a few letters without spacing or disguise: what decides whether a value was
//! copied from somewhere, wholly or in part.

use std::borrow::Cow;

use bakerst_detect::normalise::{Hints, decodings, fold};

use super::key::{FlowKey, Purpose};

/// The length of a piece, in bytes.
pub(super) const PIECE_BYTES: usize = 6;
/// What is shorter can be told from nothing.
pub(super) const WORD_BYTES_MIN: usize = 3;
/// How many encodings may lie on top of each other.
const DEPTH_MAX: usize = 3;
/// How many readings one text may have.
const READINGS_MAX: usize = 16;

/// What is always looked for under a text. Disguises of single letters are undone by folding;
/// games with letters, such as writing backwards, are looked for where a text is spaced out.
const HINTS: Hints = Hints { long_runs: 1, numbers: 6, singles: 0, leet: 0, reversed: 0, rot13: 0 };

/// A text without disguise, and what else it says once each encoding is undone.
pub(super) fn readings(text: &str) -> (Cow<'_, str>, Vec<String>) {
    let text = folded(text);
    let mut hidden: Vec<String> = unescaped(&text).into_iter().collect();
    let (mut layer, mut from) = (decoded(&text), 0);
    for _ in 0..DEPTH_MAX {
        layer.extend(hidden.iter().skip(from).flat_map(|reading| decoded(reading)));
        from = hidden.len();
        for reading in std::mem::take(&mut layer) {
            // The text itself is one of them.
            let has_room = hidden.len() + 1 < READINGS_MAX;
            if has_room && reading != *text && !hidden.contains(&reading) {
                hidden.push(reading);
            }
        }
    }
    (text, hidden)
}

/// What a text says with one encoding undone.
fn decoded(text: &str) -> Vec<String> {
    let layers = decodings(text, &HINTS).into_iter();
    layers.map(|layered| folded(layered.text()).into_owned()).collect()
}

/// The text with every escape of an address or a page read, be it only one: an address may hide
/// behind a single `%40`.
fn unescaped(text: &str) -> Option<String> {
    memchr::memchr2(b'%', b'&', text.as_bytes())?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['%', '&']) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let (meaning, len) = escape(after).unwrap_or((after.chars().next()?, 1));
        out.push(meaning);
        rest = after.get(len..)?;
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// The letter that an escape at the start of `text` means, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    if text.starts_with('%') {
        let byte = u8::from_str_radix(text.get(1..3)?, 16).ok()?;
        return byte.is_ascii().then_some((char::from(byte), 3));
    }
    let (name, _) = text.get(1..)?.split_once(';').filter(|(name, _)| name.len() <= 8)?;
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    Some((char::from_u32(code.ok()?)?, name.len() + 2))
}

fn folded(text: &str) -> Cow<'_, str> {
    match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(fold(text).text().to_owned()),
    }
}

/// Each letter and digit without case, and nothing for every other byte.
const LETTERS: [u8; 256] = letters();

#[expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "at compile time")]
const fn letters() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            table[byte] = (byte as u8).to_ascii_lowercase();
        }
        byte += 1;
    }
    table
}

#[inline]
fn letter(byte: u8) -> u8 {
    LETTERS.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Room for a text without spacing, signs and case; kept for the next one.
#[derive(Default)]
pub(super) struct Squeezer(Vec<u8>);

impl Squeezer {
    /// A text without spacing, signs and case.
    pub(super) fn squeeze(&mut self, text: &str) -> &[u8] {
        let Self(letters) = self;
        letters.clear();
        if !text.is_ascii() {
            let kept = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
            let mut bytes = [0; 4];
            kept.for_each(|c| letters.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes()));
            return letters;
        }
        letters.resize(text.len(), 0);
        let mut length = 0;
        for byte in text.bytes() {
            // Without a branch: where a word ends is hard to foresee.
            if let Some(slot) = letters.get_mut(length) {
                *slot = letter(byte);
                length += usize::from(*slot != 0);
            }
        }
        letters.truncate(length);
        letters
    }
}

/// Whether a text without spacing and signs is surely as long as a piece.
pub(super) fn fills_a_piece(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).take(PIECE_BYTES).count() == PIECE_BYTES
}

/// Hands on every piece of a squeezed text. One that is shorter than a piece is a piece itself.
pub(super) fn each_piece(key: &FlowKey, squeezed: &[u8], mut see: impl FnMut(u64)) {
    squeezed.array_windows().for_each(|piece| see(key.digest_piece(*piece)));
    if (WORD_BYTES_MIN..PIECE_BYTES).contains(&squeezed.len()) {
        see(key.digest(Purpose::Piece, squeezed));
    }
}

/// Hands on every piece by which a text can be found again, and each of its short words.
pub(super) fn each_learnt(
    key: &FlowKey,
    text: &str,
    squeezer: &mut Squeezer,
    mut see: impl FnMut(u64),
) {
    let (plain, hidden) = readings(text);
    for reading in std::iter::once(&*plain).chain(hidden.iter().map(String::as_str)) {
        each_piece(key, squeezer.squeeze(reading), &mut see);
        each_short_word(key, reading, &mut see);
    }
}

fn each_short_word(key: &FlowKey, text: &str, mut see: impl FnMut(u64)) {
    let is_short = |length: usize| (WORD_BYTES_MIN..PIECE_BYTES).contains(&length);
    if !text.is_ascii() {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_short(word.len()));
        return words.for_each(|word| each_piece(key, word.to_lowercase().as_bytes(), &mut see));
    }
    let words = text.as_bytes().split(|byte| letter(*byte) == 0);
    for word in words.filter(|word| is_short(word.len())) {
        let mut letters = [0; PIECE_BYTES];
        letters.iter_mut().zip(word).for_each(|(to, from)| *to = letter(*from));
        see(key.digest(Purpose::Piece, letters.get(..word.len()).unwrap_or_default()));
    }
}
