//! Sets of bytes, and the handful that many rules share.

/// A set of bytes as 256 bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Set([u64; 4]);

impl Set {
    pub(crate) const EMPTY: Self = Self([0; 4]);
    pub(crate) const ANY: Self = Self([u64::MAX; 4]);
    pub(crate) const DIGIT: Self = Self::of(b"09", b"");
    pub(crate) const HEX: Self = Self::of(b"09afAF", b"");
    pub(crate) const UPPER: Self = Self::of(b"AZ", b"");
    pub(crate) const LOWER: Self = Self::of(b"az", b"");
    pub(crate) const LETTER: Self = Self::of(b"azAZ", b"");
    pub(crate) const ALNUM: Self = Self::of(b"09azAZ", b"");
    pub(crate) const WORD: Self = Self::of(b"09azAZ", b"_");
    /// What identifiers, numbers and e-mail names are made of: the text between the start of a
    /// match and the place that triggered it never holds anything else.
    pub(crate) const NAME: Self = Self::of(b"09azAZ", b"_.%+-~");
    /// What a value written without quotes is made of.
    pub(crate) const VALUE: Self = Self::of(b"09azAZ", b"_.=+/~-");
    pub(crate) const BASE64: Self = Self::of(b"09azAZ", b"+/_-");
    pub(crate) const BLANK: Self = Self::of(b"", b" \t");
    pub(crate) const SPACE: Self = Self::of(b"", b" \t\r\n");

    /// The set of ranges, written as pairs of ends, and of single bytes.
    pub(crate) const fn of(ranges: &[u8], singles: &[u8]) -> Self {
        let mut set = Self::EMPTY;
        let mut rest = ranges;
        while let [low, high, tail @ ..] = rest {
            let mut byte = *low;
            while byte < *high {
                set = set.with(byte);
                byte += 1;
            }
            set = set.with(*high);
            rest = tail;
        }
        let mut rest = singles;
        while let [byte, tail @ ..] = rest {
            set = set.with(*byte);
            rest = tail;
        }
        set
    }

    pub(crate) const fn with(self, byte: u8) -> Self {
        let bit = 1 << (byte % 64);
        let Self([a, b, c, d]) = self;
        match byte / 64 {
            0 => Self([a | bit, b, c, d]),
            1 => Self([a, b | bit, c, d]),
            2 => Self([a, b, c | bit, d]),
            _ => Self([a, b, c, d | bit]),
        }
    }

    #[inline]
    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| (word >> (byte & 63)) & 1 == 1)
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(crate) fn bytes(self) -> impl Iterator<Item = u8> {
        self.0.into_iter().zip([0_u8, 64, 128, 192]).flat_map(|(word, base)| {
            (0..64).filter(move |bit| (word >> bit) & 1 == 1).map(move |bit| base + bit)
        })
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let (Self([a, b, c, d]), Self([w, x, y, z])) = (*self, *other);
        Self([a | w, b | x, c | y, d | z])
    }

    /// How many bytes are in both.
    pub(crate) fn common(&self, other: &Self) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| (a & b).count_ones()).sum()
    }

    /// The bits, to sort by.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(a, b)| a & b != 0)
    }

    /// The set with both cases of its letters.
    pub(crate) fn folded(self) -> Self {
        self.bytes().fold(self, |set, byte| {
            set.with(byte.to_ascii_lowercase()).with(byte.to_ascii_uppercase())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_they_were_given() {
        let set = Set::of(b"ac", b"X\xff");
        assert_eq!(set.bytes().collect::<Vec<_>>(), b"Xabc\xff");
        assert_eq!((set.len(), set.folded().len()), (5, 9));
        assert!(set.overlaps(&Set::UPPER) && !set.overlaps(&Set::DIGIT));
        assert!(Set::ANY.has(0) && Set::ANY.len() == 256);
        assert_eq!(Set::LETTER.union(&Set::DIGIT), Set::ALNUM);
    }
}
