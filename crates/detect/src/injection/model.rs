//! The trained model: a table of rows for hashed features and a small head.
//!
//! The rows of all features in a window are added up, one sum for each of sixteen units. A unit
//! counts from its own threshold on, and beside the units there is a straight line. Rows are kept
//! as single bytes, so the whole model is about a mebibyte, and a window costs next to nothing once
//! its rows are added up.

use std::sync::Arc;

use super::features::{ROW_BITS, WIDTH};
use super::{InjectionKind, Sensitivity};

mod format;

pub use format::{ModelError, ModelParts};

/// How many kinds it tells apart.
pub const KINDS: usize = 4;

/// What a window's rows add up to. Sixteen bits hold what a few hundred rows can add up to, but
/// for the rarest sums, which stop at the bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub(super) values: [i16; WIDTH],
    pub(super) features: u32,
}

impl Sum {
    #[inline]
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.values.iter_mut().zip(other.values) {
            *mine = mine.saturating_add(theirs);
        }
        self.features += other.features;
    }
}

/// A model that has passed its self-test.
#[derive(Clone, Debug)]
pub struct Model {
    rows: Arc<[[i8; WIDTH]]>,
    head: Head,
}

/// Everything but the rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    /// What one step of a row's byte is worth.
    pub step: f32,
    /// What each unit starts from.
    pub unit_bias: [f32; WIDTH],
    /// The same in a wide window.
    pub wide_bias: [f32; WIDTH],
    /// What each unit counts for.
    pub out: [f32; WIDTH],
    /// The straight line beside the units.
    pub line: [f32; WIDTH],
    /// What the sum starts from.
    pub bias: f32,
    /// What each unit says about each kind.
    pub kinds: [[f32; WIDTH]; KINDS],
    /// What each kind starts from.
    pub kind_bias: [f32; KINDS],
    /// Slope and shift that make a probability of the sum.
    pub calibration: [f32; 2],
    /// The sum from which a text counts, for low, medium and high sensitivity.
    pub thresholds: [f32; 3],
}

impl Head {
    /// How a sum over `features` rows is scaled, so that long and short windows compare.
    #[inline]
    #[must_use]
    pub fn scale(features: u32) -> f32 {
        #[expect(clippy::cast_precision_loss, reason = "a window has a few hundred features")]
        let count = features as f32;
        1.0 / (count + 20.0).sqrt()
    }

    /// The values of the units for a scaled sum.
    #[inline]
    #[must_use]
    pub fn activate(&self, x: &[f32; WIDTH], wide: bool) -> [f32; WIDTH] {
        let mut values = if wide { self.wide_bias } else { self.unit_bias };
        for (value, x) in values.iter_mut().zip(x) {
            *value = (*value + x).max(0.0);
        }
        values
    }

    /// The score of a window before calibration.
    #[inline]
    #[must_use]
    pub fn logit(&self, x: &[f32; WIDTH], units: &[f32; WIDTH]) -> f32 {
        self.bias + dot(&self.line, x) + dot(&self.out, units)
    }

    /// How likely a score makes an attack, between nothing and one.
    #[must_use]
    pub fn probability(&self, logit: f32) -> f32 {
        let [slope, shift] = self.calibration;
        1.0 / (1.0 + (-(slope * logit + shift)).exp())
    }

    /// The score from which a text counts.
    #[must_use]
    pub fn threshold(&self, sensitivity: Sensitivity) -> f32 {
        let [low, medium, high] = self.thresholds;
        match sensitivity {
            Sensitivity::Low => low,
            Sensitivity::Medium => medium,
            Sensitivity::High => high,
        }
    }
}

/// Four sums side by side, so that the processor need not wait for one.
#[inline]
fn dot<const N: usize>(a: &[f32; N], b: &[f32; N]) -> f32 {
    let mut sums = [0.0_f32; 4];
    for (a, b) in a.as_chunks::<4>().0.iter().zip(b.as_chunks::<4>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum()
}

impl Model {
    /// The numbers of one row.
    #[inline]
    pub(super) fn row(&self, at: u32) -> &[i8; WIDTH] {
        const NOTHING: &[i8; WIDTH] = &[0; WIDTH];
        self.rows.get((at & ((1 << ROW_BITS) - 1)) as usize).unwrap_or(NOTHING)
    }

    /// What rows add up to. A block has too few of them to reach the bound.
    #[inline]
    pub(super) fn sum(&self, rows: &[u32]) -> Sum {
        let mut values = [0_i16; WIDTH];
        for row in rows {
            for (value, step) in values.iter_mut().zip(self.row(*row)) {
                *value = value.wrapping_add(i16::from(*step));
            }
        }
        Sum { values, features: u32::try_from(rows.len()).unwrap_or(u32::MAX) }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    #[inline]
    pub(super) fn scaled(&self, sum: &Sum) -> [f32; WIDTH] {
        let scale = Head::scale(sum.features) * self.head.step;
        sum.values.map(|value| f32::from(value) * scale)
    }

    #[inline]
    pub(super) fn logit(&self, sum: &Sum, wide: bool) -> f32 {
        let x = self.scaled(sum);
        self.head.logit(&x, &self.head.activate(&x, wide))
    }

    /// The kind that a window looks most like.
    pub(super) fn kind(&self, sum: &Sum, wide: bool) -> InjectionKind {
        let units = self.head.activate(&self.scaled(sum), wide);
        let scores = self.head.kinds.iter().zip(self.head.kind_bias);
        let scores = scores.map(|(weights, bias)| bias + dot(weights, &units));
        let best = scores.enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.and_then(|(i, _)| InjectionKind::ALL.get(i).copied()).unwrap_or_default()
    }

    /// How the score of a window changes with each value of a scaled sum.
    pub(super) fn slope(&self, sum: &Sum, wide: bool) -> [f32; WIDTH] {
        let units = self.head.activate(&self.scaled(sum), wide);
        let mut slope = self.head.line;
        for ((slope, unit), out) in slope.iter_mut().zip(units).zip(self.head.out) {
            *slope += if unit > 0.0 { out } else { 0.0 };
        }
        slope
    }
}
