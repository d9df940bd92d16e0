//! Money, in whole millionths of a US dollar: sums are exact and never drift.

use std::fmt;

use serde::{Serialize, Serializer};

/// A sum of money in micro-dollars. It cannot be negative.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MicroUsd(u64);

/// Why a text is not a sum of money.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with at most one decimal point.
    #[error("`{0}` is not a sum of money: expected dollars such as `50` or `0.25`")]
    NotANumber(String),
    /// More than six digits after the point.
    #[error("`{0}` is finer than a millionth of a dollar")]
    TooFine(String),
    /// More than eighteen trillion dollars.
    #[error("`{0}` is more than can be counted")]
    TooLarge(String),
}

const MICROS_PER_USD: u64 = 1_000_000;

impl MicroUsd {
    /// A sum given in micro-dollars.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The sum in micro-dollars.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// Reads dollars as people write them: `50`, `0.25`, `1000.000001`.
    ///
    /// # Errors
    /// When the text is not a plain decimal number, is finer than a micro-dollar, or overflows.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(MoneyError::NotANumber(text.to_owned()));
        }
        if fraction.len() > 6 {
            return Err(MoneyError::TooFine(text.to_owned()));
        }
        let too_large = || MoneyError::TooLarge(text.to_owned());
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| too_large())?;
        let micros = whole.checked_mul(MICROS_PER_USD).and_then(|m| m.checked_add(fraction));
        micros.map(Self).ok_or_else(too_large)
    }

    /// The sum of both, or `None` where it cannot be counted.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What is left of `self` once `other` is spent; nothing when `other` is larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / MICROS_PER_USD, self.0 % MICROS_PER_USD);
        if fraction == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{fraction:06}").trim_end_matches('0'))
    }
}

impl Serialize for MicroUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_reads_dollars_and_refuses_everything_else() {
        let read = |text: &str| MicroUsd::parse(text).map(MicroUsd::micros);
        assert_eq!(read("50"), Ok(50_000_000));
        assert_eq!(read("0.25"), Ok(250_000));
        assert_eq!(read("0.000001"), Ok(1));
        for wrong in ["", ".5", "5.", "-1", "+1", "1e3", "1,000", "0x1", " 1", "NaN", "٣"] {
            assert_eq!(read(wrong), Err(MoneyError::NotANumber(wrong.to_owned())), "{wrong}");
        }
        assert_eq!(read("0.0000001"), Err(MoneyError::TooFine("0.0000001".to_owned())));
        let huge = "18446744073710";
        assert_eq!(read(huge), Err(MoneyError::TooLarge(huge.to_owned())));
    }

    proptest! {
        #[test]
        fn every_sum_reads_back_as_printed(micros: u64) {
            let sum = MicroUsd::from_micros(micros);
            prop_assert_eq!(MicroUsd::parse(&sum.to_string()), Ok(sum));
        }
    }
}
