//! What a rule may look at.
//!
//! A rule reads the text through a [`Window`]. It may look [`BACK_MAX`] bytes back and as far ahead
//! as it likes; when it looks past what has arrived, the window notes it, and the rule is asked
//! again once there is more. So no rule has to know whether the text comes whole or in pieces, and
//! both give the same answer.

use std::cell::Cell;

use super::set::Set;

/// How far before the place that triggered it a rule may look.
pub(crate) const BACK_MAX: usize = 256;

/// How far before the place that triggered it a match may start. Only name bytes may stand between.
pub(crate) const START_BACK_MAX: usize = 80;

/// A text as far as it has arrived, seen from one place.
#[derive(Debug)]
pub(crate) struct Window<'t> {
    bytes: &'t [u8],
    floor: usize,
    whole: bool,
    starved: Cell<bool>,
}

impl<'t> Window<'t> {
    /// A view from `at`; `whole` says that nothing follows the bytes.
    pub(crate) fn new(bytes: &'t [u8], at: usize, whole: bool) -> Self {
        Self { bytes, floor: at.saturating_sub(BACK_MAX), whole, starved: Cell::new(false) }
    }

    /// Whether something was read that has not arrived yet.
    pub(crate) fn starved(&self) -> bool {
        self.starved.get()
    }

    /// The byte at a place, zero outside of the text.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> u8 {
        match self.bytes.get(at) {
            Some(byte) => *byte,
            None => self.past_end(),
        }
    }

    /// The byte before a place, zero before the text and further back than may be looked.
    #[inline]
    pub(crate) fn before(&self, at: usize) -> u8 {
        match at > self.floor {
            true => self.bytes.get(at - 1).copied().unwrap_or_default(),
            false => 0,
        }
    }

    /// How many bytes from a place on are in the set, at most `max`.
    pub(crate) fn run(&self, at: usize, set: &Set, max: usize) -> usize {
        let end = at.saturating_add(max).min(self.bytes.len());
        let seen = self.bytes.get(at..end).unwrap_or_default();
        let run = seen.iter().take_while(|byte| set.has(**byte)).count();
        if run < max && at.saturating_add(run) >= self.bytes.len() {
            self.past_end();
        }
        run
    }

    /// How many bytes before a place are in the set, at most `max`.
    pub(crate) fn run_back(&self, at: usize, set: &Set, max: usize) -> usize {
        let low = self.floor.max(at.saturating_sub(max)).min(at);
        let seen = self.bytes.get(low..at).unwrap_or_default();
        seen.iter().rev().take_while(|byte| set.has(**byte)).count()
    }

    /// The bytes of a range that was already walked over.
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'t [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// What may be seen before a place, at most `max` bytes.
    pub(crate) fn behind(&self, at: usize, max: usize) -> &'t [u8] {
        self.slice(self.floor.max(at.saturating_sub(max)).min(at), at)
    }

    /// Whether a word in lower case stands at a place, in any case.
    pub(crate) fn has_word(&self, at: usize, word: &str) -> bool {
        word.bytes().zip(at..).all(|(byte, at)| self.at(at).to_ascii_lowercase() == byte)
    }

    /// Whether a token may begin here: after no word character, or after an escape such as `\n`
    /// or `%3D`.
    pub(crate) fn begins(&self, at: usize) -> bool {
        let last = self.before(at);
        !Set::WORD.has(last) || self.ends_escape(at, last)
    }

    fn ends_escape(&self, at: usize, last: u8) -> bool {
        let (middle, first) = (self.before(at - 1), self.before(at.saturating_sub(2)));
        (middle == b'\\' && b"nrt".contains(&last))
            || (first == b'%' && middle.is_ascii_digit() && last.is_ascii_hexdigit())
    }

    #[cold]
    fn past_end(&self) -> u8 {
        if !self.whole {
            self.starved.set(true);
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_what_arrived_is_noted() {
        let window = Window::new(b"abc", 0, false);
        assert_eq!((window.at(2), window.starved()), (b'c', false));
        assert_eq!((window.run(0, &Set::LOWER, 3), window.starved()), (3, false));
        assert_eq!((window.run(0, &Set::LOWER, 4), window.starved()), (3, true));
        let whole = Window::new(b"abc", 0, true);
        assert_eq!((whole.run(0, &Set::LOWER, 4), whole.at(9), whole.starved()), (3, 0, false));
    }

    #[test]
    fn tokens_begin_after_escapes() {
        for (text, want) in [("a sk", true), ("disk", false), (r"\nsk", true), ("%3Dsk", true)] {
            let at = text.len() - 2;
            assert_eq!(Window::new(text.as_bytes(), at, true).begins(at), want, "{text}");
        }
    }
}
