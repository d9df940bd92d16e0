//! Bounds on numbers.

use std::fmt;

/// A range of numbers, each end with whether it belongs to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
}

/// Whole numbers from here on are not told apart from their neighbours.
const BOUND_MAX: f64 = 9_007_199_254_740_991.0;

impl Range {
    /// Reads `<=100`, `<100`, `>=1`, `>0`, `=7` or `1..100`.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((low, high)) = text.split_once("..") {
            let (low, high) = (bound(low)?, bound(high)?);
            if low > high {
                return Err(format!("nothing is between {low} and {high}"));
            }
            return Ok(Self { low: Some((low, true)), high: Some((high, true)) });
        }
        let (none, of) = (Self { low: None, high: None }, |rest: &str| bound(rest));
        if let Some(rest) = text.strip_prefix("<=") {
            Ok(Self { high: Some((of(rest)?, true)), ..none })
        } else if let Some(rest) = text.strip_prefix(">=") {
            Ok(Self { low: Some((of(rest)?, true)), ..none })
        } else if let Some(rest) = text.strip_prefix('<') {
            Ok(Self { high: Some((of(rest)?, false)), ..none })
        } else if let Some(rest) = text.strip_prefix('>') {
            Ok(Self { low: Some((of(rest)?, false)), ..none })
        } else if let Some(rest) = text.strip_prefix('=') {
            let only = of(rest)?;
            Ok(Self { low: Some((only, true)), high: Some((only, true)) })
        } else {
            Err(format!("`{text}` is no bound, expected one such as `<=100` or `1..100`"))
        }
    }

    /// Whether `number` is in it.
    #[must_use]
    pub fn holds(&self, number: f64) -> bool {
        let above = self.low.is_none_or(|(low, own)| number > low || (own && number >= low));
        let below = self.high.is_none_or(|(high, own)| number < high || (own && number <= high));
        number.is_finite() && above && below
    }

    /// Whether no number is in both.
    #[must_use]
    pub fn excludes(&self, other: &Self) -> bool {
        let apart = |high: Option<(f64, bool)>, low: Option<(f64, bool)>| match (high, low) {
            (Some((high, owns_high)), Some((low, owns_low))) => {
                high < low || (high <= low && !(owns_high && owns_low))
            }
            _ => false,
        };
        apart(self.high, other.low) || apart(other.high, self.low)
    }
}

fn bound(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let plain = text.chars().all(|c| c.is_ascii_digit() || ".-+eE".contains(c));
    let number =
        number.filter(|_| plain).ok_or_else(|| format!("`{text}` is no number, expected one"))?;
    match number.abs() < BOUND_MAX {
        true => Ok(number),
        false => Err(format!("{text} is too large to be compared exactly")),
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |own: bool, sign: &str| if own { format!("{sign}=") } else { sign.to_owned() };
        match (self.low, self.high) {
            (Some((low, _)), Some((high, _))) if low >= high => write!(f, "={low}"),
            (Some((low, _)), Some((high, _))) => write!(f, "{low}..{high}"),
            (Some((low, own)), None) => write!(f, "{}{low}", sign(own, ">")),
            (None, Some((high, own))) => write!(f, "{}{high}", sign(own, "<")),
            (None, None) => f.write_str("anything"),
        }
    }
}
