//! Waiting awake for a moment.
//!
//! Who sleeps has to be woken, as a rule on a core that sleeps as well, and that takes about as long
//! as what is done with a line. A server that answers from memory is faster, and so is a client that
//! asks again at once. So whoever passes on a line stays awake for a moment, in case the next is on
//! its way.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// How long: about what it takes to judge a line.
const LASTS: Duration = Duration::from_micros(50);

/// Who is awake keeps a core, so one may be at a time, and none where that core is the only one:
/// what is waited for would wait for it.
static SEATS: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Semaphore::new(usize::from(cores > 1))
});

/// The moment after a line.
pub(super) struct Moment<'s> {
    seats: &'s Semaphore,
    until: Option<Instant>,
}

impl Moment<'static> {
    /// One that has not begun.
    pub(super) fn new() -> Self {
        Self::among(&SEATS)
    }
}

impl<'s> Moment<'s> {
    fn among(seats: &'s Semaphore) -> Self {
        Self { seats, until: None }
    }

    /// Begins, also where the last is not over.
    pub(super) fn begin(&mut self) {
        self.until = Some(Instant::now() + LASTS);
    }

    /// Whether it has begun and was not waited for to its end.
    pub(super) fn lasts(&self) -> bool {
        self.until.is_some()
    }

    /// Ends with it; at once while somebody else is awake. Whatever is to run on this thread runs
    /// meanwhile.
    pub(super) async fn pass(&mut self) {
        if let (Some(until), Ok(_seat)) = (self.until, self.seats.try_acquire()) {
            tokio::task::yield_now().await;
            while Instant::now() < until {
                tokio::task::yield_now().await;
            }
        }
        self.until = None;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;

    fn is_over(passing: Pin<&mut impl Future>) -> bool {
        passing.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_waits_awake_at_a_time() {
        let seats = Semaphore::new(1);
        let (mut first, mut second) = (Moment::among(&seats), Moment::among(&seats));
        first.begin();
        {
            let mut awake = pin!(first.pass());
            assert!(!is_over(awake.as_mut()));
            second.begin();
            assert!(is_over(pin!(second.pass())));
            assert!(!second.lasts());
        }
        // The first has heard something, and is no longer awake.
        second.begin();
        assert!(!is_over(pin!(second.pass())));
    }

    #[tokio::test]
    async fn others_run_while_one_waits_awake_and_that_is_not_for_long() {
        let (seats, began) = (Semaphore::new(1), Instant::now());
        let mut moment = Moment::among(&seats);
        let other = tokio::spawn(async {});
        moment.begin();
        moment.pass().await;
        assert!(other.is_finished() && !moment.lasts() && began.elapsed() >= LASTS);
    }

    #[test]
    fn nobody_waits_awake_where_nobody_may() {
        let seats = Semaphore::new(0);
        let mut moment = Moment::among(&seats);
        moment.begin();
        assert!(is_over(pin!(moment.pass())));
    }
}
