//! Looking for a text wherever it stands in a record.

use std::fmt;

use memchr::memmem::{self, Finder};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::needle::is_escaped;

/// A text to look for: in the bytes of a line as they stand, and in every string of it once its
/// escapes are resolved.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    finder: Finder<'static>,
    /// What must stand in a line for an escape to matter to this text.
    escape: Finder<'static>,
}

impl Sought {
    pub(super) fn new(text: &str) -> Self {
        // Where every character is plain, only `\u` could hide it.
        let escape: &[u8] = if text.contains(is_escaped) { b"\\" } else { b"\\u" };
        let (finder, escape) = (Finder::new(text).into_owned(), Finder::new(escape).into_owned());
        Self { finder, escape }
    }

    /// Whether it stands in the bytes as they are.
    pub(super) fn is_plainly_in(&self, line: &[u8]) -> bool {
        self.finder.find(line).is_some()
    }

    /// Whether it may stand in the line in escapes.
    pub(super) fn may_hide_in(&self, line: &[u8]) -> bool {
        self.escape.find(line).is_some()
    }

    /// Whether it stands in the line, one way or the other. A line that is not JSON has no strings.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.is_plainly_in(line) || (self.may_hide_in(line) && self.is_in_a_string_of(line))
    }

    fn is_in_a_string_of(&self, line: &[u8]) -> bool {
        let mut json = serde_json::Deserializer::from_slice(line);
        Strings(&self.finder).deserialize(&mut json).unwrap_or(false)
    }
}

/// Says whether any string below, keys included, holds the text.
#[derive(Clone, Copy)]
struct Strings<'f>(&'f memmem::Finder<'static>);

impl Strings<'_> {
    fn holds(self, text: &str) -> bool {
        self.0.find(text.as_bytes()).is_some()
    }
}

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(self.holds(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(holds) = items.next_element_seed(self)? {
            found |= holds;
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let mut found = false;
        while let Some(holds) = fields.next_key_seed(self)? {
            found |= holds;
            found |= fields.next_value_seed(self)?;
        }
        Ok(found)
    }
}
