//! All sinks, each served by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bakerst_audit::delivery::{Deliveries, Moment, Reason, SinkStatus};
use bakerst_model::{Clock, Seq};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::SinkFolder;
use crate::shipper::{Now, Shipper, Turn, lock};

/// How often it is looked whether the log has grown. The log is asked and never waits.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same where it is about to grow.
const LOOK_SOON: Duration = Duration::from_millis(10);

/// What an operator should know about a sink.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// It failed too often and is left alone for now.
    Stopped {
        /// Its name.
        sink: Arc<str>,
        /// Why it failed last.
        why: Reason,
    },
    /// It takes records again.
    Resumed {
        /// Its name.
        sink: Arc<str>,
    },
    /// Something else that should worry somebody.
    Alarm(String),
}

/// Whom to tell what an operator should know. It must not wait.
pub trait Notices: Send + Sync {
    /// Takes a notice.
    fn note(&self, notice: Notice);
}

/// Every sink that is being served.
#[derive(Debug)]
pub struct Shipping {
    tasks: JoinSet<()>,
    stop: watch::Sender<Option<Seq>>,
    boards: Boards,
}

/// How every sink fares.
#[derive(Clone, Debug, Default)]
pub struct Boards(Arc<[(SinkFolder, Arc<Mutex<SinkStatus>>)]>);

impl Deliveries for Boards {
    fn report(&self) -> Vec<SinkStatus> {
        let status = |(folder, board): &(SinkFolder, Arc<Mutex<SinkStatus>>)| {
            let mut status = lock(board).clone();
            // Counted where they lie: commands take letters away while we run.
            status.dead_letters = folder.dead_letters();
            status
        };
        self.0.iter().map(status).collect()
    }
}

impl Shipping {
    /// Begins to serve, a task for each sink. It must be called within a runtime.
    #[must_use]
    pub fn start(shippers: Vec<Shipper>, clock: &Arc<dyn Clock>) -> Self {
        let boards = shippers.iter().map(|shipper| (shipper.folder().clone(), shipper.board()));
        let boards = Boards(boards.collect());
        let (stop, stopping) = watch::channel(None);
        let mut tasks = JoinSet::new();
        for shipper in shippers {
            tasks.spawn(serve(shipper, clock.clone(), stopping.clone()));
        }
        Self { tasks, stop, boards }
    }

    /// How every sink fares.
    #[must_use]
    pub fn boards(&self) -> Boards {
        self.boards.clone()
    }

    /// Sends what there is up to this record, and stops. What is not through within this time is
    /// sent after the next start; it is in the log.
    pub async fn stop(mut self, last: Seq, within: Duration) {
        self.stop.send_replace(Some(last));
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // Those that are still at it are dropped with the set.
        tokio::time::timeout(within, all).await.ok();
    }
}

async fn serve(
    mut shipper: Shipper,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<Option<Seq>>,
) {
    let begun = Instant::now();
    let moment = move || Moment(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
    loop {
        if stopping.borrow().is_some() {
            shipper.hurry();
        }
        let turn = shipper.turn(Now { moment: moment(), wall: clock.now() }).await;
        let Turn::Wait(until) = turn else { continue };
        let wait = match (*stopping.borrow(), until) {
            // Everything is through, or the sink is being left alone and will not take it.
            (Some(last), _) if shipper.acknowledged() >= last => break,
            (Some(_), Some(_)) => break,
            // The last records are on their way to the disk.
            (Some(_), None) => LOOK_SOON,
            (None, None) => LOOK_EVERY,
            (None, Some(until)) => {
                Duration::from_millis(until.since(moment())).clamp(LOOK_SOON, LOOK_EVERY)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // It fails where the sender is gone, which nobody wants; then it stops too.
            changed = stopping.changed() => if changed.is_err() {
                break;
            },
        }
    }
    shipper.keep(moment()).await;
}
