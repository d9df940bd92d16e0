//! How often calls may be made: a bucket for each agent, each user and everybody, from which a call
//! takes one piece and which fills again as time passes.
//!
//! Time is passed in, and a clock that is set back fills nothing. Which buckets there are is
//! bounded: the one that is fullest makes room, since forgetting it gives away least.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bakerst_model::{AgentId, Escaped, UnixMillis};
use serde::{Deserialize, Serialize};

/// So many calls in so much time.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate {
    calls: u32,
    window: Window,
}

/// The time over which calls are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Window {
    Second,
    Minute,
    Hour,
    Day,
}

impl Window {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "d",
        }
    }

    const fn millis(self) -> u64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }
}

/// The most calls that a rate may speak of.
const CALLS_MAX: u32 = 1_000_000;

impl Rate {
    /// Reads a rate: `30/min`, `5/s`, `1000/h`, `5000/d`, or a bare number, for minutes.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(Escaped(text).to_string().chars().take(40).collect());
        let (calls, window) = text.split_once('/').unwrap_or((text, "min"));
        let known = |known: &Window| known.as_str() == window.trim();
        let window = Window::ALL.into_iter().find(known).ok_or_else(wrong)?;
        let calls: u32 = calls.trim().parse().map_err(|_| wrong())?;
        match (1..=CALLS_MAX).contains(&calls) {
            true => Ok(Self { calls, window }),
            false => Err(wrong()),
        }
    }
}

/// What is no rate.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no rate, expected one as `30/min`, `5/s`, `1000/h` or `5000/d`")]
pub struct RateError(String);

impl TryFrom<String> for Rate {
    type Error = RateError;

    fn try_from(text: String) -> Result<Self, RateError> {
        Self::parse(&text)
    }
}

impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        rate.to_string()
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.calls, self.window.as_str())
    }
}

/// The rates that are in force; what is not given is not limited.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// For each agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_agent: Option<Rate>,
    /// For each user; where a door does not know one, for each credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_user: Option<Rate>,
    /// For all together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub global: Option<Rate>,
}

/// Whose calls are counted.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Whose {
    Agent(AgentId),
    User(Arc<str>),
    Everybody,
}

/// How full a bucket is. One call is as many drops as its window has milliseconds, so each
/// millisecond brings as many drops as the rate has calls.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    drops: u64,
    at: UnixMillis,
    /// Whether it has been told that calls of this bucket are held back, since one was let
    /// through.
    told: bool,
}

impl Bucket {
    fn full(rate: Rate, now: UnixMillis) -> Self {
        Self { drops: capacity(rate), at: now, told: false }
    }

    fn filled(self, rate: Rate, now: UnixMillis) -> Self {
        let brought = now.millis_since(self.at).saturating_mul(u64::from(rate.calls));
        let drops = self.drops.saturating_add(brought).min(capacity(rate));
        Self { drops, at: self.at.max(now), ..self }
    }
}

const fn capacity(rate: Rate) -> u64 {
    rate.calls as u64 * rate.window.millis()
}

/// Why a call must wait.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limited {
    /// The setting that holds it back.
    pub setting: &'static str,
    /// The rate.
    pub rate: Rate,
    /// When it may be tried again.
    pub retry_after_seconds: u64,
    /// Whether this is news: the first call that is held back after one was let through.
    pub is_new: bool,
}

/// All buckets.
#[derive(Debug)]
pub struct Buckets {
    rates: Rates,
    buckets: HashMap<Whose, Bucket>,
    buckets_max: usize,
}

impl Buckets {
    /// Buckets for these rates, at most so many.
    #[must_use]
    pub fn new(rates: Rates, buckets_max: usize) -> Self {
        Self { rates, buckets: HashMap::new(), buckets_max: buckets_max.max(3) }
    }

    /// Counts a call, unless one of its buckets is empty; then it is counted in none.
    ///
    /// # Errors
    /// When it has to wait.
    pub fn take(&mut self, agent: &AgentId, user: &str, now: UnixMillis) -> Result<(), Limited> {
        let Rates { per_agent, per_user, global } = self.rates;
        let asked = [
            per_agent.map(|rate| ("per_agent", rate, Whose::Agent(agent.clone()))),
            per_user.map(|rate| ("per_user", rate, Whose::User(user.into()))),
            global.map(|rate| ("global", rate, Whose::Everybody)),
        ];
        let mut after = Vec::with_capacity(asked.len());
        for (setting, rate, whose) in asked.into_iter().flatten() {
            let there = self.buckets.get(&whose).copied();
            let bucket = there.map_or_else(|| Bucket::full(rate, now), |b| b.filled(rate, now));
            let price = rate.window.millis();
            let Some(drops) = bucket.drops.checked_sub(price) else {
                let missing = price.saturating_sub(bucket.drops);
                let millis = missing.div_ceil(u64::from(rate.calls));
                self.keep(whose, Bucket { told: true, ..bucket }, now);
                return Err(Limited {
                    setting,
                    rate,
                    retry_after_seconds: millis.div_ceil(1000).max(1),
                    is_new: !bucket.told,
                });
            };
            after.push((whose, Bucket { drops, told: false, ..bucket }));
        }
        after.into_iter().for_each(|(whose, bucket)| self.keep(whose, bucket, now));
        Ok(())
    }

    fn keep(&mut self, whose: Whose, bucket: Bucket, now: UnixMillis) {
        if self.buckets.len() >= self.buckets_max && !self.buckets.contains_key(&whose) {
            self.make_room(now);
        }
        self.buckets.insert(whose, bucket);
    }

