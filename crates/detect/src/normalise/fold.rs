//! Undoes what hides single letters.

use unicode_normalization::char::decompose_compatible;

use super::confusables::{is_borrowable, plain_letter};
use super::{Layer, Layered};

/// The text with invisible letters gone, variants and look-alikes as plain letters and marks taken
/// off Latin, Greek and Cyrillic ones.
///
/// Letters of another script count as look-alikes only in a word that also has plain Latin ones:
/// a Russian sentence stays Russian.
#[must_use]
pub fn fold(text: &str) -> Layered {
    let mut folding = Folding {
        out: Layered::with_capacity(Layer::Plain, text.len()),
        word_start: 0,
        mixes: Mixes::default(),
    };
    for (at, c) in text.char_indices() {
        folding.take(c, at);
    }
    folding.end_word();
    // A word that was read again left its marks behind those within it.
    folding.out.marks.sort_by_key(|(at, _)| *at);
    folding.out
}

#[derive(Clone, Copy, Default)]
struct Mixes {
    latin: bool,
    borrowed: bool,
}

struct Folding {
    out: Layered,
    word_start: usize,
    mixes: Mixes,
}

impl Folding {
    fn take(&mut self, c: char, at: usize) {
        let from = at..at + c.len_utf8();
        if c.is_ascii() {
            if c.is_ascii_alphabetic() {
                self.mixes.latin = true;
            } else if !c.is_ascii_digit() {
                self.end_word();
            }
            return self.out.push(c, from);
        }
        if let Some(layer) = invisible(c) {
            return self.take_invisible(c, layer, at);
        }
        match c {
            // Scripts with no variants worth undoing, and where marks carry the meaning.
            '\u{590}'..='\u{10ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{3040}'..='\u{d7ff}' => {
                self.out.push(c, from);
            }
            // Dashes, quotes, arrows and drawings mean what they are.
            '\u{2010}'..='\u{2027}' | '\u{2190}'..='\u{245f}' | '\u{2500}'..='\u{2e7f}' => {
                self.end_word();
                self.out.push(c, from);
            }
            '\u{1f1e6}'..='\u{1f1ff}' => self.plain(letter_after('a', c, '\u{1f1e6}'), from),
            _ => self.take_decomposed(c, from),
        }
    }

    fn take_decomposed(&mut self, c: char, from: std::ops::Range<usize>) {
        let before = self.out.text.len();
        let mut parts = [None; 18];
        let mut slots = parts.iter_mut();
        decompose_compatible(c, |part| {
            if let Some(slot) = slots.next().filter(|_| !is_mark(part)) {
                *slot = Some(part);
            }
        });
        for part in parts.into_iter().flatten() {
            let borrowable = is_borrowable(part);
            match plain_letter(part).filter(|_| !borrowable) {
                Some(plain) => self.plain(plain, from.clone()),
                None => {
                    self.mixes.borrowed |= borrowable;
                    self.mixes.latin |= part.is_ascii_alphabetic();
                    if part.is_ascii() && u32::from(c) > 0x2100 {
                        self.out.mark(Layer::Compatibility);
                    }
                    self.out.push(part, from.clone());
                }
            }
        }
        if before == self.out.text.len() {
            self.out.mark(Layer::Combining);
        }
    }

    fn plain(&mut self, letter: char, from: std::ops::Range<usize>) {
        self.mixes.latin = true;
        self.out.mark(Layer::Confusables);
        self.out.push(letter, from);
    }

    fn take_invisible(&mut self, c: char, layer: Layer, at: usize) {
        self.out.mark(layer);
        match c {
            '\u{e0020}'..='\u{e007e}' => {
                let spelled = char::from_u32(u32::from(c) - 0xe0000).unwrap_or(' ');
                self.out.push(spelled, at..at + c.len_utf8());
            }
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
                let base = if c < '\u{ffff}' { 0xfe00 } else { 0xe0100 - 16 };
                let byte = u8::try_from(u32::from(c) - base).unwrap_or(b' ');
                if byte.is_ascii_graphic() || byte == b' ' {
                    self.out.push(char::from(byte), at..at + c.len_utf8());
                }
            }
            _ => {}
        }
    }

    /// Reads a finished word that mixes scripts as the plain one that it looks like.
    fn end_word(&mut self) {
        if self.mixes.latin && self.mixes.borrowed {
            let word: Vec<(char, (u32, u32))> = self.word();
            self.out.truncate(self.word_start);
            for (c, (start, end)) in word {
                let plain = plain_letter(c);
                if plain.is_some() {
                    self.out.mark(Layer::Confusables);
                }
                self.out.push(plain.unwrap_or(c), start as usize..end as usize);
            }
        }
        self.mixes = Mixes::default();
        self.word_start = self.out.text.len();
    }

    fn word(&self) -> Vec<(char, (u32, u32))> {
        let word = self.out.text.get(self.word_start..).unwrap_or_default();
        let sources = self.out.sources.get(self.word_start..).unwrap_or_default();
        word.char_indices().map(|(i, c)| (c, *sources.get(i).unwrap_or(&(0, 0)))).collect()
    }
}

fn letter_after(first: char, c: char, zero: char) -> char {
    char::from_u32(u32::from(first) + u32::from(c) - u32::from(zero)).unwrap_or(first)
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// Letters that no reader sees, by what they are used for.
fn invisible(c: char) -> Option<Layer> {
    Some(match c {
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2064}'
        | '\u{206a}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}' => Layer::Invisible,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Layer::Bidi
        }
        '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' => Layer::Tags,
        _ => return None,
    })
}
