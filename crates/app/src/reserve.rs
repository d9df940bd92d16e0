//! Room on the log's disk: an alarm before it is full, and where that is wanted a stop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bakerst_audit::Lasting;
use bakerst_model::{Appending, Category, Clock, Event, Journal, JournalError};

use crate::config::{Disk, WhenLow};
use crate::worries::{Worries, Worry, raise};

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(5);
/// What is enough on any disk, however large.
const ENOUGH_BYTES: u64 = 1 << 30;
/// What is enough on a small disk: one part in so many.
const ENOUGH_PART: u64 = 20;
/// Stands for a number that is not known.
const UNKNOWN: u64 = u64::MAX;

/// What a disk has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Room {
    free: u64,
    total: u64,
}

impl Room {
    fn of(folder: &Path) -> io::Result<Self> {
        let disk = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Ok(Self { free: bytes(disk.f_bavail), total: bytes(disk.f_blocks) })
    }

    /// With fewer bytes free than this it is nearly full.
    fn wanted(self, disk: Disk) -> u64 {
        disk.free_bytes_min.unwrap_or((self.total / ENOUGH_PART).min(ENOUGH_BYTES))
    }
}

/// The room that the log's disk should have left.
pub(crate) struct Reserve {
    folder: PathBuf,
    disk: Disk,
    free: AtomicU64,
    low: AtomicBool,
}

impl Reserve {
    /// Looks at the disk for the first time.
    pub(crate) fn new(folder: &Path, disk: Disk) -> Self {
        let reserve = Self {
            folder: folder.to_owned(),
            disk,
            free: AtomicU64::new(UNKNOWN),
            low: AtomicBool::new(false),
        };
        reserve.look();
        reserve
    }

    /// How many bytes are free, where that could be found out.
    pub(crate) fn free(&self) -> Option<u64> {
        Some(self.free.load(Ordering::Relaxed)).filter(|free| *free != UNKNOWN)
    }

    /// Looks at the disk, and says what is amiss. A disk that does not tell is no full one: the log
    /// itself finds out whether it can be written.
    pub(crate) fn look(&self) -> Option<String> {
        let amiss = match Room::of(&self.folder) {
            Ok(room) => {
                self.free.store(room.free, Ordering::Relaxed);
                self.amiss(room)
            }
            Err(error) => {
                self.free.store(UNKNOWN, Ordering::Relaxed);
                self.low.store(false, Ordering::Relaxed);
                return Some(format!("it cannot be told how full the log's disk is: {error}"));
            }
        };
        self.low.store(amiss.is_some(), Ordering::Relaxed);
        amiss
    }

    fn amiss(&self, room: Room) -> Option<String> {
        let (free, wanted) = (room.free, room.wanted(self.disk));
        let until = match self.disk.when_low {
            WhenLow::Alarm => "once it is full, nothing is allowed",
            WhenLow::Stop => "nothing is allowed until there is more (`when_low: stop`)",
        };
        (free < wanted).then(|| {
            format!(
                "the audit log's disk has {free} bytes free, fewer than `free_bytes_min` ({wanted}): {until}"
            )
        })
    }

    /// Whether an event of this family would take room that is kept for others.
    fn refuses(&self, category: Category) -> bool {
        // Who came, what was changed and how we fare are for those who make room again.
        let reserved = matches!(category, Category::Auth | Category::Admin | Category::System);
        self.disk.when_low == WhenLow::Stop && self.low.load(Ordering::Relaxed) && !reserved
    }

    /// Looks now and again, and raises alarms.
    pub(crate) async fn watch(
        self: Arc<Self>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        worries: Arc<Worries>,
    ) {
        let (mut ticks, mut lasting) = (tokio::time::interval(EVERY), Lasting::new(0));
        loop {
            ticks.tick().await;
            let amiss = self.look();
            let due = lasting.note(amiss.is_some(), clock.now());
            worries.set(Worry::Disk, amiss.clone());
            if let Some(amiss) = amiss.filter(|_| due) {
                raise(&*journal, &amiss).await;
            }
        }
    }
}

/// A journal that takes nothing that would be acted upon while room is low, where that is wanted.
pub(crate) struct ReservingJournal {
    inner: Arc<dyn Journal>,
    reserve: Arc<Reserve>,
}

impl ReservingJournal {
    pub(crate) fn new(inner: Arc<dyn Journal>, reserve: Arc<Reserve>) -> Self {
        Self { inner, reserve }
    }
}

impl Journal for ReservingJournal {
    fn append(&self, event: Event) -> Appending<'_> {
        match self.reserve.refuses(event.action.category()) {
            false => self.inner.append(event),
            true => {
                let why =
                    "its disk is nearly full, and what is left is kept for the log's own events";
                Appending::done(Err(JournalError::Unwritable(why.into())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bakerst_model::{Action, Actor, Detail, Seq};

    use super::*;

    const GIB: u64 = 1 << 30;

    fn reserve(free_bytes_min: Option<u64>, when_low: WhenLow) -> Reserve {
        Reserve::new(Path::new("/"), Disk { free_bytes_min, when_low })
    }

    #[test]
    fn a_twentieth_or_a_gibibyte_is_enough_unless_it_is_said() {
        for (min, total, enough) in [
            (None, 10 * GIB, GIB / 2),
            (None, 1000 * GIB, GIB),
            (Some(7), 1000 * GIB, 7),
            (Some(0), 10 * GIB, 0),
        ] {
            let reserve = reserve(min, WhenLow::Alarm);
            let amiss = |free| reserve.amiss(Room { free, total }).is_some();
            assert!(!amiss(enough), "{min:?} of {total}");
            assert_eq!(enough > 0, enough > 0 && amiss(enough - 1), "{min:?} of {total}");
        }
    }

    struct Takes;

    impl Journal for Takes {
        fn append(&self, _: Event) -> Appending<'_> {
            Appending::done(Ok(Seq(1)))
        }
    }

    #[tokio::test]
    async fn what_would_be_acted_upon_waits_for_room_where_that_is_wanted() {
        for (min, when_low, acts) in [
            (u64::MAX, WhenLow::Stop, false),
            (u64::MAX, WhenLow::Alarm, true),
            (0, WhenLow::Stop, true),
        ] {
            let reserve = Arc::new(reserve(Some(min), when_low));
            let journal = ReservingJournal::new(Arc::new(Takes), reserve);
            let append = async |action| {
                let (actor, detail) = (Actor::system(), Detail::of(&()).unwrap());
                journal.append(Event { action, actor, conversation: None, detail }).await.is_ok()
            };
            for action in [Action::ToolAllowed, Action::ToolBlocked, Action::ApprovalApproved] {
                assert_eq!(append(action).await, acts, "{when_low:?}");
            }
            for action in [Action::AuthSuccess, Action::SystemAlarm, Action::TokenRevoked] {
                assert!(append(action).await, "{when_low:?}");
            }
        }
    }

    #[test]
    fn a_disk_that_does_not_tell_is_no_full_one() {
        let nowhere = Path::new("/nowhere/at/all");
        let reserve = Reserve::new(nowhere, Disk { free_bytes_min: None, when_low: WhenLow::Stop });
        assert_eq!(reserve.free(), None);
        assert!(!reserve.refuses(Category::Tool));
        assert!(reserve.look().unwrap().starts_with("it cannot be told"));
    }
}