    /// Lets go of all buckets that are full again, and if there is none, of the fullest.
    fn make_room(&mut self, now: UnixMillis) {
        let rates = self.rates;
        let level = |whose: &Whose, bucket: &Bucket| -> f64 {
            let rate = match whose {
                Whose::Agent(_) => rates.per_agent,
                Whose::User(_) => rates.per_user,
                Whose::Everybody => return -1.0,
            };
            rate.map_or(1.0, |rate| {
                bucket.filled(rate, now).drops as f64 / capacity(rate).max(1) as f64
            })
        };
        self.buckets.retain(|whose, bucket| level(whose, bucket) < 1.0);
        if self.buckets.len() >= self.buckets_max {
            let fullest = self
                .buckets
                .iter()
                .max_by(|(a, at), (b, bt)| level(a, at).total_cmp(&level(b, bt)))
                .map(|(whose, _)| whose.clone());
            fullest.into_iter().for_each(|whose| {
                self.buckets.remove(&whose);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(per_agent: &str, per_user: &str, global: &str) -> Rates {
        let read = |text: &str| (!text.is_empty()).then(|| Rate::parse(text).unwrap());
        Rates { per_agent: read(per_agent), per_user: read(per_user), global: read(global) }
    }

    fn agent(name: &str) -> AgentId {
        AgentId::parse(name).unwrap()
    }

    #[track_caller]
    fn limited(
        buckets: &mut Buckets,
        who: (&str, &str),
        at: u64,
    ) -> Option<(&'static str, u64, bool)> {
        let taken = buckets.take(&agent(who.0), who.1, UnixMillis(at));
        taken.err().map(|limited| (limited.setting, limited.retry_after_seconds, limited.is_new))
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, want) in [
            ("30/min", "30/min"),
            ("30", "30/min"),
            (" 5 / s", "5/s"),
            ("1000/h", "1000/h"),
            ("9/d", "9/d"),
        ] {
            assert_eq!(Rate::parse(text).unwrap().to_string(), want);
        }
        for wrong in ["", "0/min", "-1/min", "1.5/s", "30/week", "1000001/s", "30/min/s", "many"] {
            let said = Rate::parse(wrong).unwrap_err().to_string();
            assert!(said.starts_with(&format!("`{wrong}` is no rate")), "{said}");
        }
    }

    #[test]
    fn each_is_counted_apart_and_all_together() {
        let mut buckets = Buckets::new(rates("2/min", "3/min", "4/min"), 100);
        let mut take = |who, at| limited(&mut buckets, who, at);
        assert_eq!(take(("a", "ann"), 0), None);
        assert_eq!(take(("a", "ann"), 0), None);
        assert_eq!(take(("a", "ann"), 0), Some(("per_agent", 30, true)));
        assert_eq!(take(("a", "ann"), 1_000), Some(("per_agent", 29, false)), "told once");
        assert_eq!(take(("b", "ann"), 0), None);
        assert_eq!(take(("b", "ann"), 0), Some(("per_user", 20, true)));
        assert_eq!(take(("b", "eve"), 0), None);
        assert_eq!(take(("c", "bob"), 0), Some(("global", 15, true)));
        assert_eq!(take(("c", "bob"), 15_000), None);
    }

    #[test]
    fn a_clock_that_is_set_back_fills_nothing() {
        let mut buckets = Buckets::new(rates("1/s", "", ""), 100);
        assert_eq!(limited(&mut buckets, ("a", ""), 10_000), None);
        assert_eq!(limited(&mut buckets, ("a", ""), 0), Some(("per_agent", 1, true)));
        assert_eq!(limited(&mut buckets, ("a", ""), 10_999), Some(("per_agent", 1, false)));
        assert_eq!(limited(&mut buckets, ("a", ""), 11_000), None);
    }

    #[test]
    fn invented_users_neither_grow_without_bound_nor_free_whoever_is_held_back() {
        let mut buckets = Buckets::new(rates("", "1/min", ""), 10);
        assert_eq!(limited(&mut buckets, ("a", "eve"), 0), None);
        assert!(limited(&mut buckets, ("a", "eve"), 1).is_some());
        for user in 0..1000_u64 {
            assert_eq!(limited(&mut buckets, ("a", &format!("u{user}")), 2 + user), None);
            assert!(buckets.buckets.len() <= 10);
        }
        let mut buckets = Buckets::new(rates("", "2/min", ""), 10);
        for _ in 0..3 {
            limited(&mut buckets, ("a", "eve"), 0);
        }
        (0..1000).for_each(|user| {
            limited(&mut buckets, ("a", &format!("u{user}")), 1);
        });
        assert!(limited(&mut buckets, ("a", "eve"), 2).is_some(), "the emptiest stays");
    }

    proptest! {
        /// However calls come, no window has more than its rate and what was saved up before.
        #[test]
        fn no_more_calls_pass_than_the_rate_allows(
            calls in 1u32..20, gaps in proptest::collection::vec(0u64..2_000, 1..200),
        ) {
            let rate = format!("{calls}/s");
            let mut buckets = Buckets::new(rates(&rate, "", ""), 10);
            let (mut now, mut passed) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if buckets.take(&agent("a"), "", UnixMillis(now)).is_ok() {
                    passed.push(now);
                }
            }
            for (at, from) in passed.iter().enumerate() {
                let within = passed[at..].iter().filter(|to| **to < from + 1_000).count();
                prop_assert!(within as u64 <= 2 * u64::from(calls));
            }
            let span = passed.last().unwrap_or(&0) - passed.first().unwrap_or(&0);
            prop_assert!(passed.len() as u64 <= u64::from(calls) + span * u64::from(calls) / 1_000 + 1);
        }
    }
}
