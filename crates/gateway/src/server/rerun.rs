//! Tasks that wake themselves while they run.
//!
//! A connection does it with every request at the MCP door: who answers wakes who waits for the
//! answer, and both are this one task. The runtime would put the task in its queue once more and
//! wake another thread in case that has time for it, which finds the work done and has taken the
//! core from somebody. So such a task is run again where it is.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// It waits to be woken.
const RESTS: u8 = 0;
/// It is being run.
const RUNS: u8 = 1;
/// It is being run, and was woken meanwhile.
const WOKEN: u8 = 2;

/// How often it is run in a row, before others have their turn.
const TURNS_MAX: u8 = 8;

/// A future that is run again at once where it was woken while it ran.
pub(super) struct Rerun<F> {
    future: Pin<Box<F>>,
    /// What wakes it, once it ran; kept, so that nobody who holds it has to learn another.
    bell: Option<(Arc<Bell>, Waker)>,
}

/// Wakes a task, unless it is running.
struct Bell {
    state: AtomicU8,
    task: Waker,
}

impl<F> Rerun<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future: Box::pin(future), bell: None }
    }
}

impl Bell {
    fn of(task: &Waker) -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self { state: AtomicU8::new(RESTS), task: task.clone() });
        (bell.clone(), bell.into())
    }

    /// Whether it was woken since it began to run; it rests otherwise.
    fn was_rung(&self) -> bool {
        self.state.compare_exchange(RUNS, RESTS, Ordering::AcqRel, Ordering::Acquire).is_err()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let noted = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (state != RESTS).then_some(WOKEN)
        });
        if noted.is_err() {
            self.task.wake_by_ref();
        }
    }
}

impl<F: Future> Future for Rerun<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let known = this.bell.take().filter(|(bell, _)| bell.task.will_wake(context.waker()));
        let (bell, waker) = this.bell.insert(known.unwrap_or_else(|| Bell::of(context.waker())));
        for _ in 0..TURNS_MAX {
            // Whoever woke it did so for a reason that is to be seen now.
            bell.state.swap(RUNS, Ordering::AcqRel);
            if let Poll::Ready(output) = this.future.as_mut().poll(&mut Context::from_waker(waker))
            {
                return Poll::Ready(output);
            }
            if !bell.was_rung() {
                return Poll::Pending;
            }
        }
        // As above: it may have been woken once more, and is to see why when it runs again.
        bell.state.swap(RESTS, Ordering::AcqRel);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
