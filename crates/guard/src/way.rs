//! The way to a value within another, as a JSON pointer that grows and shrinks with each step.

use std::fmt::Write as _;

/// Room for the ways within most values.
const WAY_BYTES: usize = 64;

/// Where a walk through a value stands.
#[derive(Debug)]
pub(crate) struct Way(String);

impl Default for Way {
    fn default() -> Self {
        Self(String::with_capacity(WAY_BYTES))
    }
}

impl Way {
    /// The way as a JSON pointer.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Goes down to a field, and says from where.
    pub(crate) fn enter(&mut self, name: &str) -> usize {
        let length = self.0.len();
        self.0.push('/');
        // Hardly any name has a letter that a pointer writes in another way.
        match memchr::memchr2(b'~', b'/', name.as_bytes()) {
            None => self.0.push_str(name),
            Some(_) => self.0.push_str(&name.replace('~', "~0").replace('/', "~1")),
        }
        length
    }

    /// Goes down to a place in a list, and says from where.
    pub(crate) fn enter_place(&mut self, place: usize) -> usize {
        let length = self.0.len();
        match u8::try_from(place) {
            Ok(digit @ 0..=9) => self.0.extend(['/', char::from(b'0' + digit)]),
            // A text takes whatever is written to it.
            _ => drop(write!(self.0, "/{place}")),
        }
        length
    }

    /// Goes back to where a step began.
    pub(crate) fn back(&mut self, length: usize) {
        self.0.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_a_pointer_that_finds_its_value() {
        let mut way = Way::default();
        let tilde = way.enter("a~/b");
        let place = way.enter_place(9);
        way.back(place);
        way.enter_place(10);
        assert_eq!(way.as_str(), "/a~0~1b/10");
        way.back(tilde);
        way.enter("");
        assert_eq!(way.as_str(), "/");
    }
}
