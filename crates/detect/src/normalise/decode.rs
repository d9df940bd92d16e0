//! Undoes what hides whole runs of text.

use std::ops::Range;

use super::escape::{self, hex_byte};
use super::{Hints, Layer, Layered, disguise};

/// A byte and where in its run it was written.
type Decoded = (u8, Range<usize>);

/// The shortest run worth decoding, in characters: twelve letters of text.
const RUN_MIN: usize = 16;

/// Every reading of `text` with one layer taken off that is text itself.
///
/// Each is at most as long as `text`, and the work is linear in it.
#[must_use]
pub fn decodings(text: &str, hints: &Hints) -> Vec<Layered> {
    let mut found = Vec::new();
    let bytes = text.as_bytes();
    if memchr::memchr3(b'&', b'%', b'\\', bytes).is_some() {
        found.extend(escape::html_entities(text));
        found.extend(escape::percent(text));
        found.extend(escape::string_escapes(text));
    }
    if memchr::memchr(0x1b, bytes).is_some() {
        found.extend(escape::ansi(text));
    }
    found.extend(escape::comments_in_words(text));
    if hints.long_runs > 0 {
        found.extend(runs(text, Layer::Base64, is_base64, base64));
        found.extend(runs(text, Layer::Hex, |b| b.is_ascii_hexdigit(), hex));
    }
    if hints.numbers >= 6 {
        found.extend(runs(text, Layer::Hex, |b| b.is_ascii_hexdigit() || b == b' ', numbers));
    }
    found.extend(disguise::undo(text, hints));
    found
}

/// Decodes every long enough run of letters of one alphabet, one line each.
fn runs(
    text: &str,
    layer: Layer,
    belongs: impl Fn(u8) -> bool,
    decode: fn(&str) -> Option<Vec<Decoded>>,
) -> Option<Layered> {
    let mut out = Layered::with_capacity(layer, 0);
    let bytes = text.as_bytes();
    let mut at = 0;
    // A run that is long enough and begins at or after `at` holds the last byte of the stretch or
    // begins behind it, so most of a text is never looked at.
    while let Some(stretch) = bytes.get(at..at + RUN_MIN) {
        let Some(before) = stretch.iter().rposition(|&b| !belongs(b)) else {
            let rest = bytes.get(at..).unwrap_or_default();
            let len = rest.iter().position(|&b| !belongs(b)).unwrap_or(rest.len());
            if let Some(decoded) = text.get(at..at + len).and_then(decode) {
                append(&mut out, &decoded, at);
            }
            at += len + 1;
            continue;
        };
        at += before + 1;
    }
    (!out.text.is_empty()).then_some(out)
}

/// Adds decoded bytes as text, if they are text.
fn append(out: &mut Layered, decoded: &[Decoded], from: usize) {
    let bytes: Vec<u8> = decoded.iter().map(|(byte, _)| *byte).collect();
    let Some(text) = readable(&bytes) else { return };
    if !out.text.is_empty() {
        out.push('\n', from..from);
    }
    for (i, c) in text.char_indices() {
        let start = decoded.get(i).map_or(0, |(_, range)| range.start);
        let end = decoded.get(i + c.len_utf8() - 1).map_or(start, |(_, range)| range.end);
        out.push(c, from + start..from + end);
    }
}

/// The bytes as text, up to a last letter that was cut off, if people could read it.
fn readable(bytes: &[u8]) -> Option<&str> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) if e.valid_up_to() + 4 > bytes.len() => {
            str::from_utf8(bytes.get(..e.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    let letters = text.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace()).count();
    let controls = text.chars().filter(|c| c.is_control() && !c.is_whitespace()).count();
    let all = text.chars().count();
    (text.len() >= 6 && controls == 0 && letters * 10 >= all * 7).then_some(text)
}

fn is_base64(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_')
}

fn base64(run: &str) -> Option<Vec<Decoded>> {
    let mut out = Vec::with_capacity(run.len() / 4 * 3 + 3);
    for (at, quad) in run.as_bytes().chunks(4).enumerate() {
        let bits = quad.iter().try_fold(0_u32, |bits, &b| Some(bits << 6 | sextet(b)?))?;
        let bits = bits << (6 * (4 - quad.len()));
        let from = at * 4..at * 4 + quad.len();
        let whole = bits.to_be_bytes().into_iter().skip(1).take(quad.len().max(1) - 1);
        out.extend(whole.map(|byte| (byte, from.clone())));
        // A picture or a digest shows itself in its first bytes; the rest is not worth the work.
        if at == 3 && out.iter().any(|(b, _)| *b < 9) {
            return None;
        }
    }
    Some(out)
}

fn sextet(b: u8) -> Option<u32> {
    Some(u32::from(match b {
        b'A'..=b'Z' => b - b'A',
        b'a'..=b'z' => b - b'a' + 26,
        b'0'..=b'9' => b - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

fn hex(run: &str) -> Option<Vec<Decoded>> {
    let pairs = (0..run.len() / 2).map(|i| {
        let from = i * 2..i * 2 + 2;
        let byte = hex_byte(run.get(from.clone())?)?;
        (byte >= 9).then_some((byte, from))
    });
    pairs.collect()
}

/// Bytes as numbers with blanks between: pairs of hexadecimal digits, or eight binary ones.
fn numbers(run: &str) -> Option<Vec<Decoded>> {
    let mut out = Vec::new();
    let mut at = 0;
    for word in run.split(' ') {
        let from = at..at + word.len();
        at = from.end + 1;
        let byte = match word.len() {
            0 => continue,
            2 => hex_byte(word)?,
            8 => u8::from_str_radix(word, 2).ok()?,
            _ => return None,
        };
        out.push((byte, from));
    }
    Some(out)
}
