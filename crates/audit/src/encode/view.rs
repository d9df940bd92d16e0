//! What log systems want to know of a record apart from the record itself.

use std::borrow::Cow;
use std::fmt::Write as _;

use bakerst_model::{Escaped, UnixMillis};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::delivery::Shipped;

/// How much a record should worry somebody.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It tells what happened.
    Info,
    /// Somebody is being asked, or something was changed.
    Notice,
    /// Something was refused.
    Warning,
    /// Something failed, or guards less than it should.
    Error,
}

impl Severity {
    /// In the words that log systems share.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warn",
            Self::Error => "error",
        }
    }

    fn of(category: &str, action: &str) -> Self {
        let what = action.split_once('.').map_or(action, |(_, what)| what);
        match what {
            "alarm" | "error" | "log_repaired" | "sink_stopped" => Self::Error,
            "blocked" | "denied" | "rejected" | "expired" | "failure" => Self::Warning,
            _ if what.ends_with("_failed") => Self::Error,
            _ if matches!(category, "admin" | "approval" | "policy" | "release") => Self::Notice,
            "asked" => Self::Notice,
            _ => Self::Info,
        }
    }
}

/// A record, read as far as log systems need it. What cannot be read is left empty: it is the log's
/// own affair to find out that a record was changed, and a sink must show it all the same.
#[derive(Debug)]
pub struct View<'r> {
    /// When.
    pub at: UnixMillis,
    /// The family.
    pub category: Cow<'r, str>,
    /// What happened.
    pub action: Cow<'r, str>,
    /// Who did it.
    pub actor: Cow<'r, str>,
    /// The agent it spoke for.
    pub agent: Option<Cow<'r, str>>,
    /// The person behind it.
    pub user: Option<Cow<'r, str>>,
    /// Where it came from.
    pub ip: Option<Cow<'r, str>>,
    /// In which conversation.
    pub conversation: Option<Cow<'r, str>>,
    /// The tool that it was about.
    pub tool: Option<Cow<'r, str>>,
    /// The verdict.
    pub verdict: Option<Cow<'r, str>>,
    /// The stable code.
    pub code: Option<Cow<'r, str>>,
    /// The reason, in words.
    pub reason: Option<Cow<'r, str>>,
    /// What is sent of it as JSON, where it is JSON: the record, or what stands in its place.
    pub json: Option<&'r RawValue>,
}

#[derive(Deserialize)]
struct RecordShape<'r> {
    #[serde(borrow)]
    timestamp: Cow<'r, str>,
    #[serde(borrow)]
    category: Cow<'r, str>,
    #[serde(borrow)]
    action: Cow<'r, str>,
    #[serde(borrow)]
    actor: ActorShape<'r>,
    #[serde(borrow, default)]
    conversation: Option<Cow<'r, str>>,
    #[serde(borrow)]
    detail: &'r RawValue,
}

#[derive(Deserialize)]
struct ActorShape<'r> {
    #[serde(borrow)]
    name: Cow<'r, str>,
    #[serde(borrow, default)]
    agent: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    user: Option<Cow<'r, str>>,
    #[serde(borrow, default)]
    ip: Option<Cow<'r, str>>,
}

/// Details differ by action; applications may put anything there, so each is a text or ignored.
#[derive(Default, Deserialize)]
struct DetailShape<'r> {
    #[serde(borrow, default)]
    tool: Option<&'r RawValue>,
    #[serde(borrow, default)]
    verdict: Option<&'r RawValue>,
    #[serde(borrow, default)]
    code: Option<&'r RawValue>,
    #[serde(borrow, default)]
    reason: Option<&'r RawValue>,
}

