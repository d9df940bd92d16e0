//! Numbers: payment cards, social security numbers, telephones, internet addresses of version 4.

use super::check::luhn;
use super::found::Found;
use super::kind::Kind;
use super::set::Set;
use super::window::Window;

const CARD_SEPARATORS: Set = Set::of(b"", b" -");
const PHONE_SEPARATORS: Set = Set::of(b"", b" -.");

/// What begins at a digit that no digit precedes.
pub(crate) fn number(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let last = window.before(at);
    if Set::WORD.has(last) && !window.begins(at) {
        return;
    }
    let run = window.run(at, &Set::DIGIT, 20);
    let joined = matches!(last, b'-' | b'.' | b'/') && window.before(at - 1).is_ascii_digit();
    let found = match run {
        1..=3 if window.at(at + run) == b'.' => {
            address(window, at, joined).or_else(|| phone(window, at, joined))
        }
        3 if !joined => social(window, at).or_else(|| phone(window, at, joined)),
        4 if !joined => grouped_card(window, at),
        12 if names_card(window, at) => unlisted_card(window, at),
        13..=19 if last != b'.' => card(window, at, at + run),
        _ => None,
    };
    out.extend(found);
}

/// Whether a number may end here: before no digit, letter or further group.
fn ends(window: &Window<'_>, at: usize) -> bool {
    let next = window.at(at);
    let joins = Set::WORD.has(next)
        || matches!(next, b'-' | b'.' | b'/') && window.at(at + 1).is_ascii_digit();
    !joins
}

fn card(window: &Window<'_>, at: usize, end: usize) -> Option<Found> {
    let digits: Vec<u8> =
        window.slice(at, end).iter().copied().filter(u8::is_ascii_digit).collect();
    let good = ends(window, end) && is_issued(&digits) && luhn(&digits);
    good.then(|| Found::new(Kind::CreditCard, "payment-card", at, end).verified())
}

/// Some debit cards have twelve digits, too few to tell without a word.
fn unlisted_card(window: &Window<'_>, at: usize) -> Option<Found> {
    let good = ends(window, at + 12) && luhn(window.slice(at, at + 12));
    good.then(|| Found::new(Kind::CreditCard, "payment-card", at, at + 12).verified())
}

fn names_card(window: &Window<'_>, at: usize) -> bool {
    let behind = window.behind(at, 32).to_ascii_lowercase();
    ["card", "cc "].iter().any(|word| memchr::memmem::find(&behind, word.as_bytes()).is_some())
}

/// Groups of four, or of four, six and five (or four).
fn grouped_card(window: &Window<'_>, at: usize) -> Option<Found> {
    let separator = window.at(at + 4);
    if !CARD_SEPARATORS.has(separator) {
        return None;
    }
    let group = |from: usize| window.run(from, &Set::DIGIT, 7);
    let (mut end, mut lens) = (at + 4, [4, 0, 0, 0, 0]);
    for len in lens.iter_mut().skip(1) {
        if window.at(end) != separator {
            break;
        }
        *len = group(end + 1);
        if *len == 0 {
            break;
        }
        end += 1 + *len;
    }
    match lens {
        [4, 4, 4, 4, 0] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5, 0, 0] => card(window, at, end),
        [4, 4, 4, 4, _] => card(window, at, at + 19),
        _ => None,
    }
}

