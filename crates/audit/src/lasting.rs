//! Troubles that somebody should hear of for as long as they last.

use bakerst_model::UnixMillis;

/// How often a trouble that lasts is said again.
const AGAIN_MILLIS: u64 = 86_400_000;

/// One trouble: it is said once it has lasted for a while, and then each day.
#[derive(Clone, Copy, Debug)]
pub struct Lasting {
    patience_millis: u64,
    since: Option<UnixMillis>,
    said: Option<UnixMillis>,
}

impl Lasting {
    /// A trouble that is worth a word once it has lasted for so long.
    #[must_use]
    pub fn new(patience_millis: u64) -> Self {
        Self { patience_millis, since: None, said: None }
    }

    /// Notes whether it is there, and answers whether it is to be said now.
    pub fn note(&mut self, there: bool, now: UnixMillis) -> bool {
        if !there {
            (self.since, self.said) = (None, None);
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let due = match self.said {
            None => now.millis_since(since) >= self.patience_millis,
            Some(said) => now.millis_since(said) >= AGAIN_MILLIS,
        };
        if due {
            self.said = Some(now);
        }
        due
    }

    /// Since when it has been there, once it has been said.
    #[must_use]
    pub fn said_since(&self) -> Option<UnixMillis> {
        self.since.filter(|_| self.said.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_trouble_is_said_once_it_lasts_and_then_each_day() {
        let mut trouble = Lasting::new(HOUR);
        let mut said = Vec::new();
        for hour in 0..60 {
            // It goes away for an hour in between.
            if trouble.note(hour != 30, UnixMillis(hour * HOUR)) {
                said.push(hour);
            }
            assert_eq!(
                trouble.said_since().is_some(),
                said.last().is_some() && hour != 30 && hour != 31
            );
        }
        assert_eq!(said, [1, 25, 32, 56]);
        assert_eq!(trouble.said_since(), Some(UnixMillis(31 * HOUR)));
    }

    #[test]
    fn a_trouble_without_patience_is_said_at_once() {
        let mut trouble = Lasting::new(0);
        assert!(trouble.note(true, UnixMillis(7)));
        assert!(!trouble.note(true, UnixMillis(5)), "a clock that goes back says nothing twice");
    }
}
