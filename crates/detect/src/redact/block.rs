//! Longer things with an inner structure: PEM blocks, JSON web tokens, bank account numbers.

use super::check::{base64, iban};
use super::found::Found;
use super::kind::Kind;
use super::set::Set;
use super::window::Window;

/// The longest private key block; what follows it is not part of the finding.
pub(crate) const PEM_MAX: usize = 16 << 10;
/// The longest part of a JSON web token.
const JWT_PART_MAX: usize = 4096;
const DASHES: &str = "-----";

/// A private key from its opening line to its closing one, or as far as it looks like one.
pub(crate) fn private_key(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    const TITLE: Set = Set::of(b"09AZaz", b" _");
    const BODY: Set = Set::of(b"09azAZ", b"+/=:,.\\\"'_ \t\r\n");
    let start = at.saturating_sub(4);
    if window.behind(at, 4) != b"----" || !window.has_word(at, "-begin") {
        return;
    }
    let title = window.run(at + 6, &TITLE, 80);
    let title_text = window.slice(at + 6, at + 6 + title);
    let is_private = memchr::memmem::find(title_text, b"PRIVATE KEY").is_some();
    let body = at + 6 + title + DASHES.len();
    if !is_private || !window.has_word(body - DASHES.len(), DASHES) {
        return;
    }
    let run = window.run(body, &BODY, PEM_MAX);
    let end = closing(window, body, body + run);
    if end.is_some() || run >= 64 {
        let end = end.unwrap_or(body + run);
        out.push(Found::new(Kind::PrivateKey, "private-key", start, end));
    }
}

/// The end of `-----END … KEY-----` at a place, or of the dashes that follow a title before it.
fn closing(window: &Window<'_>, body: usize, at: usize) -> Option<usize> {
    if !window.has_word(at, DASHES) || at < body + 24 {
        return None;
    }
    let behind = window.slice(body, at);
    if behind.ends_with(b"KEY") || behind.ends_with(b"KEY BLOCK") {
        return Some(at + DASHES.len());
    }
    if !window.has_word(at, "-----end") {
        return None;
    }
    let title = at + 8 + window.run(at + 8, &Set::of(b"09AZaz", b" _"), 80);
    window.has_word(title, DASHES).then_some(title + DASHES.len())
}

/// Three parts in base64, the first two of which hold JSON objects.
pub(crate) fn web_token(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    const PART: Set = Set::of(b"09azAZ", b"_-/\\");
    if matches!(window.before(at), b'.' | b'-') || !window.begins(at) {
        return;
    }
    let head = window.run(at, &Set::BASE64, JWT_PART_MAX);
    if head < 10 || window.at(at + head) != b'.' {
        return;
    }
    let payload_at = at + head + 1;
    let payload = window.run(payload_at, &PART, JWT_PART_MAX);
    if payload < 10 {
        return;
    }
    let mut end = payload_at + payload;
    if window.at(end) == b'.' {
        end += 1;
        // An encrypted token has five parts, one of which may be empty.
        for _ in 0..3 {
            end += window.run(end, &Set::BASE64, JWT_PART_MAX);
            end += window.run(end, &Set::EMPTY.with(b'='), 2);
            match window.at(end) == b'.' && Set::BASE64.has(window.at(end + 1)) {
                true => end += 1,
                false => break,
            }
        }
    } else {
        return;
    }
    let is_json = |from: usize, len: usize| {
        base64(window.slice(from, from + len.min(8)), 2).starts_with(b"{\"")
    };
    let signed = is_json(at, head);
    let both = head >= 17 && payload >= 17 && window.has_word(payload_at, "ey");
    if signed || both {
        let found = Found::new(Kind::Jwt, "jwt", at, end);
        out.push(if signed { found.verified() } else { found });
    }
}

/// A JSON web token that was encoded once more.
pub(crate) fn wrapped_web_token(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let run = window.run(at, &Set::BASE64, JWT_PART_MAX);
    let end = at + run + window.run(at + run, &Set::EMPTY.with(b'='), 2);
    if window.begins(at) && run >= 40 && base64(window.slice(at, at + 8), 3) == b"eyJ" {
        out.push(Found::new(Kind::Jwt, "jwt-base64", at, end));
    }
}

/// The countries that issue account numbers, with their lengths.
const IBAN_LENGTHS: [(&[u8; 2], usize); 77] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"XK", 20),
];

/// An account number, written in one or in groups of four, whose check digits hold.
pub(crate) fn account(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let country = [window.at(at), window.at(at + 1)];
    let Some((_, len)) = IBAN_LENGTHS.iter().find(|(name, _)| **name == country) else { return };
    if !window.begins(at) {
        return;
    }
    let (mut number, mut end) = (Vec::with_capacity(*len), at);
    let grouped = matches!(window.at(at + 4), b' ' | b'-');
    while number.len() < *len {
        let byte = window.at(end);
        if byte.is_ascii_uppercase() || byte.is_ascii_digit() {
            number.push(byte);
        } else if !(grouped && matches!(byte, b' ' | b'-') && number.len() % 4 == 0) {
            return;
        }
        end += 1;
    }
    if !Set::WORD.has(window.at(end)) && iban(&number) {
        out.push(Found::new(Kind::Iban, "iban", at, end).verified());
    }
}
