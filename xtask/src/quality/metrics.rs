//! How well an answer tells two sides apart.

/// How often an answer was right about one side and wrong about the other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// What should be found.
    pub(super) wanted: usize,
    /// What of it was found.
    pub(super) caught: usize,
    /// What should not be found.
    pub(super) innocent: usize,
    /// What of it was found all the same.
    pub(super) alarms: usize,
}

impl Counts {
    /// Counts one answer.
    pub(super) fn count(&mut self, wanted: bool, found: bool) {
        let (all, hit) = match wanted {
            true => (&mut self.wanted, &mut self.caught),
            false => (&mut self.innocent, &mut self.alarms),
        };
        *all += 1;
        *hit += usize::from(found);
    }

    /// The share of what should be found that was.
    pub(super) fn recall(self) -> f64 {
        share(self.caught, self.wanted)
    }

    /// The share of what was found that should be.
    pub(super) fn precision(self) -> f64 {
        share(self.caught, self.caught + self.alarms)
    }

    /// The share of what should not be found that was.
    pub(super) fn false_positives(self) -> f64 {
        share(self.alarms, self.innocent)
    }

    /// The harmonic mean of precision and recall.
    pub(super) fn f1(self) -> f64 {
        share(2 * self.caught, self.wanted + self.caught + self.alarms)
    }
}

/// A part of a whole; not a number where there is none.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// The share of `scores` above `limit`.
pub(super) fn share_above(scores: &[f32], limit: f32) -> f64 {
    share(scores.iter().filter(|score| **score > limit).count(), scores.len())
}

/// The score that at most a share `rate` of the innocent ones is above.
pub(super) fn limit_at(innocent: &[f32], rate: f64) -> f32 {
    let mut sorted = innocent.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    let allowed = (sorted.len() as f64 * rate) as usize;
    sorted.get(allowed).copied().unwrap_or(f32::NEG_INFINITY)
}

/// The chance that one that should be found scores above an innocent one; a tie counts half.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn auc(wanted: &[f32], innocent: &[f32]) -> f64 {
    let mut sorted = innocent.to_vec();
    sorted.sort_by(f32::total_cmp);
    let doubled: usize = wanted
        .iter()
        .map(|score| {
            let below = sorted.partition_point(|other| other < score);
            let up_to = sorted.partition_point(|other| other <= score);
            below + up_to
        })
        .sum();
    doubled as f64 / 2.0 / (wanted.len() * innocent.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_give_precision_recall_and_f1() {
        let mut counts = Counts::default();
        for (wanted, found) in
            [(true, true), (true, true), (true, true), (true, false), (false, true), (false, false)]
        {
            counts.count(wanted, found);
        }
        assert_eq!(counts, Counts { wanted: 4, caught: 3, innocent: 2, alarms: 1 });
        assert_eq!((counts.recall(), counts.precision()), (0.75, 0.75));
        assert_eq!((counts.f1(), counts.false_positives()), (0.75, 0.5));
        let none = Counts { wanted: 2, ..Counts::default() };
        assert_eq!((none.recall(), none.f1()), (0.0, 0.0));
        assert!(none.precision().is_nan() && none.false_positives().is_nan());
    }

    #[test]
    fn auc_counts_pairs_and_half_of_the_ties() {
        for (wanted, innocent, want) in [
            (&[1.0, 2.0][..], &[0.0, 0.5][..], 1.0),
            (&[0.0, 0.5], &[1.0, 2.0], 0.0),
            (&[1.0], &[1.0], 0.5),
            (&[0.5, 0.5, 0.5], &[0.5, 0.5], 0.5),
            (&[0.2, 0.8], &[0.5], 0.5),
            (&[0.2, 0.8, 0.9], &[0.5, 0.1], 5.0 / 6.0),
            (&[f32::INFINITY, 0.0], &[0.0, f32::NEG_INFINITY], 0.875),
        ] {
            assert_eq!(auc(wanted, innocent), want, "{wanted:?} over {innocent:?}");
        }
        assert!(auc(&[], &[1.0]).is_nan());
    }

    #[test]
    fn the_limit_lets_no_more_than_its_rate_above() {
        let innocent: Vec<f32> = (0_u16..1000).map(f32::from).collect();
        for (rate, limit) in [(0.01, 989.0), (0.001, 998.0), (0.0, 999.0), (0.5, 499.0)] {
            assert_eq!(limit_at(&innocent, rate), limit);
            assert_eq!(share_above(&innocent, limit), rate);
        }
        let tied = [1.0, 1.0, 1.0, 0.0];
        assert_eq!(share_above(&tied, limit_at(&tied, 0.5)), 0.0);
        assert_eq!(limit_at(&[], 0.1), f32::NEG_INFINITY);
        assert_eq!(limit_at(&[3.0], 1.0), f32::NEG_INFINITY);
    }
}
