//! Letting go of old records without breaking the chain.
//!
//! Only whole sealed segments go, the oldest first. Before any is removed, a record says which ones
//! go and what the mac of their last record was: the tombstone. It is a record like any other, so
//! it is in the chain and under the next signed checkpoint, and the header that follows the gap
//! names the same mac. A log whose beginning is gone without a tombstone does not verify.

use bakerst_model::{Action, Actor, Detail, Digest, Event, EventError, Seq, UnixMillis};
use serde::{Deserialize, Serialize};

/// How long records are kept. With neither bound they are kept for ever.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Retention {
    /// No longer than this, in milliseconds.
    pub age_max: Option<u64>,
    /// No more than this, live segment included.
    pub bytes_max: Option<u64>,
}

/// A segment as far as retention cares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kept {
    /// Its first record.
    pub first: Seq,
    /// How long it is.
    pub bytes: u64,
    /// When its last record was written.
    pub last_at: UnixMillis,
}

/// Why a segment goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Its last record is older than records are kept.
    Age,
    /// There is more than is kept.
    Size,
}

/// What is to go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The segments and why, the oldest first.
    pub expire: Vec<(Kept, Cause)>,
    /// What would go too, but for those who have not read it yet, the oldest first.
    pub held: Vec<Kept>,
}

impl Retention {
    /// What of these sealed segments is to go now. `hold` is the first record that somebody still
    /// needs: no segment that may hold it goes.
    #[must_use]
    pub fn plan(&self, sealed: &[Kept], live: Kept, now: UnixMillis, hold: Option<Seq>) -> Plan {
        let mut left = sealed.iter().map(|segment| segment.bytes).sum::<u64>() + live.bytes;
        let (mut plan, mut holding) = (Plan::default(), false);
        let nexts = sealed.iter().skip(1).map(|segment| segment.first).chain([live.first]);
        for (segment, next) in sealed.iter().zip(nexts) {
            let too_old = self.age_max.is_some_and(|max| now.millis_since(segment.last_at) > max);
            let too_much = self.bytes_max.is_some_and(|max| left > max);
            let cause = match (too_old, too_much) {
                (true, _) => Cause::Age,
                (_, true) => Cause::Size,
                // What is kept is kept in one piece.
                (false, false) => break,
            };
            holding |= hold.is_some_and(|hold| hold < next);
            left -= segment.bytes;
            match holding {
                true => plan.held.push(*segment),
                false => plan.expire.push((*segment, cause)),
            }
        }
        plan
    }
}

/// What is left of segments that are gone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tombstone {
    /// The first record that went.
    pub first: u64,
    /// The first record that stayed: the header of a segment.
    pub next: u64,
    /// The mac of the last record that went, which that header names as its `prev`.
    #[serde(with = "digits")]
    pub head: Digest,
    /// How many segments went.
    pub segments: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Tombstone {
    /// The event that says so.
    ///
    /// # Errors
    /// When it cannot be written, which no value makes happen.
    pub fn event(&self) -> Result<Event, EventError> {
        let (action, actor) = (Action::SegmentsExpired, Actor::system());
        Ok(Event { action, actor, conversation: None, detail: Detail::of(self)? })
    }

    /// Reads a tombstone's record; `None` when it is another one. Whether it is genuine is the
    /// verifier's business.
    #[must_use]
    pub fn of_line(line: &[u8]) -> Option<Self> {
        let view = crate::query::View::parse(line)?;
        let is_one = view.action() == Action::SegmentsExpired.as_str();
        is_one.then(|| serde_json::from_str(view.detail_json()).ok())?
    }

    /// Whether it accounts for a log that begins with this record and names this one before it.
    /// Segments may still be there that should be gone: a crash came first.
    #[must_use]
    pub fn accounts_for(&self, first: Seq, prev: Digest) -> bool {
        first.0 < self.next || (first.0 == self.next && prev == self.head)
    }
}

mod digits {
    use bakerst_model::Digest;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(digest)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(from)?;
        Digest::parse_hex(&text).ok_or_else(|| D::Error::custom("not a digest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    fn segment(first: u64, bytes: u64, day: u64) -> Kept {
        Kept { first: Seq(first), bytes, last_at: UnixMillis(day * DAY) }
    }

    /// The first records of what goes, and why.
    #[track_caller]
    fn check(age_days: Option<u64>, bytes_max: Option<u64>, hold: Option<u64>, want: &str) {
        let sealed = [segment(0, 100, 1), segment(10, 200, 5), segment(20, 300, 4)];
        let retention = Retention { age_max: age_days.map(|days| days * DAY), bytes_max };
        let now = UnixMillis(10 * DAY);
        let plan = retention.plan(&sealed, segment(30, 50, 9), now, hold.map(Seq));
        let named = plan.expire.iter().map(|(kept, cause)| format!("{} {cause:?}", kept.first));
        let held = plan.held.iter().map(|kept| format!("{} held", kept.first));
        assert_eq!(named.chain(held).collect::<Vec<_>>().join(", "), want);
    }

    #[test]
    fn the_oldest_sealed_segments_go_and_what_stays_is_one_piece() {
        check(None, None, None, "");
        check(Some(9), None, None, "");
        check(Some(8), None, None, "0 Age");
        check(Some(4), None, None, "0 Age, 10 Age, 20 Age");
        // The third is older than the second, which the clock allows; it waits for it.
        check(Some(5), None, None, "0 Age");
        check(None, Some(650), None, "");
        check(None, Some(649), None, "0 Size");
        check(None, Some(0), None, "0 Size, 10 Size, 20 Size");
        check(Some(8), Some(500), None, "0 Age, 10 Size");
        check(Some(4), None, Some(20), "0 Age, 10 Age, 20 held");
        check(Some(4), None, Some(0), "0 held, 10 held, 20 held");
        check(Some(4), None, Some(29), "0 Age, 10 Age, 20 held");
        check(Some(4), None, Some(30), "0 Age, 10 Age, 20 Age");
        check(None, None, Some(0), "");
    }

    #[test]
    fn a_tombstone_accounts_for_exactly_what_went() {
        let head = Digest::of(b"last");
        let tombstone = Tombstone { first: 0, next: 20, head, segments: 2, bytes: 300 };
        for (first, prev, want) in [
            (20, head, true),
            (20, Digest::of(b"other"), false),
            (10, Digest::of(b"other"), true),
            (30, head, false),
        ] {
            assert_eq!(tombstone.accounts_for(Seq(first), prev), want, "{first}");
        }
        let detail = tombstone.event().unwrap().detail;
        let read: Tombstone = serde_json::from_str(detail.as_json()).unwrap();
        assert_eq!(read, tombstone);
    }
}
