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

/// A text, and what it says once each encoding is undone.
pub(super) fn readings(text: &str) -> Vec<String> {
    let text = folded(text);
    let mut readings = vec![text.clone().into_owned()];
    readings.extend(unescaped(&text));
    let (mut from, mut depth) = (0, 0);
    while depth < DEPTH_MAX && from < readings.len() {
        let layer: Vec<String> = readings
            .iter()
            .skip(from)
            .flat_map(|reading| decodings(reading, &HINTS))
            .map(|layered| folded(layered.text()).into_owned())
            .collect();
        from = readings.len();
        for reading in layer {
            if readings.len() < READINGS_MAX && !readings.contains(&reading) {
                readings.push(reading);
            }
        }
        depth += 1;
    }
    readings
}

/// The text with every escape of an address or a page read, be it only one: an address may hide
/// behind a single `%40`.
fn unescaped(text: &str) -> Option<String> {
    if !text.contains(['%', '&']) {
        return None;
    }
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

/// A text without spacing, signs and case.
pub(super) fn squeezed(text: &str) -> String {
    if text.is_ascii() {
        let letters = text.bytes().filter(u8::is_ascii_alphanumeric);
        return letters.map(|letter| char::from(letter.to_ascii_lowercase())).collect();
    }
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether a text without spacing and signs is surely as long as a piece.
pub(super) fn fills_a_piece(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).take(PIECE_BYTES).count() == PIECE_BYTES
}

/// Every piece of a squeezed text. One that is shorter than a piece is a piece itself.
pub(super) fn pieces<'t>(key: &'t FlowKey, squeezed: &'t str) -> impl Iterator<Item = u64> + 't {
    let bytes = squeezed.as_bytes();
    let short = (WORD_BYTES_MIN..PIECE_BYTES).contains(&bytes.len()).then_some(bytes);
    let pieces = bytes.windows(PIECE_BYTES).chain(short);
    pieces.map(|piece| key.digest(Purpose::Piece, piece))
}

/// Every piece by which a text can be found again, and each of its short words.
pub(super) fn learnt(key: &FlowKey, text: &str) -> Vec<u64> {
    let mut learnt = Vec::with_capacity(text.len());
    for reading in readings(text) {
        let whole = squeezed(&reading);
        learnt.extend(pieces(key, &whole));
        for word in reading.split(|c: char| !c.is_alphanumeric()) {
            if (WORD_BYTES_MIN..PIECE_BYTES).contains(&word.len()) {
                learnt.extend(pieces(key, &word.to_lowercase()));
            }
        }
    }
    learnt
}
