//! The network while it learns: the same shape as the detector's, in floating point.
#![expect(
    clippy::indexing_slicing,
    clippy::needless_range_loop,
    reason = "arrays of fixed size, walked within their bounds"
)]

use bakerst_detect::injection::features::{ROW_BITS, WIDTH, windows};
use bakerst_detect::injection::model::{Head, KINDS, ModelParts};
use bakerst_detect::injection::training::Blocks;

use super::rng::Rng;

/// One text to learn from or to test on.
#[derive(Clone)]
pub(super) struct Example {
    /// Every reading of the text, each as blocks of rows.
    pub(super) readings: Vec<Blocks>,
    pub(super) attack: bool,
    pub(super) kind: Option<usize>,
    pub(super) weight: f32,
}

/// A network in training.
pub(super) struct Net {
    pub(super) rows: Vec<[f32; WIDTH]>,
    pub(super) head: Head,
    row_steps: Vec<f32>,
    head_steps: Head,
}

/// How training goes.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    pub(super) epochs: usize,
    pub(super) rate: f32,
    /// The share of features that is left out of each step.
    pub(super) dropout: f32,
    /// How fast unused weights fade.
    pub(super) decay: f32,
}

/// One number in so many is cut to the greatest that a byte holds: no single word may decide.
const CLIPPED: usize = 200;
const HEAD_RATE: f32 = 0.02;

struct Window {
    reading: usize,
    first: usize,
    count: usize,
    wide: bool,
    logit: f32,
}