/// Whether the first digits belong to a card scheme that issues numbers of this length.
fn is_issued(digits: &[u8]) -> bool {
    let head = |n: usize| {
        digits
            .iter()
            .take(n)
            .fold(0_u32, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
    };
    let all_same = digits.iter().all(|digit| Some(digit) == digits.first());
    let scheme = match digits.len() {
        13 => head(1) == 4,
        14 => matches!(head(3), 300..=305 | 309) || matches!(head(2), 36 | 38 | 39),
        15 => matches!(head(2), 34 | 37) || matches!(head(4), 1800 | 2131),
        16 => {
            head(1) == 4
                || matches!(
                    head(2),
                    51..=55 | 62 | 65 | 50 | 60 | 63 | 64 | 67 | 81 | 35 | 36 | 38 | 39
                )
                || matches!(head(4), 2200..=2204 | 2221..=2720 | 5610..=5619 | 5800..=5899 | 9792)
                || matches!(head(3), 300..=305)
        }
        17..=19 => {
            head(1) == 4 || matches!(head(2), 62 | 50 | 56..=58 | 60 | 63..=65 | 67 | 35 | 36)
        }
        _ => false,
    };
    scheme && !all_same
}

/// Three, two and four digits that the administration may have issued.
fn social(window: &Window<'_>, at: usize) -> Option<Found> {
    let separator = window.at(at + 3);
    let dashed = separator == b'-';
    if !dashed && separator != b' ' {
        return None;
    }
    let fits = window.run(at + 4, &Set::DIGIT, 3) == 2
        && window.at(at + 6) == separator
        && window.run(at + 7, &Set::DIGIT, 5) == 4
        && ends(window, at + 11)
        && window.before(at) != b'-'
        && window.at(at + 11) != b'-';
    let number = window.slice(at, at + 11);
    let good = fits && is_social(number.get(..3)?, number.get(4..6)?, number.get(7..)?);
    (good && (dashed || names_social(window, at)))
        .then(|| Found::new(Kind::UsSsn, "us-ssn", at, at + 11).verified())
}

pub(crate) fn is_social(area: &[u8], group: &[u8], serial: &[u8]) -> bool {
    !matches!(area, b"000" | b"666")
        && area.first() != Some(&b'9')
        && group != b"00"
        && serial != b"0000"
}

fn names_social(window: &Window<'_>, at: usize) -> bool {
    let behind = window.behind(at, 24).to_ascii_lowercase();
    ["ssn", "social"].iter().any(|word| memchr::memmem::find(&behind, word.as_bytes()).is_some())
}

/// The North American form without a country: `212-555-0123`.
fn phone(window: &Window<'_>, at: usize, joined: bool) -> Option<Found> {
    let separator = window.at(at + 3);
    let fits = !joined
        && matches!(separator, b'-' | b'.')
        && is_area(window, at)
        && is_area(window, at + 4)
        && window.at(at + 7) == separator
        && window.run(at + 8, &Set::DIGIT, 5) == 4
        && !matches!(window.before(at), b'-' | b'.');
    let end = extended(window, at + 12);
    (fits && ends(window, end)).then(|| Found::new(Kind::Phone, "phone-us", at, end))
}

/// Takes an extension along, such as `x204`.
pub(crate) fn extended(window: &Window<'_>, end: usize) -> usize {
    let digits = match window.at(end) {
        b'x' => window.run(end + 1, &Set::DIGIT, 6),
        _ => 0,
    };
    if digits > 0 { end + 1 + digits } else { end }
}

/// Area and exchange codes do not begin with zero or one.
fn is_area(window: &Window<'_>, at: usize) -> bool {
    matches!(window.at(at), b'2'..=b'9') && window.run(at, &Set::DIGIT, 4) == 3
}

/// `(212) 555-0123`.
pub(crate) fn bracketed_phone(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    if !is_area(window, at + 1) || window.at(at + 4) != b')' || Set::WORD.has(window.before(at)) {
        return;
    }
    let rest = at + 5 + window.run(at + 5, &PHONE_SEPARATORS, 1);
    let fits = is_area(window, rest)
        && PHONE_SEPARATORS.has(window.at(rest + 3))
        && window.run(rest + 4, &Set::DIGIT, 5) == 4;
    let end = extended(window, rest + 8);
    if fits && ends(window, end) {
        out.push(Found::new(Kind::Phone, "phone-us", at, end));
    }
}

/// A plus, a country and the rest of 8 to 15 digits in groups.
pub(crate) fn international_phone(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let american = window.at(at + 1) == b'1' && !window.at(at + 2).is_ascii_digit();
    let last = window.before(at);
    if Set::WORD.has(last) || window.at(at + 1) == b'0' || matches!(last, b'+' | b')') {
        return;
    }
    if let Some(end) = digits_in_groups(window, at + 1, if american { 11 } else { 15 }) {
        let count = window.slice(at, end).iter().filter(|byte| byte.is_ascii_digit()).count();
        let grouped = end - at - 1 > count || count >= 10;
        let end = extended(window, end);
        if count >= if american { 11 } else { 8 } && grouped && ends(window, end) {
            out.push(Found::new(Kind::Phone, "phone-international", at, end));
        }
    }
}

/// Where at most `max` digits in groups end; a group is not cut.
pub(crate) fn digits_in_groups(window: &Window<'_>, at: usize, max: usize) -> Option<usize> {
    const BETWEEN: Set = Set::of(b"", b" -.()/");
    let (mut end, mut next, mut digits) = (None, at, 0);
    loop {
        let run = window.run(next, &Set::DIGIT, max + 1);
        digits += run;
        if run == 0 || digits > max {
            return end;
        }
        end = Some(next + run);
        let gap = window.run(next + run, &BETWEEN, 3);
        if gap == 0 || gap > 2 {
            return end;
        }
        next += run + gap;
    }
}

/// Four numbers of one byte each, unless they name a version or no machine outside.
fn address(window: &Window<'_>, at: usize, joined: bool) -> Option<Found> {
    let (mut end, mut octets) = (at, [0_u16; 4]);
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            if window.at(end) != b'.' {
                return None;
            }
            end += 1;
        }
        let run = window.run(end, &Set::DIGIT, 4);
        let digits = window.slice(end, end + run);
        *octet = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        if !(1..=3).contains(&run) || *octet > 255 || run > 1 && digits.first() == Some(&b'0') {
            return None;
        }
        end += run;
    }
    let next = window.at(end);
    let more =
        Set::WORD.has(next) || matches!(next, b'.' | b'-') && Set::WORD.has(window.at(end + 1));
    let versioned = names_version(&window.behind(at, 16).to_ascii_lowercase());
    (!joined && !more && !versioned && is_public(octets))
        .then(|| Found::new(Kind::IpAddress, "ipv4", at, end))
}

/// Addresses of private networks, of documentation and of the machine itself point at nobody.
fn is_public(octets: [u16; 4]) -> bool {
    !matches!(
        octets,
        [0 | 10 | 127 | 224.., ..]
            | [192, 168, ..]
            | [172, 16..=31, ..]
            | [169, 254, ..]
            | [192, 0, 2 | 0, _]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
    )
}

fn names_version(behind: &[u8]) -> bool {
    let word = behind.trim_ascii_end();
    let word = word.strip_suffix(b":").or(word.strip_suffix(b"=")).unwrap_or(word).trim_ascii_end();
    let word = word.strip_suffix(b"\"").unwrap_or(word);
    ["version", "ver", "release", "build", "upgrade", "oid"]
        .iter()
        .any(|end| word.ends_with(end.as_bytes()))
        || behind.ends_with(b" v")
}
