use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::*;

/// A task's waker that counts how often it is used.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Counted {
    fn times(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn task() -> (Arc<Counted>, Waker) {
    let counted = Arc::<Counted>::default();
    (counted.clone(), counted.into())
}

/// Keeps the waker it is run with, and is never done; wakes itself in each of its first runs.
fn wakes_itself(times: usize, runs: &Arc<AtomicUsize>, kept: &Kept) -> Rerun<impl Future + use<>> {
    let (runs, kept) = (runs.clone(), kept.clone());
    Rerun::new(poll_fn(move |context| {
        *kept.lock().unwrap() = Some(context.waker().clone());
        if runs.fetch_add(1, Ordering::SeqCst) < times {
            context.waker().wake_by_ref();
        }
        Poll::<()>::Pending
    }))
}

type Kept = Arc<Mutex<Option<Waker>>>;

fn run(future: &mut (impl Future + Unpin), waker: &Waker) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(waker)).is_ready()
}

#[test]
fn what_wakes_itself_is_run_again_and_its_task_is_not_woken() {
    let (runs, kept) = (Arc::default(), Kept::default());
    let mut future = wakes_itself(3, &runs, &kept);
    let (counted, waker) = task();
    assert!(!run(&mut future, &waker));
    assert_eq!((runs.load(Ordering::SeqCst), counted.times()), (4, 0));
}

#[test]
fn whoever_is_woken_while_it_rests_has_its_task_woken() {
    let (runs, kept) = (Arc::default(), Kept::default());
    let mut future = wakes_itself(0, &runs, &kept);
    let (counted, waker) = task();
    assert!(!run(&mut future, &waker));
    assert_eq!(counted.times(), 0);
    kept.lock().unwrap().take().unwrap().wake();
    assert_eq!((runs.load(Ordering::SeqCst), counted.times()), (1, 1));
}

#[test]
fn what_wakes_itself_without_end_leaves_others_their_turn() {
    let (runs, kept) = (Arc::default(), Kept::default());
    let mut future = wakes_itself(usize::MAX, &runs, &kept);
    let (counted, waker) = task();
    assert!(!run(&mut future, &waker));
    assert_eq!((runs.load(Ordering::SeqCst), counted.times()), (usize::from(TURNS_MAX), 1));
    // It rests until the runtime comes back to it, and is woken like any other.
    kept.lock().unwrap().take().unwrap().wake();
    assert_eq!(counted.times(), 2);
}

#[test]
fn a_future_that_changes_its_task_wakes_the_new_one() {
    let (runs, kept) = (Arc::default(), Kept::default());
    let mut future = wakes_itself(0, &runs, &kept);
    let ((first, of_first), (second, of_second)) = (task(), task());
    assert!(!run(&mut future, &of_first));
    assert!(!run(&mut future, &of_second));
    kept.lock().unwrap().take().unwrap().wake();
    assert_eq!((first.times(), second.times()), (0, 1));
}

#[test]
fn what_is_done_after_it_woke_itself_is_done() {
    let mut has_run = false;
    let mut future = Rerun::new(poll_fn(move |context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut has_run, true) { Poll::Ready(()) } else { Poll::Pending }
    }));
    let (counted, waker) = task();
    assert!(run(&mut future, &waker));
    assert_eq!(counted.times(), 0);
}

/// Somebody counts up and wakes as soon as the last number was seen, and so while the run that saw it
/// is about to end: each number must be seen, however the wakes and the ends of runs fall together.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_wake_from_another_thread_is_lost() {
    const NUMBERS: usize = 100_000;
    let (count, seen, kept) = (AtomicUsize::new(0), AtomicUsize::new(0), OnceLock::<Waker>::new());
    let shared = Arc::new((count, seen, kept));
    let seeing = {
        let shared = shared.clone();
        tokio::spawn(Rerun::new(poll_fn(move |context| {
            let (count, seen, kept) = &*shared;
            kept.get_or_init(|| context.waker().clone());
            let number = count.load(Ordering::SeqCst);
            seen.store(number, Ordering::SeqCst);
            if number == NUMBERS { Poll::Ready(()) } else { Poll::Pending }
        })))
    };
    let stop = Arc::new(AtomicBool::new(false));
    let counting = {
        let stop = stop.clone();
        thread::spawn(move || {
            let (count, seen, kept) = &*shared;
            let waker = kept.wait();
            for number in 1..=NUMBERS {
                while seen.load(Ordering::SeqCst) != number - 1 {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    std::hint::spin_loop();
                }
                count.store(number, Ordering::SeqCst);
                waker.wake_by_ref();
            }
        })
    };
    let all_seen = tokio::time::timeout(Duration::from_secs(30), seeing).await;
    stop.store(true, Ordering::SeqCst);
    counting.join().unwrap();
    all_seen.expect("a wake was lost").unwrap();
}
