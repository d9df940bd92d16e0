//! Records on their way out.

use std::fmt;
use std::sync::Arc;

use bakerst_model::{Digest, Seq};
use serde::{Deserialize, Serialize};

use crate::ocsf::{Origin, to_ocsf};
use crate::{LogId, RecordBatch};

/// What names one record everywhere: its log, and its place in it. It never changes, so whoever
/// gets a record twice can tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct EventId {
    /// The log.
    pub log: LogId,
    /// The place.
    pub seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.log, self.seq)
    }
}

/// In which form a sink gets records.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As they stand in the log.
    #[default]
    Record,
    /// As OCSF events, which hold the record as it stands in the log.
    Ocsf,
}

/// One record on its way out: the exact bytes that the log holds, without the line end.
#[derive(Clone, Eq, PartialEq)]
pub struct Shipped {
    /// Which record.
    pub id: EventId,
    /// Its line. It verifies wherever it ends up.
    pub line: Arc<str>,
    /// What is sent in its place.
    event: Option<Arc<str>>,
}

impl Shipped {
    /// A record as it stands in the log.
    #[must_use]
    pub fn new(id: EventId, line: impl Into<Arc<str>>) -> Self {
        Self { id, line: line.into(), event: None }
    }

    /// The same in another form. What is no record has no other form: a sink must be able to show
    /// that too.
    #[must_use]
    pub fn in_form(&self, form: Form) -> Self {
        let (id, line) = (self.id, self.line.clone());
        let log = id.log.to_string();
        let origin = Origin { log: &log, version: env!("CARGO_PKG_VERSION") };
        let event = match form {
            Form::Record => None,
            Form::Ocsf => to_ocsf(line.as_bytes(), origin),
        };
        let event = event.and_then(|event| String::from_utf8(event).ok()).map(Into::into);
        Self { id, line, event }
    }

    /// What is sent: the record's line, or what stands in its place.
    #[must_use]
    pub fn text(&self) -> &str {
        self.event.as_deref().unwrap_or(&self.line)
    }

    /// In which form it is.
    #[must_use]
    pub fn form(&self) -> Form {
        self.event.as_ref().map_or(Form::Record, |_| Form::Ocsf)
    }

    /// The records of a batch. What is no text any more, because somebody has changed the log, goes
    /// with its strange bytes replaced: a sink must be able to show it.
    #[must_use]
    pub fn all_of(log: LogId, batch: &RecordBatch) -> Vec<Self> {
        let shipped = |(seq, line): (Seq, &[u8])| {
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            Self::new(EventId { log, seq }, text)
        };
        batch.records().map(shipped).collect()
    }

    /// The mac that the record carries; nothing where it does not look like a record.
    #[must_use]
    pub fn mac(&self) -> Option<Digest> {
        let digits = self.line.strip_suffix("\"}")?;
        Digest::parse_hex(digits.get(digits.len().checked_sub(64)?..)?)
    }
}

impl fmt::Debug for Shipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shipped({}, {} bytes)", self.id, self.line.len())
    }
}