impl<'r> View<'r> {
    /// Reads a record; `now` stands in for a time that cannot be read.
    #[must_use]
    pub fn of(record: &'r Shipped, now: UnixMillis) -> Self {
        let json = serde_json::from_str::<&RawValue>(record.text()).ok();
        let Ok(shape) = serde_json::from_str::<RecordShape<'r>>(&record.line) else {
            return Self::unreadable(json, now);
        };
        let detail: DetailShape<'r> = serde_json::from_str(shape.detail.get()).unwrap_or_default();
        let ActorShape { name, agent, user, ip } = shape.actor;
        Self {
            at: millis(&shape.timestamp).unwrap_or(now),
            category: shape.category,
            action: shape.action,
            actor: name,
            agent,
            user,
            ip,
            conversation: shape.conversation,
            tool: text(detail.tool),
            verdict: text(detail.verdict),
            code: text(detail.code),
            reason: text(detail.reason),
            json,
        }
    }

    fn unreadable(json: Option<&'r RawValue>, now: UnixMillis) -> Self {
        Self {
            at: now,
            category: "unreadable".into(),
            action: "unreadable".into(),
            actor: "".into(),
            agent: None,
            user: None,
            ip: None,
            conversation: None,
            tool: None,
            verdict: None,
            code: None,
            reason: None,
            json,
        }
    }

    /// How much it should worry somebody.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self.category.as_ref() {
            "unreadable" => Severity::Error,
            category => Severity::of(category, &self.action),
        }
    }

    /// The record in a few words for a person, without anything that could move a cursor.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = format!("{} by {}", Escaped(&self.action), Escaped(&self.actor));
        let more =
            [(" for ", &self.agent), (": ", &self.tool), (" ", &self.code), (" ", &self.reason)];
        for (before, value) in more {
            if let Some(value) = value {
                // Writing to a text cannot fail.
                let _ = write!(text, "{before}{}", Escaped(value));
            }
        }
        text
    }

    /// What is known of it, by name, to put beside it.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let actor = (!self.actor.is_empty()).then_some(&self.actor);
        let fields = [
            ("actor", actor),
            ("agent", self.agent.as_ref()),
            ("user", self.user.as_ref()),
            ("ip", self.ip.as_ref()),
            ("conversation", self.conversation.as_ref()),
            ("tool", self.tool.as_ref()),
            ("verdict", self.verdict.as_ref()),
            ("code", self.code.as_ref()),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?.as_ref())))
    }
}

/// The longest text that is taken from a detail. The record has all of it.
const TEXT_BYTES_MAX: usize = 1024;

fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let mut text = serde_json::from_str::<String>(value?.get()).ok()?;
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    Some(Cow::Owned(text))
}

/// Reads a moment in the one form that records have: `2026-02-24T09:30:00.000Z`.
fn millis(text: &str) -> Option<UnixMillis> {
    let bytes = text.as_bytes();
    let shape = b"0000-00-00T00:00:00.000Z";
    let fits = bytes.len() == shape.len()
        && bytes.iter().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let of_day = (number(11, 13)? * 60 + number(14, 16)?) * 60 + number(17, 19)?;
    let days = days_before(year, month, day)?;
    Some(UnixMillis((days * 86_400 + of_day) * 1000 + number(20, 23)?))
}

/// Days from 1970 to a date, in years that begin on 1 March, so that the leap day comes last.
fn days_before(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_as_they_print() {
        for at in [0, 951_782_400_000, 1_771_925_400_123, 4_107_542_399_999, 253_402_300_799_999] {
            assert_eq!(millis(&UnixMillis(at).to_string()), Some(UnixMillis(at)));
        }
        for wrong in
            ["", "2026-02-24T09:30:00Z", "2026-13-24T09:30:00.000Z", "1969-12-31T23:59:59.999Z"]
        {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn refusals_worry_more_than_permissions() {
        for (category, action, want) in [
            ("tool", "tool.allowed", Severity::Info),
            ("tool", "tool.asked", Severity::Notice),
            ("tool", "tool.blocked", Severity::Warning),
            ("auth", "auth.rejected", Severity::Warning),
            ("admin", "admin.config_changed", Severity::Notice),
            ("system", "system.alarm", Severity::Error),
            ("system", "system.started", Severity::Info),
        ] {
            assert_eq!(Severity::of(category, action), want, "{action}");
        }
    }
}
