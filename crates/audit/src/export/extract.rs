//! Where an export came from.

use bakerst_model::{Seq, UnixMillis};
use serde::Serialize;

/// What is said of an export, so that it can be traced back to its log and compared with it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extract {
    /// The log, by its id.
    pub log: String,
    /// The first record that was exported.
    pub first: Option<Seq>,
    /// The last record that was exported.
    pub last: Option<Seq>,
    /// How many there are.
    pub records: u64,
    /// The last record of the log when the export began.
    pub head: Seq,
    /// Its mac: the chain up to there is what was read.
    pub head_mac: String,
    /// When it was made.
    pub exported_at: UnixMillis,
    /// Which records were asked for, in the words of the command line.
    pub filter: String,
    /// Our version.
    pub version: String,
}

impl Extract {
    /// The same as names and values.
    #[must_use]
    pub fn named(&self) -> Vec<(&'static str, String)> {
        let place = |seq: Option<Seq>| seq.map(|seq| seq.to_string()).unwrap_or_default();
        vec![
            ("bakerst.log", self.log.clone()),
            ("bakerst.first", place(self.first)),
            ("bakerst.last", place(self.last)),
            ("bakerst.records", self.records.to_string()),
            ("bakerst.head", self.head.to_string()),
            ("bakerst.head_mac", self.head_mac.clone()),
            ("bakerst.exported_at", self.exported_at.to_string()),
            ("bakerst.filter", self.filter.clone()),
            ("bakerst.version", self.version.clone()),
        ]
    }
}
