//! Redaction of a text that arrives in pieces.

use std::ops::Deref;

use super::pseudonym::Pseudonyms;
use super::settle::Settler;
use super::window::{BACK_MAX, START_BACK_MAX};
use super::{RedactionFinding, Redactor};

/// How much decided text is kept before it is dropped in one go.
const KEPT_MAX: usize = 8 << 10;
/// Shorter pieces are being written while somebody watches, and are looked at as they come.
const PIECE_MIN: usize = 64;
/// Longer ones are collected up to this: looking costs more than a look's fixed price only then.
const COLLECTED_MAX: usize = 512;
/// A rule that waits for more than this is asked again only once the text has grown by half.
const PATIENCE: usize = 512;

/// Redacts pieces of a text as they arrive, with the same result as for the whole text at once.
///
/// What could still become part of a finding is held back: a few bytes as a rule, and while a
/// finding goes on at most its longest span. Pieces of 64 bytes and more are collected, up to 512
/// bytes; [`Stream::flush`] passes on what is ready without waiting for that.
#[derive(Debug)]
pub struct Stream<R> {
    redactor: R,
    names: Option<Pseudonyms>,
    /// The text from `base` on.
    buffer: String,
    base: usize,
    scanned: usize,
    own_next: usize,
    retry_len: usize,
    /// How many bytes came since it was last looked.
    collected: usize,
    settler: Settler,
}

impl<R: Deref<Target = Redactor>> Stream<R> {
    /// A stream of its own; `redactor` may be a reference or a counted pointer.
    #[must_use]
    pub fn new(redactor: R) -> Self {
        Self {
            redactor,
            names: None,
            buffer: String::new(),
            base: 0,
            scanned: 0,
            own_next: 0,
            retry_len: 0,
            collected: 0,
            settler: Settler::default(),
        }
    }

    /// Gives values consistent names instead of plain placeholders.
    #[must_use]
    pub fn with_pseudonyms(mut self, names: Pseudonyms) -> Self {
        self.names = Some(names);
        self
    }

    /// Takes the next piece, and appends to `out` what may be passed on.
    pub fn push(&mut self, chunk: &str, out: &mut String) {
        self.buffer.push_str(chunk);
        self.collected += chunk.len();
        if chunk.len() < PIECE_MIN || self.collected >= COLLECTED_MAX {
            self.flush(out);
        }
    }

    /// Appends to `out` whatever may be passed on by now.
    pub fn flush(&mut self, out: &mut String) {
        self.collected = 0;
        self.advance(false, out);
        let kept = self.scanned.min(self.own_next).min(self.settler.done) - self.base;
        if kept > KEPT_MAX {
            let cut = floor_boundary(&self.buffer, kept - BACK_MAX);
            self.buffer.drain(..cut);
            self.base += cut;
        }
    }

    /// Ends the text: appends the rest to `out` and returns all findings, in order, with spans in
    /// bytes of the whole text.
    pub fn finish(mut self, out: &mut String) -> Vec<RedactionFinding> {
        self.advance(true, out);
        self.settler.close();
        self.settler.findings
    }

    /// Whether something was found that must not be passed on even without it.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.settler.blocked
    }

    /// How many bytes are held back now.
    #[must_use]
    pub fn held(&self) -> usize {
        (self.base + self.buffer.len()).saturating_sub(self.settler.done)
    }

    fn advance(&mut self, whole: bool, out: &mut String) {
        let len = self.buffer.len();
        if len < self.retry_len && !whole {
            return;
        }
        let bytes = self.buffer.as_bytes();
        let mut safe = len;
        if let Some(engine) = &self.redactor.engine {
            let next = self.scanned - self.base;
            let stop = engine.scan(bytes, next, self.base, whole, &mut self.settler.found);
            self.scanned = self.base + stop;
            self.retry_len = if len - stop > PATIENCE { len + (len - stop) / 2 } else { 0 };
            if !whole {
                safe = first_start(&self.buffer, stop);
            }
        } else {
            self.scanned = self.base + len;
        }
        if let Some(own) = &self.redactor.own {
            let found = &mut self.settler.found;
            self.own_next = own.scan(bytes, self.base, self.own_next, whole, found);
            if !whole {
                safe = floor_boundary(&self.buffer, safe.min(self.own_next - self.base));
            }
        } else {
            self.own_next = self.base + len;
        }
        let safe = self.base + safe;
        let text = (self.buffer.as_str(), self.base);
        if !self.settler.found.is_empty() {
            self.settler.settle(&self.redactor, self.names.as_mut(), text, safe, out);
        }
        self.settler.pass(text, safe, out);
        if self.retry_len > 0 {
            self.retry_len = self.retry_len.max(len + 1);
        }
    }
}

/// A place before which no match starts that is triggered from `place` on: only name bytes may stand
/// between the two, and a blank or a quote is none.
fn first_start(text: &str, place: usize) -> usize {
    let low = place.saturating_sub(START_BACK_MAX);
    let behind = text.as_bytes().get(low..place).unwrap_or_default();
    match memchr::memrchr3(b' ', b'"', b'\n', behind) {
        Some(at) => low + at + 1,
        None => floor_boundary(text, low),
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
