//! A log in memory that finds what the real one finds.

use std::sync::Mutex;

use bakerst_audit::custody::{Counted, Custody, CustodyError, Page, Reading, Retained};
use bakerst_audit::query::{Bucket, Judged, Order, Query, Tally, View};
use bakerst_audit::retention::Retention;
use bakerst_audit::{About, Chain, Draft, KeyId, LogId, LogKey, LogKeys, lines, seq_of};
use bakerst_model::{Action, Actor, Code, Detail, Event, Pending, Secret, Seq, UnixMillis};
use serde_json::json;

/// Seven calls: of `alpha` and `beta` in turn.
pub(crate) struct FakeCustody {
    lines: Vec<Vec<u8>>,
    /// What it was asked to do to the log.
    pub(crate) kept: Mutex<Vec<String>>,
}

impl Default for FakeCustody {
    fn default() -> Self {
        let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
        let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
        let mut out = Vec::new();
        let begun = Chain::begin(&keys, Self::LOG, About::default(), UnixMillis(0), &mut out);
        let mut chain = begun.unwrap();
        for tool in ["alpha", "beta", "alpha", "beta", "alpha", "beta", "alpha"] {
            let detail = Detail::of(&json!({ "tool": tool, "verdict": "allow" })).unwrap();
            let (action, actor) = (Action::ToolAllowed, Actor::system());
            let event = Event { action, actor, conversation: None, detail };
            chain.append(&Draft::of(UnixMillis(0), &event).unwrap(), &mut out);
        }
        let lines = lines(&out).map(<[u8]>::to_vec).collect();
        Self { lines, kept: Mutex::default() }
    }
}

impl FakeCustody {
    const LOG: LogId = LogId::from_random([1; 16]);

    fn matching(&self, reading: &Reading) -> Vec<&[u8]> {
        let query = Query::new(reading.filter.clone());
        let from = reading.from.unwrap_or(match reading.order {
            Order::OldestFirst => Seq(0),
            Order::NewestFirst => Seq(u64::MAX),
        });
        let wanted = |line: &&[u8]| match reading.order {
            Order::OldestFirst => seq_of(line).unwrap() >= from,
            Order::NewestFirst => seq_of(line).unwrap() <= from,
        };
        let lines = self.lines.iter().map(Vec::as_slice);
        let mut found: Vec<_> =
            lines.filter(|line| query.judge(line) == Judged::Match).filter(wanted).collect();
        if reading.order == Order::NewestFirst {
            found.reverse();
        }
        found
    }

    fn did<T>(&self, what: impl Into<String>, answer: T) -> Pending<'_, Result<T, CustodyError>>
    where
        T: Send + 'static,
    {
        self.kept.lock().unwrap().push(what.into());
        Box::pin(std::future::ready(Ok(answer)))
    }
}

impl Custody for FakeCustody {
    fn log(&self) -> LogId {
        Self::LOG
    }

    fn find(&self, reading: Reading) -> Pending<'_, Result<Page, CustodyError>> {
        let found = self.matching(&reading);
        let text = |line: &&[u8]| String::from_utf8(line.trim_ascii_end().to_vec()).unwrap();
        let lines = found.iter().take(reading.most.records).map(text).collect();
        let next = found.get(reading.most.records).and_then(|line| seq_of(line));
        Box::pin(std::future::ready(Ok(Page { lines, next, damaged: 0 })))
    }

    fn count(&self, reading: Reading, by: Bucket) -> Pending<'_, Result<Counted, CustodyError>> {
        let mut tally = Tally::new(by);
        for line in self.matching(&reading) {
            tally.add(&View::parse(line).unwrap());
        }
        Box::pin(std::future::ready(Ok(Counted { tally, next: None, damaged: 0 })))
    }

    fn rotate_key(&self) -> Pending<'_, Result<KeyId, CustodyError>> {
        self.did("rotate", LogKey::new(&Secret::new(vec![8; 32])).unwrap().id())
    }

    fn erase(&self, subject: String) -> Pending<'_, Result<String, CustodyError>> {
        if subject != "ann" {
            let message = format!("no key is kept for `{subject}`");
            let error = CustodyError { code: Code::NoSuchSubject, message };
            return Box::pin(std::future::ready(Err(error)));
        }
        self.did("erase ann", "subject-1".to_owned())
    }

    fn retain(
        &self,
        wanted: Retention,
        apply: bool,
    ) -> Pending<'_, Result<Retained, CustodyError>> {
        let what = format!("retain {:?} {:?} {apply}", wanted.age_max, wanted.bytes_max);
        self.did(what, Retained::default())
    }
}
