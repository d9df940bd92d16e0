//! What is kept of a sink between two runs.

use bakerst_model::{Digest, Seq};
use serde::{Deserialize, Serialize};

use super::Span;
use crate::LogId;

/// The most gaps that are told apart; further ones are joined to the last.
const GAPS_MAX: usize = 64;

/// What a sink has acknowledged of which log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The log.
    pub log: LogId,
    /// The last record that is settled.
    pub acknowledged: Seq,
    /// That record's mac, which tells it from any other that may come to stand in its place.
    pub mac: Option<Digest>,
    /// How many records were put into the dead letters.
    pub buried: u64,
    /// Records that were gone from the log before the sink had them.
    pub gaps: Vec<Span>,
}

/// How the log and what a sink acknowledged do not fit together. The sink then holds something
/// that the log has lost, and somebody should look at both.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Discord {
    /// It is another log.
    #[error(
        "the sink acknowledged record {acknowledged} of the log {was}, and this is the log {is}"
    )]
    OtherLog {
        /// The log that it was.
        was: LogId,
        /// The log that it is.
        is: LogId,
        /// How far the sink has the other.
        acknowledged: Seq,
    },
    /// The log has lost its end.
    #[error("the sink acknowledged record {acknowledged}, and the log ends at record {head}")]
    LogEndsEarlier {
        /// How far the sink has it.
        acknowledged: Seq,
        /// Where it ends.
        head: Seq,
    },
    /// The record that the sink has is another than the one in the log.
    #[error("the sink acknowledged another record {0} than the log holds")]
    OtherRecord(Seq),
}

impl Account {
    /// Of a sink that has nothing yet.
    #[must_use]
    pub fn new(log: LogId) -> Self {
        Self { log, acknowledged: Seq(0), mac: None, buried: 0, gaps: Vec::new() }
    }

    /// Holds the account against the log: which log it is, where it ends, and the mac of the
    /// acknowledged record where that can still be had.
    ///
    /// # Errors
    /// Says how they do not fit together.
    pub fn compare(&self, log: LogId, head: Seq, mac: Option<Digest>) -> Result<(), Discord> {
        let Self { log: was, acknowledged, .. } = *self;
        if was != log {
            return Err(Discord::OtherLog { was, is: log, acknowledged });
        }
        if acknowledged > head {
            return Err(Discord::LogEndsEarlier { acknowledged, head });
        }
        match (self.mac, mac) {
            (Some(had), Some(has)) if had != has => Err(Discord::OtherRecord(acknowledged)),
            _ => Ok(()),
        }
    }

    /// Notes that records were gone before the sink had them.
    pub fn note_gap(&mut self, gap: Span) {
        let full = self.gaps.len() >= GAPS_MAX;
        let joined = self.gaps.last().and_then(|last| {
            let adjoins = full || last.last().0.saturating_add(1) == gap.first().0;
            Span::new(last.first(), gap.last()).filter(|_| adjoins)
        });
        if joined.is_some() {
            self.gaps.pop();
        }
        self.gaps.push(joined.unwrap_or(gap));
    }

    /// How many records were gone before the sink had them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.gaps.iter().fold(0, |sum, gap| sum.saturating_add(gap.records()))
    }

    /// As it is kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        let written = Written {
            log: self.log.to_string(),
            acknowledged: self.acknowledged.0,
            mac: self.mac.map(|mac| mac.to_string()),
            buried: self.buried,
            gaps: self.gaps.iter().map(|gap| (gap.first().0, gap.last().0)).collect(),
        };
        // Numbers and texts alone always have a JSON form.
        serde_json::to_string(&written).unwrap_or_default()
    }

    /// Reads what [`Account::to_json`] wrote; nothing where it is anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Written { log, acknowledged, mac, buried, gaps } = serde_json::from_str(text).ok()?;
        let mac = match mac {
            Some(mac) => Some(Digest::parse_hex(&mac)?),
            None => None,
        };
        let spans = gaps.iter().map(|(first, last)| Span::new(Seq(*first), Seq(*last)));
        Some(Self {
            log: LogId::parse(&log)?,
            acknowledged: Seq(acknowledged),
            mac,
            buried,
            gaps: spans.collect::<Option<_>>()?,
        })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    log: String,
    acknowledged: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    mac: Option<String>,
    #[serde(default)]
    buried: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    gaps: Vec<(u64, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let mut account = Account::new(LogId::from_random([7; 16]));
        account.acknowledged = Seq(90);
        account.mac = Some(Digest::of(b"90"));
        account
    }

    #[test]
    fn what_a_sink_has_and_the_log_has_not_is_found() {
        let account = account();
        let (log, other) = (account.log, LogId::from_random([8; 16]));
        let judged = |log, head, mac| account.compare(log, Seq(head), mac).err();
        assert_eq!(judged(log, 90, Some(Digest::of(b"90"))), None);
        assert_eq!(judged(log, 100, None), None);
        let (acknowledged, head) = (Seq(90), Seq(89));
        assert_eq!(judged(log, 89, None), Some(Discord::LogEndsEarlier { acknowledged, head }));
        let replaced = Some(Digest::of(b"another"));
        assert_eq!(judged(log, 90, replaced), Some(Discord::OtherRecord(Seq(90))));
        let was = Discord::OtherLog { was: log, is: other, acknowledged };
        assert_eq!(judged(other, 90, None), Some(was));
    }

    #[test]
    fn an_account_reads_back_and_nothing_else_does() {
        let mut account = account();
        let gap = |first, last| Span::new(Seq(first), Seq(last)).unwrap();
        account.note_gap(gap(3, 4));
        account.note_gap(gap(5, 5));
        account.note_gap(gap(9, 12));
        assert_eq!(account.gaps, [gap(3, 5), gap(9, 12)]);
        assert_eq!(account.missed(), 7);
        assert_eq!(Account::parse(&account.to_json()), Some(account));
        for wrong in ["", "{}", r#"{"log":"x","acknowledged":1}"#, "{\"log\":\"\",\"acknowledged"] {
            assert_eq!(Account::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn gaps_are_told_apart_up_to_a_bound() {
        let mut account = account();
        for at in 0..1000 {
            account.note_gap(Span::one(Seq(at * 2)));
        }
        assert_eq!(account.gaps.len(), GAPS_MAX);
        assert_eq!(account.gaps.last().unwrap().last(), Seq(1998));
    }
}