impl Net {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let mut small = |size: f32| (rng.unit() - 0.5) * size;
        let rows = (0..1_usize << ROW_BITS).map(|_| std::array::from_fn(|_| small(0.1))).collect();
        let mut head = Head { step: 1.0, ..Head::default() };
        head.line = std::array::from_fn(|_| small(0.2));
        head.out = std::array::from_fn(|u| if u % 3 == 2 { -0.7 } else { 0.7 } + small(0.3));
        Self { rows, head, row_steps: vec![1e-6; 1 << ROW_BITS], head_steps: Head::default() }
    }

    /// Learns from all examples, once an epoch each, in an order that the seed decides.
    pub(super) fn learn(&mut self, examples: &[Example], pace: Pace, rng: &mut Rng) {
        let mut order: Vec<usize> = (0..examples.len()).collect();
        for epoch in 0..pace.epochs {
            rng.shuffle(&mut order);
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let left = 1.0 - epoch as f32 / pace.epochs as f32;
            let now = Pace { rate: pace.rate * (0.1 + 0.9 * left), ..pace };
            for &i in &order {
                self.learn_one(&examples[i], now, rng);
            }
        }
    }

    fn learn_one(&mut self, example: &Example, pace: Pace, rng: &mut Rng) {
        let mut windows = self.windows(example);
        if windows.is_empty() {
            return;
        }
        windows.sort_by(|a, b| b.logit.total_cmp(&a.logit));
        self.step(example, &windows[0], example.weight, pace, rng);
        if windows.len() > 1 && !example.attack {
            let other = 1 + rng.below((windows.len() - 1).min(4));
            self.step(example, &windows[other], example.weight * 0.5, pace, rng);
        }
    }

    /// All windows of an example with their scores.
    fn windows(&self, example: &Example) -> Vec<Window> {
        let mut all = Vec::new();
        for (reading, blocks) in example.readings.iter().enumerate() {
            let sums: Vec<([f32; WIDTH], u32)> = blocks.iter().map(|b| self.sum(b)).collect();
            for (first, count, wide) in windows(blocks.len()) {
                let (mut x, mut features) = ([0.0; WIDTH], 0);
                for (sum, n) in sums.iter().skip(first).take(count) {
                    x.iter_mut().zip(sum).for_each(|(a, b)| *a += b);
                    features += n;
                }
                let scale = Head::scale(features);
                let x = x.map(|v| v * scale);
                let logit = self.head.logit(&x, &self.head.activate(&x, wide));
                all.push(Window { reading, first, count, wide, logit });
            }
        }
        all
    }

    fn sum(&self, rows: &[u32]) -> ([f32; WIDTH], u32) {
        let mut sum = [0.0; WIDTH];
        for &row in rows {
            sum.iter_mut().zip(&self.rows[row as usize]).for_each(|(a, b)| *a += b);
        }
        (sum, u32::try_from(rows.len()).unwrap_or(u32::MAX))
    }

    /// One step down the slope of the loss at one window.
    fn step(&mut self, example: &Example, window: &Window, weight: f32, pace: Pace, rng: &mut Rng) {
        let blocks = &example.readings[window.reading];
        let kept: Vec<u32> = blocks
            .iter()
            .skip(window.first)
            .take(window.count)
            .flatten()
            .copied()
            .filter(|_| !rng.chance(pace.dropout))
            .collect();
        let (sum, features) = self.sum(&kept);
        let scale = Head::scale(features);
        let x = sum.map(|v| v * scale);
        let units = self.head.activate(&x, window.wide);
        let logit = self.head.logit(&x, &units);
        let target = if example.attack { 1.0 } else { 0.0 };
        let error = (1.0 / (1.0 + (-logit).exp()) - target) * weight;
        let mut slope = self.head.line;
        for ((slope, unit), out) in slope.iter_mut().zip(units).zip(self.head.out) {
            *slope += if unit > 0.0 { out } else { 0.0 };
        }
        if let Some(kind) = example.kind {
            self.step_kind(&units, kind, weight);
        }
        self.step_head(&x, &units, error, window.wide);
        self.step_rows(&kept, &slope.map(|s| s * error * scale), pace);
    }

    fn step_kind(&mut self, units: &[f32; WIDTH], kind: usize, weight: f32) {
        let scores: [f32; KINDS] = std::array::from_fn(|k| {
            let sum: f32 = self.head.kinds[k].iter().zip(units).map(|(a, b)| a * b).sum();
            (sum + self.head.kind_bias[k]).clamp(-20.0, 20.0).exp()
        });
        let total: f32 = scores.iter().sum();
        for k in 0..KINDS {
            let error = (scores[k] / total - f32::from(u8::from(k == kind))) * weight * 0.02;
            self.head.kinds[k].iter_mut().zip(units).for_each(|(w, u)| *w -= error * u);
            self.head.kind_bias[k] -= error;
        }
    }

    fn step_head(&mut self, x: &[f32; WIDTH], units: &[f32; WIDTH], error: f32, wide: bool) {
        let (head, steps) = (&mut self.head, &mut self.head_steps);
        for u in 0..WIDTH {
            if units[u] > 0.0 {
                let back = error * head.out[u];
                if wide {
                    descend(&mut head.wide_bias[u], &mut steps.wide_bias[u], back);
                } else {
                    descend(&mut head.unit_bias[u], &mut steps.unit_bias[u], back);
                }
            }
            descend(&mut head.out[u], &mut steps.out[u], error * units[u]);
        }
        for (i, x) in x.iter().enumerate() {
            descend(&mut head.line[i], &mut steps.line[i], error * x);
        }
        descend(&mut head.bias, &mut steps.bias, error);
    }

    fn step_rows(&mut self, kept: &[u32], slope: &[f32; WIDTH], pace: Pace) {
        #[expect(clippy::cast_precision_loss, reason = "sixteen")]
        let size = slope.iter().map(|s| s * s).sum::<f32>() / WIDTH as f32;
        for &row in kept {
            let steps = &mut self.row_steps[row as usize];
            *steps += size;
            let rate = pace.rate / (steps.sqrt() + 1e-3);
            for (value, s) in self.rows[row as usize].iter_mut().zip(slope) {
                *value -= rate * s + pace.decay * *value;
            }
        }
    }

    /// The score of the worst window of an example.
    pub(super) fn score(&self, example: &Example) -> f32 {
        self.windows(example).iter().map(|w| w.logit).fold(-20.0, f32::max)
    }

    /// Rounds rows to single bytes; the network goes on with the rounded ones.
    pub(super) fn quantise(&mut self) -> Vec<[i8; WIDTH]> {
        let mut sizes: Vec<f32> = self.rows.as_flattened().iter().map(|v| v.abs()).collect();
        sizes.sort_by(f32::total_cmp);
        let top = sizes[sizes.len() - sizes.len() / CLIPPED - 1].max(1e-6);
        let step = top / 127.0;
        #[expect(clippy::cast_possible_truncation, reason = "clamped")]
        let round = |v: f32| (v / step).round().clamp(-127.0, 127.0) as i8;
        let rows: Vec<[i8; WIDTH]> = self.rows.iter().map(|row| row.map(round)).collect();
        for (row, rounded) in self.rows.iter_mut().zip(&rows) {
            *row = rounded.map(|v| f32::from(v) * step);
        }
        self.head.step = step;
        rows
    }

    /// What the detector embeds.
    pub(super) fn parts(&self, rows: Vec<[i8; WIDTH]>) -> ModelParts {
        ModelParts { head: self.head.clone(), rows }
    }
}

/// One weight of the head, with a rate that falls as it learns.
fn descend(value: &mut f32, steps: &mut f32, slope: f32) {
    *steps += slope * slope;
    *value -= HEAD_RATE * slope / (steps.sqrt() + 1e-3);
}
