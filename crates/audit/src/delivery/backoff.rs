//! How long to wait after a failure.

/// Milliseconds on a clock that only goes forward. Where it starts does not matter.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment, so much later.
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How long after `earlier` this is; nothing when it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Exponential backoff with full jitter: many who were turned away at once do not come back at
/// once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Backoff {
    /// The longest wait after the first failure.
    pub first_millis: u64,
    /// The longest wait after any.
    pub max_millis: u64,
}

impl Backoff {
    /// The longest that the wait after so many failures in a row may be.
    #[must_use]
    pub fn ceiling(self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(63);
        let grown = u128::from(self.first_millis) << doublings;
        u64::try_from(grown).unwrap_or(u64::MAX).min(self.max_millis)
    }

    /// How long to wait after so many failures in a row: anything up to the ceiling, as `random`
    /// has it.
    #[must_use]
    pub fn wait(self, failures: u32, random: u64) -> u64 {
        random % self.ceiling(failures).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound_and_are_spread_over_all_of_it() {
        let backoff = Backoff { first_millis: 500, max_millis: 60_000 };
        let ceilings = [1, 2, 3, 7, 8, 1000].map(|failures| backoff.ceiling(failures));
        assert_eq!(ceilings, [500, 1000, 2000, 32_000, 60_000, 60_000]);
        assert_eq!(backoff.wait(1, 501), 0);
        assert_eq!(backoff.wait(1, 500), 500);
        let none = Backoff { first_millis: 0, max_millis: 0 };
        assert_eq!(none.wait(5, u64::MAX), 0);
        let endless = Backoff { first_millis: u64::MAX, max_millis: u64::MAX };
        assert!(endless.wait(64, u64::MAX - 1) > 0);
    }
}
