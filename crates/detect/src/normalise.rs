//! What a text says once its disguise is taken off, and where in the original each letter stood.
//!
//! A reader sees through invisible letters, look-alikes, entities or base64; a scanner must too.
//! [`fold`] undoes what hides single letters, [`decodings`] what hides whole runs. Both give a
//! [`Layered`] text that maps every byte back to the text it was made from, so that a finding can
//! always be shown in the original and can name the layer that it was hidden under.

use std::ops::Range;

mod confusables;
mod decode;
mod disguise;
mod escape;
mod fold;

pub use decode::decodings;
pub(crate) use disguise::unleeted;
pub use fold::fold;

/// What a piece of text was hidden under.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Nothing: it stands there as it is.
    #[default]
    Plain,
    /// Letters that take no room, between the visible ones.
    Invisible,
    /// Unicode tag characters or variation selectors that spell a text nobody sees.
    Tags,
    /// Controls that change the direction of writing.
    Bidi,
    /// Marks set on top of letters.
    Combining,
    /// Full-width, mathematical, circled and other variants of plain letters.
    Compatibility,
    /// Letters of another script that look the same.
    Confusables,
    /// Digits and signs in place of letters.
    Leetspeak,
    /// Letters set apart by blanks, dots or dashes.
    Spaced,
    /// The text written backwards.
    Reversed,
    /// The alphabet turned by thirteen letters.
    Rot13,
    /// HTML character references.
    HtmlEntities,
    /// An HTML comment, or words cut in two by one.
    HtmlComment,
    /// Percent-encoding, as in addresses.
    Percent,
    /// Escapes of a JSON or program string.
    StringEscapes,
    /// Terminal control sequences.
    Ansi,
    /// Base64, plain or for addresses.
    Base64,
    /// Bytes as hexadecimal or binary numbers.
    Hex,
    /// The text that stands in for a picture.
    AltText,
    /// The address or title of a markdown link.
    Link,
}

impl Layer {
    /// The name that reports and logs use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Invisible => "invisible",
            Self::Tags => "tags",
            Self::Bidi => "bidi",
            Self::Combining => "combining",
            Self::Compatibility => "compatibility",
            Self::Confusables => "confusables",
            Self::Leetspeak => "leetspeak",
            Self::Spaced => "spaced",
            Self::Reversed => "reversed",
            Self::Rot13 => "rot13",
            Self::HtmlEntities => "html-entities",
            Self::HtmlComment => "html-comment",
            Self::Percent => "percent",
            Self::StringEscapes => "string-escapes",
            Self::Ansi => "ansi",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::AltText => "alt-text",
            Self::Link => "link",
        }
    }
}

/// A text with a layer taken off, which remembers where each byte came from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Layered {
    layer: Layer,
    text: String,
    /// For each byte of `text`, the range of the letter or escape that it was made from.
    sources: Vec<(u32, u32)>,
    /// Where single letters were changed, and by which layer.
    marks: Vec<(u32, Layer)>,
}

impl Layered {
    fn with_capacity(layer: Layer, bytes: usize) -> Self {
        Self {
            layer,
            text: String::with_capacity(bytes),
            sources: Vec::with_capacity(bytes),
            marks: Vec::new(),
        }
    }

    /// The text without the layer.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The layer that was taken off.
    #[must_use]
    pub fn layer(&self) -> Layer {
        self.layer
    }

    /// The range of the original that a range of [`text`](Self::text) was made from.
    #[must_use]
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let last = range.end.max(1) - 1;
        let start = self.sources.get(range.start).or_else(|| self.sources.last());
        let end = self.sources.get(last.max(range.start)).or_else(|| self.sources.last());
        let (first, last) = (start.unwrap_or(&(0, 0)), end.unwrap_or(&(0, 0)));
        first.0.min(last.0) as usize..first.1.max(last.1) as usize
    }

    /// The layer of what stands in a range: that of the first changed letter, else the text's own.
    #[must_use]
    pub fn layer_at(&self, range: &Range<usize>) -> Layer {
        let first = self.marks.partition_point(|(at, _)| (*at as usize) < range.start);
        let mark = self.marks.get(first).filter(|(at, _)| (*at as usize) < range.end);
        mark.map_or(self.layer, |(_, layer)| *layer)
    }

    fn push(&mut self, c: char, from: Range<usize>) {
        self.text.push(c);
        self.sources.resize(self.text.len(), (narrow(from.start), narrow(from.end)));
    }

    fn push_str(&mut self, piece: &str, from: usize) {
        if piece.is_ascii() {
            self.text.push_str(piece);
            let ends = from..from + piece.len();
            self.sources.extend(ends.map(|at| (narrow(at), narrow(at + 1))));
            return;
        }
        for (at, c) in piece.char_indices() {
            self.push(c, from + at..from + at + c.len_utf8());
        }
    }

    fn mark(&mut self, layer: Layer) {
        self.marks.push((narrow(self.text.len()), layer));
    }

    fn truncate(&mut self, len: usize) {
        self.text.truncate(len);
        self.sources.truncate(len);
    }
}

/// Offsets are kept in half the room; a text is cut into chunks long before this bound.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What a first look at a text says about the disguises worth undoing.
///
/// Counting these while the words are read anyway spares a pass for each decoder.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Hints {
    /// Runs of letters and digits long enough to be an encoding.
    pub long_runs: u32,
    /// Words of digits only, in a row: bytes written as numbers.
    pub numbers: u32,
    /// The longest run of single letters.
    pub singles: u32,
    /// Words that make sense once digits are read as letters.
    pub leet: u32,
    /// Words that make sense backwards.
    pub reversed: u32,
    /// Words that make sense under rot13.
    pub rot13: u32,
}

/// The layer that surrounds a place in a text: an HTML comment, alt text or a link.
#[must_use]
pub fn surrounding(text: &str, at: usize) -> Layer {
    const LOOK_BACK_MAX: usize = 4096;
    let before = text.as_bytes().get(at.saturating_sub(LOOK_BACK_MAX)..at).unwrap_or_default();
    let last = |needle: &[u8]| memchr::memmem::rfind(before, needle);
    if last(b"<!--") > last(b"-->") {
        return Layer::HtmlComment;
    }
    let line_start = last(b"\n");
    if last(b"](") > last(b")").max(line_start) {
        return Layer::Link;
    }
    let alt = last(b"![").max(last(b"alt=\""));
    if alt > last(b"]").max(last(b"\">")).max(line_start) {
        return Layer::AltText;
    }
    Layer::Plain
}

#[cfg(test)]
mod tests;
