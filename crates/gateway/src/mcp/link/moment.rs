//! Waiting awake for a moment.
//!
//! Who sleeps has to be woken, as a rule from another core, and that takes longer than half of what
//! is done with a line. A server that answers from memory is faster, and so is a client that asks
//! again at once. So whoever has passed on a line stays awake for a moment, in case the next is on
//! its way.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// How long: about what was just done with a line. Waiting for nothing costs no more than that.
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
    awake: Option<(Instant, SemaphorePermit<'s>)>,
}

impl<'s> Moment<'s> {
    /// One that has not begun.
    pub(super) fn new() -> Moment<'static> {
        Moment::among(&SEATS)
    }

    fn among(seats: &'s Semaphore) -> Self {
        Self { seats, awake: None }
    }

    /// Begins, also where the last is not over; not while somebody else is awake.
    pub(super) fn begin(&mut self) {
        let seat = self.awake.take().map(|(_, seat)| seat);
        let seat = seat.or_else(|| self.seats.try_acquire().ok());
        self.awake = seat.map(|seat| (Instant::now() + LASTS, seat));
    }

    /// Whether it has begun and is not over.
    pub(super) fn lasts(&self) -> bool {
        self.awake.is_some()
    }

    /// Ends with it. Whatever else is to run on this thread does so meanwhile.
    pub(super) async fn pass(&mut self) {
        while self.awake.as_ref().is_some_and(|(until, _)| Instant::now() < *until) {
            tokio::task::yield_now().await;
        }
        self.awake = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_waits_awake_at_a_time_and_not_for_long() {
        let seats = Semaphore::new(1);
        let (mut first, mut second) = (Moment::among(&seats), Moment::among(&seats));
        first.begin();
        second.begin();
        assert_eq!((first.lasts(), second.lasts()), (true, false));
        // Whoever begins again before its moment is over keeps its seat.
        first.begin();
        second.begin();
        assert_eq!((first.lasts(), second.lasts()), (true, false));
        first.pass().await;
        second.begin();
        first.begin();
        assert_eq!((first.lasts(), second.lasts()), (false, true));
        // Whoever goes while it is awake leaves its seat.
        drop(second);
        first.begin();
        assert!(first.lasts());
    }

    #[tokio::test]
    async fn others_run_while_one_waits_awake() {
        let seats = Semaphore::new(1);
        let mut moment = Moment::among(&seats);
        let other = tokio::spawn(async {});
        moment.begin();
        moment.pass().await;
        assert!(other.is_finished() && !moment.lasts());
    }

    #[tokio::test]
    async fn nobody_waits_awake_where_nobody_may() {
        let seats = Semaphore::new(0);
        let mut moment = Moment::among(&seats);
        moment.begin();
        assert!(!moment.lasts());
    }
}
