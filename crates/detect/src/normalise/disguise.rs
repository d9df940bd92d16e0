//! Undoes games with letters: leetspeak, letters set apart, rot13 and writing backwards.

use super::{Hints, Layer, Layered};
use crate::injection::lexicon;

/// The readings of `text` that the hints promise something of.
pub(super) fn undo(text: &str, hints: &Hints) -> Vec<Layered> {
    let mut found = Vec::new();
    if hints.leet > 0 {
        found.push(leetspeak(text));
    }
    if hints.singles >= 5 {
        found.push(spaced(text));
    }
    if hints.rot13 > 1 {
        found.push(each_letter(text, Layer::Rot13, turned));
    }
    if hints.reversed > 1 {
        found.push(reversed(text));
    }
    found
}

fn each_letter(text: &str, layer: Layer, read: fn(char) -> char) -> Layered {
    let mut out = Layered::with_capacity(layer, text.len());
    for (at, c) in text.char_indices() {
        out.push(read(c), at..at + c.len_utf8());
    }
    out
}

fn turned(c: char) -> char {
    let turn = |first: u8| u8::try_from(c).map_or(c, |b| char::from(first + (b - first + 13) % 26));
    match c {
        'a'..='z' => turn(b'a'),
        'A'..='Z' => turn(b'A'),
        _ => c,
    }
}

/// What a digit or sign stands for within a word.
pub(crate) fn unleeted(b: u8) -> u8 {
    match b {
        b'0' => b'o',
        b'1' | b'!' | b'|' => b'i',
        b'3' => b'e',
        b'4' | b'@' => b'a',
        b'5' | b'$' => b's',
        b'7' | b'+' => b't',
        b'8' => b'b',
        b'9' => b'g',
        _ => b,
    }
}

/// Reads digits as letters in every word that has letters too.
fn leetspeak(text: &str) -> Layered {
    let mut out = Layered::with_capacity(Layer::Leetspeak, text.len());
    let mut at = 0;
    for word in text.split_inclusive(|c: char| c.is_whitespace()) {
        let has_letter = word.bytes().any(|b| b.is_ascii_alphabetic());
        for (i, c) in word.char_indices() {
            let inside = word.len() > i + 1 || c.is_ascii_digit();
            let read = u8::try_from(c).ok().filter(|b| has_letter && inside && b.is_ascii());
            let c_read = read.map_or(c, |b| char::from(unleeted(b)));
            out.push(c_read, at + i..at + i + c.len_utf8());
        }
        at += word.len();
    }
    out
}

fn reversed(text: &str) -> Layered {
    let mut out = Layered::with_capacity(Layer::Reversed, text.len());
    for (at, c) in text.char_indices().rev() {
        out.push(c, at..at + c.len_utf8());
    }
    out
}

/// Joins runs of single letters that all stand the same sign apart. A wider gap ends a word; where
/// there is none, words that the lexicon knows are cut off from the left.
fn spaced(text: &str) -> Layered {
    let letters: Vec<(usize, char)> = text.char_indices().collect();
    let mut out = Layered::with_capacity(Layer::Spaced, text.len());
    let mut i = 0;
    while let Some(&(at, c)) = letters.get(i) {
        let run = run_at(&letters, i);
        if run < 5 {
            out.push(c, at..at + c.len_utf8());
            i += 1;
            continue;
        }
        let picked: Vec<(usize, char)> =
            (0..run).filter_map(|k| letters.get(i + 2 * k).copied()).collect();
        push_words(&mut out, &picked);
        i += 2 * run - 1;
        // The wider gap between two spaced words.
        let blanks = letters.get(i..).unwrap_or_default().iter();
        let blanks = blanks.take_while(|(_, c)| *c == ' ').count();
        if blanks > 0 {
            let at = letters.get(i).map_or(text.len(), |(at, _)| *at);
            out.push(' ', at..at + blanks);
            i += blanks;
        }
    }
    out
}

/// How many single letters stand apart by one and the same sign, from index `i`.
fn run_at(letters: &[(usize, char)], i: usize) -> usize {
    let at = |k: usize| letters.get(k).map(|(_, c)| *c);
    let starts = i == 0 || at(i - 1).is_none_or(|c| !c.is_alphanumeric());
    if !starts || !at(i).is_some_and(char::is_alphanumeric) {
        return 0;
    }
    let Some(gap) = at(i + 1).filter(|c| matches!(c, ' ' | '.' | '-' | '_' | '*' | '\u{b7}' | '|'))
    else {
        return 0;
    };
    let mut run = 1;
    while at(i + 2 * run - 1) == Some(gap)
        && at(i + 2 * run).is_some_and(char::is_alphanumeric)
        && at(i + 2 * run + 1).is_none_or(|c| !c.is_alphanumeric())
    {
        run += 1;
    }
    run
}

fn push_words(out: &mut Layered, picked: &[(usize, char)]) {
    const WORD_MAX: usize = 14;
    let mut i = 0;
    while i < picked.len() {
        let rest = picked.get(i..).unwrap_or_default();
        let spelled: String =
            rest.iter().take(WORD_MAX).map(|(_, c)| c.to_ascii_lowercase()).collect();
        let mut ends = spelled.char_indices().map(|(at, c)| at + c.len_utf8());
        let known = ends.rfind(|end| *end > 1 && spelled.get(..*end).is_some_and(lexicon::knows));
        let take = known.map_or(1, |end| spelled.get(..end).map_or(1, |s| s.chars().count()));
        if known.is_some() && !out.text.ends_with(' ') && !out.text.is_empty() {
            let at = rest.first().map_or(0, |(at, _)| *at);
            out.push(' ', at..at);
        }
        for (at, c) in rest.iter().take(take) {
            out.push(*c, *at..*at + c.len_utf8());
        }
        if known.is_some() && i + take < picked.len() {
            let at = picked.get(i + take).map_or(0, |(at, _)| *at);
            out.push(' ', at..at);
        }
        i += take;
    }
}
