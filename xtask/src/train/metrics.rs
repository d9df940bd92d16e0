//! How well scores tell two sides apart.

use super::rng::Rng;

/// The score that at most a share `budget` of `benign` reaches or passes.
pub(super) fn threshold(benign: &[f32], budget: f64) -> f32 {
    let mut sorted = benign.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let allowed = (sorted.len() as f64 * budget).floor() as usize;
    sorted.get(allowed).map_or(0.0, |score| score + 1e-4)
}

/// The share of `scores` at or above `threshold`.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn share(scores: &[f32], threshold: f32) -> f64 {
    let above = scores.iter().filter(|score| **score >= threshold).count();
    above as f64 / scores.len().max(1) as f64
}

/// The mean, and nothing of nothing.
#[expect(clippy::cast_precision_loss, reason = "a count")]
pub(super) fn mean(shares: &[f64]) -> f64 {
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// The chance that an attack scores above a benign text.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn auc(attacks: &[f32], benign: &[f32]) -> f64 {
    let mut sorted = benign.to_vec();
    sorted.sort_by(f32::total_cmp);
    let below: usize = attacks.iter().map(|a| sorted.partition_point(|b| b < a)).sum();
    below as f64 / (attacks.len() * benign.len()).max(1) as f64
}

/// What [`share`] at the [`threshold`] of a budget lies between, ninety-five times of a hundred, where
/// both sides are drawn anew from what there is.
pub(super) fn share_between(attacks: &[f32], benign: &[f32], budget: f64, seed: u64) -> [f64; 2] {
    let mut rng = Rng::new(seed);
    let mut again = |scores: &[f32]| -> Vec<f32> {
        (0..scores.len()).filter_map(|_| rng.pick(scores).copied()).collect()
    };
    let mut shares: Vec<f64> =
        (0..DRAWS).map(|_| share(&again(attacks), threshold(&again(benign), budget))).collect();
    shares.sort_by(f64::total_cmp);
    [DRAWS / 40, DRAWS - 1 - DRAWS / 40].map(|at| shares.get(at).copied().unwrap_or_default())
}

/// How often they are drawn.
const DRAWS: usize = 1000;
