//! Names that keep values apart without showing them.
//!
//! A model that sees `[EMAIL_1]` and `[EMAIL_2]` can still tell two people apart. What is kept is a
//! keyed digest of each value, so neither the map nor the names give a value away.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::kind::Kind;

/// The numbers that values of one conversation were given.
pub struct Pseudonyms {
    key: Hmac<Sha256>,
    numbers: HashMap<(Kind, [u8; 16]), usize>,
    counts: HashMap<Kind, usize>,
    /// Up to which number none is given.
    after: usize,
    values_max: usize,
}

impl Pseudonyms {
    /// Numbers for one conversation, under a key of its own; after `values_max` different values
    /// new ones get the plain placeholder, so that a text cannot grow the map without end.
    #[must_use]
    pub fn new(key: &[u8; 32], values_max: usize) -> Self {
        // A key shorter than a block is filled up with zeros, as the standard has it.
        let mut block = [0; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        Self {
            key: Hmac::new(&block.into()),
            numbers: HashMap::new(),
            counts: HashMap::new(),
            after: 0,
            values_max,
        }
    }

    /// Begins with the number after `last` instead of with one.
    #[must_use]
    pub fn after(self, last: usize) -> Self {
        Self { after: last, ..self }
    }

    /// The highest number that was given.
    #[must_use]
    pub fn highest(&self) -> usize {
        self.counts.values().copied().max().unwrap_or_default()
    }

    /// The name of a value: the same for the same value, whatever its case.
    pub(crate) fn name(&mut self, kind: Kind, value: &str) -> String {
        let mut mac = self.key.clone();
        mac.update(kind.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(value.to_lowercase().as_bytes());
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        let full = self.numbers.len() >= self.values_max;
        let number = match self.numbers.get(&(kind, digest)) {
            Some(number) => *number,
            None if full => return kind.placeholder().to_owned(),
            None => {
                let count = self.counts.entry(kind).or_insert(self.after);
                *count += 1;
                self.numbers.insert((kind, digest), *count);
                *count
            }
        };
        format!("[{}_{number}]", kind.as_str().to_uppercase())
    }
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").field("values", &self.numbers.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_keeps_its_number() {
        let mut names = Pseudonyms::new(&[7; 32], 3);
        assert_eq!(names.name(Kind::Email, "ann@a.org"), "[EMAIL_1]");
        assert_eq!(names.name(Kind::Email, "bob@a.org"), "[EMAIL_2]");
        assert_eq!(names.name(Kind::Email, "Ann@A.org"), "[EMAIL_1]");
        assert_eq!(names.name(Kind::Phone, "ann@a.org"), "[PHONE_1]");
        assert_eq!(names.name(Kind::Email, "eve@a.org"), "[REDACTED_EMAIL]");
        assert_eq!(names.name(Kind::Email, "bob@a.org"), "[EMAIL_2]");
        assert_eq!(format!("{names:?}"), "Pseudonyms { values: 3, .. }");
    }
}
