//! What tells about a person only because the text says so: dates of birth, passports, national
//! numbers, telephones in local forms, street addresses.

use super::check::luhn;
use super::digits::{digits_in_groups, extended, is_social};
use super::found::Found;
use super::kind::Kind;
use super::set::Set;
use super::window::Window;

const MONTHS: [&[u8]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
/// What may stand between a name and its value.
const BETWEEN: Set = Set::of(b"azAZ", b" :=\"'#.,()_-\t\\/<>|");

/// A date after `born`, `date of birth` or `dob`.
pub(crate) fn birth(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let digit = at + window.run(at, &BETWEEN, 32);
    let month = month_before(window, digit, at);
    let start = digit - month;
    let run = |at: usize| window.run(at, &Set::DIGIT, 5);
    let first = run(digit);
    let end = match month {
        0 => numeric_date(window, digit, first).or_else(|| spoken_date(window, digit, first)),
        _ => year_after(window, digit + first).filter(|_| (1..=2).contains(&first)),
    };
    if let Some(end) = end
        && !window.at(end).is_ascii_digit()
    {
        out.push(Found::new(Kind::DateOfBirth, "date-of-birth", start, end));
    }
}

fn month_before(window: &Window<'_>, digit: usize, low: usize) -> usize {
    let blanks = window.run_back(digit, &Set::of(b"", b" ."), 2);
    let letters = window.run_back(digit - blanks, &Set::LETTER, 9);
    let start = digit - blanks - letters;
    match blanks > 0 && start >= low && is_month(window.slice(start, start + letters)) {
        true => blanks + letters,
        false => 0,
    }
}

fn is_month(word: &[u8]) -> bool {
    let head = word.get(..3).unwrap_or_default().to_ascii_lowercase();
    MONTHS.contains(&head.as_slice())
}

fn numeric_date(window: &Window<'_>, at: usize, first: usize) -> Option<usize> {
    let separator = window.at(at + first);
    let run = |at: usize| window.run(at, &Set::DIGIT, 5);
    let second = run(at + first + 1);
    let third_at = at + first + second + 2;
    let third = run(third_at);
    let fits = b"-/. ".contains(&separator)
        && window.at(third_at - 1) == separator
        && matches!((first, second, third), (4, 1..=2, 1..=2) | (1..=2, 1..=2, 2 | 4));
    fits.then_some(third_at + third)
}

fn spoken_date(window: &Window<'_>, at: usize, first: usize) -> Option<usize> {
    let mut word = at + first;
    if ["st ", "nd ", "rd ", "th "].iter().any(|tail| window.has_word(word, tail)) {
        word += 2;
    }
    word += window.run(word, &Set::of(b"", b" -."), 2);
    let letters = window.run(word, &Set::LETTER, 9);
    let is_date =
        (1..=2).contains(&first) && letters >= 3 && is_month(window.slice(word, word + letters));
    is_date.then(|| year_after(window, word + letters))?
}

fn year_after(window: &Window<'_>, at: usize) -> Option<usize> {
    let skip = window.run(at, &Set::of(b"sndrth", b" ,.-"), 5);
    let year = at + skip;
    (window.run(year, &Set::DIGIT, 5) == 4).then_some(year + 4)
}

/// A number of a passport or driving licence after its name.
pub(crate) fn document(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let mut word = at;
    for _ in 0..6 {
        word += window.run(word, &Set::of(b"", b" :=\"'#.()_\t"), 6);
        let run = window.run(word, &Set::of(b"09azAZ", b"-"), 24);
        let text = window.slice(word, word + run);
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        if digits >= 5 {
            let fits = (6..=20).contains(&run) && !text.iter().any(u8::is_ascii_lowercase);
            out.extend(
                fits.then(|| Found::new(Kind::Passport, "identity-document", word, word + run)),
            );
            return;
        }
        if digits > 0 || run == 0 {
            return;
        }
        word += run;
    }
}

/// A telephone in whatever form after a word such as `mobile`.
pub(crate) fn named_phone(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    let start = at + window.run(at, &BETWEEN, 24);
    let start = start + usize::from(window.at(start) == b'+');
    let plus = usize::from(window.before(start) == b'+');
    let bracket = usize::from(plus == 0 && window.before(start) == b'(');
    let Some(end) = digits_in_groups(window, start, 15) else { return };
    let digits: Vec<u8> =
        window.slice(start, end).iter().copied().filter(u8::is_ascii_digit).collect();
    let fictional = memchr::memmem::find(&digits, b"55501").is_some();
    let date =
        matches!(window.slice(start, end), [_, _, _, _, b'-' | b'/', _, _, b'-' | b'/', _, _]);
    let end = extended(window, end);
    if (7..=15).contains(&digits.len()) && !fictional && !date && !Set::WORD.has(window.at(end)) {
        out.push(Found::new(Kind::Phone, "phone-named", start - plus - bracket, end));
    }
}

/// A number that a state gives to a person, whose check digits hold where it has some.
pub(crate) fn national(window: &Window<'_>, at: usize, name: &str, out: &mut Vec<Found>) {
    const NUMBER: Set = Set::of(b"09AZaz", b" .-/");
    let start = at + window.run(at, &Set::of(b"az", b" :=\"'#.()_\t-"), 24);
    let run = window.run(start, &NUMBER, 24);
    let (mut compact, mut end) = (Vec::new(), start);
    for (offset, byte) in window.slice(start, start + run).iter().enumerate() {
        if byte.is_ascii_alphanumeric() {
            compact.push(byte.to_ascii_uppercase());
            end = start + offset + 1;
            if holds(name, &compact) && !Set::WORD.has(window.at(end)) {
                let kind = if name == "ssn" { Kind::UsSsn } else { Kind::NationalId };
                out.push(Found::new(kind, "national-id", start, end).verified());
                return;
            }
        }
    }
    let _ = end;
}

fn holds(name: &str, id: &[u8]) -> bool {
    let digits = id.iter().all(u8::is_ascii_digit);
    let value = |at: usize| id.get(at).map_or(0, |byte| u32::from(byte.wrapping_sub(b'0')));
    let weighed = |weights: &[u32]| {
        weights.iter().enumerate().map(|(at, weight)| value(at) * weight).sum::<u32>()
    };
    match (name, id.len(), digits) {
        ("ssn", 9, true) => is_social(
            id.get(..3).unwrap_or_default(),
            id.get(3..5).unwrap_or_default(),
            id.get(5..).unwrap_or_default(),
        ),
        ("insurance", 9, false) => id.iter().enumerate().all(|(at, byte)| match at {
            0 | 1 => byte.is_ascii_uppercase(),
            8 => (b'A'..=b'D').contains(byte),
            _ => byte.is_ascii_digit(),
        }),
        ("insurance", 9, true) => luhn(id),
        ("nhs", 10, true) => {
            let check = 11 - weighed(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
            check % 11 == value(9)
        }
        ("aadhaar", 12, true) => verhoeff(id),
        ("cpf", 11, true) => {
            let check = |weights: &[u32]| weighed(weights) * 10 % 11 % 10;
            check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == value(9)
                && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == value(10)
        }
        ("dni", 9, false) => {
            let number = id.iter().take(8).try_fold(0_usize, |sum, byte| {
                char::from(*byte).to_digit(10).map(|d| sum * 10 + d as usize)
            });
            number.is_some_and(|number| b"TRWAGMYFPDXBNJZSQVHLCKE".get(number % 23) == id.get(8))
        }
        ("pesel", 11, true) => {
            (10 - weighed(&[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10 == value(10)
        }
        ("bsn", 9, true) => (weighed(&[9, 8, 7, 6, 5, 4, 3, 2]) + 10 * value(8)).is_multiple_of(11),
        ("personnummer", 10, true) => luhn(id),
        ("personnummer", 12, true) => luhn(id.get(2..).unwrap_or_default()),
        ("codice", 16, false) => {
            const DIGITS: [usize; 7] = [6, 7, 9, 10, 12, 13, 14];
            id.iter().enumerate().all(|(at, byte)| byte.is_ascii_digit() == DIGITS.contains(&at))
        }
        _ => false,
    }
}

/// The check digit of the dihedral group, which Indian numbers carry.
fn verhoeff(digits: &[u8]) -> bool {
    const SHIFT: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let shifted = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |d, _| SHIFT.get(usize::from(d)).copied().unwrap_or(d))
    };
    digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, byte)| times(sum, shifted(byte.wrapping_sub(b'0'), place)))
        == 0
}

/// A house number and a street that says that it is one, with flat and town where they follow.
pub(crate) fn street(window: &Window<'_>, at: usize, out: &mut Vec<Found>) {
    const KINDS: [&[u8]; 27] = [
        b"street",
        b"st",
        b"avenue",
        b"ave",
        b"road",
        b"rd",
        b"boulevard",
        b"blvd",
        b"lane",
        b"ln",
        b"drive",
        b"dr",
        b"court",
        b"ct",
        b"way",
        b"place",
        b"pl",
        b"terrace",
        b"square",
        b"sq",
        b"highway",
        b"hwy",
        b"parkway",
        b"pkwy",
        b"circle",
        b"crescent",
        b"close",
    ];
    let start = at + 1 - window.run_back(at + 1, &Set::DIGIT, 7);
    if at + 1 - start > 6
        || Set::WORD.has(window.before(start))
        || matches!(window.before(start), b'.' | b'-' | b':' | b'/')
    {
        return;
    }
    let mut word = at + 2;
    for nth in 0..5 {
        let letters = window.run(word, &Set::LETTER, 20);
        let text = window.slice(word, word + letters);
        let number = window.run(word, &Set::DIGIT, 3);
        if !text.first().is_some_and(u8::is_ascii_uppercase) && number == 0 {
            return;
        }
        let end = word + letters;
        if nth > 0
            && KINDS.contains(&text.to_ascii_lowercase().as_slice())
            && !Set::WORD.has(window.at(end))
        {
            out.push(Found::new(Kind::Address, "street-address", start, flat_end(window, end)));
            return;
        }
        let gap = end + number + usize::from(letters < 3 && window.at(end) == b'.');
        if window.at(gap) != b' ' {
            return;
        }
        word = gap + 1;
    }
}

/// Takes `, Apt. 4` along.
fn flat_end(window: &Window<'_>, end: usize) -> usize {
    let gap = window.run(end, &Set::of(b"", b"., \n"), 3);
    let word = end + gap;
    for name in ["apt", "suite", "unit", "flat", "floor"] {
        if gap > 0 && window.has_word(word, name) {
            let number =
                word + name.len() + window.run(word + name.len(), &Set::of(b"", b". #"), 3);
            let run = window.run(number, &Set::ALNUM, 6);
            return if run > 0 { number + run } else { end };
        }
    }
    end
}
