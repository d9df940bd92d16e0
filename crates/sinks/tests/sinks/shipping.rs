use std::sync::Arc;
use std::time::{Duration, Instant};

use bakerst_audit::delivery::{Deliveries as _, Outcome, Shipped};
use bakerst_model::{Clock, Pending, Seq, UnixMillis};
use bakerst_sinks::{Setup, Shipper, Shipping, Sink, SinkFolder, SinkName};

use crate::support::NOW;
use crate::support::log::{MemoryLog, Shelf, Told, setup};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> UnixMillis {
        NOW
    }
}

/// Never answers.
struct Hangs;

impl Sink for Hangs {
    fn send<'s>(&'s mut self, _: &'s [Shipped], _: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(std::future::pending())
    }
}

fn named(
    state: &std::path::Path,
    log: &MemoryLog,
    name: &str,
    sink: impl Sink + 'static,
) -> Shipper {
    let name = SinkName::parse(name).unwrap();
    let folder = SinkFolder::of(state, &name);
    Shipper::open(Setup { name, folder, ..setup(state, log, sink, &Told::default()) }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_hangs_holds_up_no_other_and_no_stop() {
    let (state, log, shelf) =
        (tempfile::tempdir().unwrap(), MemoryLog::with(100), Shelf::default());
    let shippers = vec![
        named(state.path(), &log, "hangs", Hangs),
        named(state.path(), &log, "well", shelf.clone()),
    ];
    let clock: Arc<dyn Clock> = Arc::new(Fixed);
    let shipping = Shipping::start(shippers, &clock);
    let boards = shipping.boards();
    // The last three are not worth a batch yet; the stop takes them along.
    log.grow_to(103);
    let begun = Instant::now();
    shipping.stop(Seq(103), Duration::from_millis(500)).await;
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(shelf.has(), (1..=103).collect::<Vec<_>>());
    let report = boards.report();
    let brief: Vec<_> = report.iter().map(|s| (s.name.as_ref(), s.acknowledged.0)).collect();
    assert_eq!(brief, [("hangs", 0), ("well", 103)]);
    let kept = SinkFolder::of(state.path(), &SinkName::parse("well").unwrap()).account();
    assert_eq!(kept.unwrap().unwrap().acknowledged, Seq(103));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_records_that_are_still_on_their_way_to_the_disk() {
    let (state, log, shelf) = (tempfile::tempdir().unwrap(), MemoryLog::with(0), Shelf::default());
    let shippers = vec![named(state.path(), &log, "well", shelf.clone())];
    let clock: Arc<dyn Clock> = Arc::new(Fixed);
    let shipping = Shipping::start(shippers, &clock);
    let later = log.clone();
    let grows = tokio::spawn(async move {
        // waits: the disk takes its time
        tokio::time::sleep(Duration::from_millis(50)).await;
        later.grow_to(2);
    });
    shipping.stop(Seq(2), Duration::from_secs(10)).await;
    grows.await.unwrap();
    assert_eq!(shelf.has(), [1, 2]);
}
