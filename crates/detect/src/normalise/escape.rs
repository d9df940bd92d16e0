//! Escapes that stand in place of single letters: character references, percent, string escapes,
//! terminal controls and comments that cut words in two.

use super::{Layer, Layered};

/// An escape at the start of `rest`: the letter that it means, if any, and its length.
type Escape = (Option<char>, usize);

/// The fewest escapes that make decoding worth while: one or two occur in any text.
const ESCAPES_MIN: usize = 3;

pub(super) fn html_entities(text: &str) -> Option<Layered> {
    replace(text, Layer::HtmlEntities, b'&', entity)
}

pub(super) fn percent(text: &str) -> Option<Layered> {
    replace(text, Layer::Percent, b'%', percent_byte)
}

pub(super) fn string_escapes(text: &str) -> Option<Layered> {
    replace(text, Layer::StringEscapes, b'\\', string_escape)
}

pub(super) fn ansi(text: &str) -> Option<Layered> {
    replace_from(text, Layer::Ansi, 0x1b, 1, ansi_sequence)
}

/// Comments inside a word are taken out; those between words are read where they stand.
pub(super) fn comments_in_words(text: &str) -> Option<Layered> {
    // Looking for one letter takes less than making ready to look for four.
    memchr::memchr(b'<', text.as_bytes())?;
    memchr::memmem::find(text.as_bytes(), b"<!--")?;
    let inside = |rest: &str, before: Option<char>| {
        let len = comment_len(rest)?;
        let after = rest.get(len..)?.chars().next()?;
        (before?.is_alphanumeric() && after.is_alphanumeric()).then_some((None, len))
    };
    replace_where(text, Layer::HtmlComment, b'<', 1, inside)
}

fn replace(
    text: &str,
    layer: Layer,
    trigger: u8,
    read: fn(&str) -> Option<Escape>,
) -> Option<Layered> {
    replace_from(text, layer, trigger, ESCAPES_MIN, read)
}

fn replace_from(
    text: &str,
    layer: Layer,
    trigger: u8,
    least: usize,
    read: fn(&str) -> Option<Escape>,
) -> Option<Layered> {
    replace_where(text, layer, trigger, least, |rest, _| read(rest))
}

/// Puts the meaning of each escape in its place, if there are at least `least` of them.
fn replace_where(
    text: &str,
    layer: Layer,
    trigger: u8,
    least: usize,
    read: impl Fn(&str, Option<char>) -> Option<Escape>,
) -> Option<Layered> {
    let triggers = memchr::memchr_iter(trigger, text.as_bytes());
    if triggers.take(least).count() < least {
        return None;
    }
    // Most texts hold the sign and no escape, and are not worth a copy.
    let mut copy: Option<Layered> = None;
    let (mut done, mut found) = (0, 0);
    for at in memchr::memchr_iter(trigger, text.as_bytes()) {
        if at < done {
            continue;
        }
        let last = copy.as_ref().and_then(|out| out.text.chars().next_back());
        let before = text.get(done..at).and_then(|s| s.chars().next_back());
        let before = before.or(last.filter(|_| at == done));
        if let Some((meaning, len)) = text.get(at..).and_then(|rest| read(rest, before)) {
            let out = copy.get_or_insert_with(|| Layered::with_capacity(layer, text.len()));
            out.push_str(text.get(done..at).unwrap_or_default(), done);
            if let Some(c) = meaning {
                out.push(c, at..at + len);
            }
            done = at + len;
            found += 1;
        }
    }
    let mut out = copy.filter(|_| found >= least)?;
    out.push_str(text.get(done..).unwrap_or_default(), done);
    Some(out)
}

fn entity(rest: &str) -> Option<Escape> {
    const LEN_MAX: usize = 10;
    let bytes = rest.as_bytes();
    let end = bytes.iter().take(LEN_MAX).position(|&b| b == b';')?;
    let name = rest.get(1..end)?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let hex = number.strip_prefix(['x', 'X']);
            let code = hex.map_or_else(|| number.parse(), |h| u32::from_str_radix(h, 16));
            char::from_u32(code.ok()?)?
        }
        None => match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            "nbsp" | "ensp" | "emsp" | "Tab" => ' ',
            "NewLine" => '\n',
            "shy" | "zwnj" | "zwj" => return Some((None, end + 1)),
            "colon" => ':',
            "comma" => ',',
            "period" => '.',
            _ => return None,
        },
    };
    Some((Some(c), end + 1))
}

/// Only what stands for an ASCII letter or sign: longer sequences mean letters of other scripts,
/// which are then missing from the view and nothing else.
fn percent_byte(rest: &str) -> Option<Escape> {
    let byte = hex_byte(rest.get(1..3)?)?;
    byte.is_ascii().then_some((Some(char::from(byte)), 3))
}

fn string_escape(rest: &str) -> Option<Escape> {
    let code = |digits: Option<&str>| {
        let digits = digits?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
        let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        // Bytes of a program's data are written the same way, and are no text.
        (!c.is_control() || c.is_whitespace()).then_some(c)
    };
    Some(match rest.as_bytes().get(1)? {
        b'n' => (Some('\n'), 2),
        b't' => (Some('\t'), 2),
        b'r' => (Some('\r'), 2),
        c @ (b'"' | b'\'' | b'\\' | b'/') => (Some(char::from(*c)), 2),
        b'x' => (Some(code(rest.get(2..4))?), 4),
        b'u' if rest.as_bytes().get(2) == Some(&b'{') => {
            let end = rest.as_bytes().iter().take(11).position(|&b| b == b'}')?;
            (Some(code(rest.get(3..end))?), end + 1)
        }
        b'u' => (Some(code(rest.get(2..6))?), 6),
        _ => return None,
    })
}

/// A control sequence, or an operating system command such as a window title.
fn ansi_sequence(rest: &str) -> Option<Escape> {
    const LEN_MAX: usize = 256;
    let bytes = rest.as_bytes();
    let len = match bytes.get(1)? {
        b'[' => {
            2 + bytes.get(2..)?.iter().take(LEN_MAX).position(|b| (0x40..0x7f).contains(b))? + 1
        }
        b']' => 2 + bytes.get(2..)?.iter().take(LEN_MAX).position(|&b| b == 7 || b == 0x1b)? + 1,
        b'(' | b')' => 3,
        _ => 2,
    };
    rest.is_char_boundary(len).then_some((None, len))
}

fn comment_len(rest: &str) -> Option<usize> {
    const LEN_MAX: usize = 512;
    if !rest.starts_with("<!--") {
        return None;
    }
    let body = rest.as_bytes().get(..LEN_MAX.min(rest.len()))?;
    Some(memchr::memmem::find(body, b"-->")? + 3)
}

/// The byte that two hexadecimal digits mean.
pub(super) fn hex_byte(pair: &str) -> Option<u8> {
    let digits = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(pair, 16).ok())?
}
