//! Records that follow each other.

use std::fmt;

use bakerst_model::Seq;

/// Records from one to another, both included. There is always one at least.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Span {
    first: Seq,
    last: Seq,
}

impl Span {
    /// From `first` to `last`; nothing where that is backwards.
    #[must_use]
    pub fn new(first: Seq, last: Seq) -> Option<Self> {
        (first.0 <= last.0).then_some(Self { first, last })
    }

    /// One record.
    #[must_use]
    pub fn one(seq: Seq) -> Self {
        Self { first: seq, last: seq }
    }

    /// The first.
    #[must_use]
    pub fn first(self) -> Seq {
        self.first
    }

    /// The last.
    #[must_use]
    pub fn last(self) -> Seq {
        self.last
    }

    /// How many.
    #[must_use]
    pub fn records(self) -> u64 {
        (self.last.0 - self.first.0).saturating_add(1)
    }

    /// Whether it is among them.
    #[must_use]
    pub fn holds(self, seq: Seq) -> bool {
        (self.first.0..=self.last.0).contains(&seq.0)
    }

    /// Two halves, the first of them no shorter; nothing where there is only one record.
    #[must_use]
    pub fn halves(self) -> Option<(Self, Self)> {
        let middle = self.first.0 + (self.last.0 - self.first.0) / 2;
        let second = Self::new(Seq(middle.checked_add(1)?), self.last)?;
        Some((Self { first: self.first, last: Seq(middle) }, second))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{} to {}", self.first, self.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_cover_the_whole_and_end_at_one() {
        let span = |first, last| Span::new(Seq(first), Seq(last)).unwrap();
        assert_eq!(span(1, 5).halves(), Some((span(1, 3), span(4, 5))));
        assert_eq!(span(1, 2).halves(), Some((span(1, 1), span(2, 2))));
        assert_eq!(span(7, 7).halves(), None);
        assert_eq!(span(u64::MAX, u64::MAX).halves(), None);
        assert_eq!(Span::new(Seq(2), Seq(1)), None);
    }
}
