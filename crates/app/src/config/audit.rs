//! The section `audit`: how the log is written, how long records are kept, what of persons is
//! sealed, and where records go.

use std::time::Duration;

use bakerst_audit::retention;
use bakerst_guard::document::{Fault, Node};
use bakerst_model::Code;
use bakerst_sinks::SinkEntry;
use bakerst_store::{Cadence, SegmentBytes};
use serde::{Deserialize, Serialize};

use super::{section, sinks};

/// The shortest and the longest segment.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (64 << 10)..=(4 << 30);

/// The section `audit`.
#[derive(Debug, Serialize)]
pub(crate) struct Audit {
    /// How long a segment may become before the next one is begun.
    pub(crate) segment_bytes_max: u64,
    /// How often checkpoints are signed.
    pub(crate) checkpoints: Checkpoints,
    /// What happens while the disk is nearly full.
    pub(crate) disk: Disk,
    /// How long records are kept.
    pub(crate) retention: Retention,
    /// Whether what is recorded of persons is sealed under a key of their own.
    pub(crate) erasure: Erasure,
    /// Whether inputs that records must not hold as they are stand there sealed.
    pub(crate) sealed_input: SealedInput,
    /// Where they are sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sinks: Vec<SinkEntry>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            segment_bytes_max: SegmentBytes::default().0,
            checkpoints: Checkpoints::default(),
            disk: Disk::default(),
            retention: Retention::default(),
            erasure: Erasure::default(),
            sealed_input: SealedInput::default(),
            sinks: Vec::new(),
        }
    }
}

/// How often checkpoints are signed: after so many records or seconds, whichever comes first.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Checkpoints {
    /// After so many records.
    pub(crate) records_max: u64,
    /// After so many seconds.
    pub(crate) seconds_max: u64,
}

impl Default for Checkpoints {
    fn default() -> Self {
        let Cadence { records, every } = Cadence::default();
        Self { records_max: records, seconds_max: every.as_secs() }
    }
}

impl Checkpoints {
    /// The same for whoever signs by it.
    pub(crate) fn cadence(self) -> Cadence {
        Cadence { records: self.records_max, every: Duration::from_secs(self.seconds_max) }
    }
}

/// What happens while the log's disk is nearly full. A full one always stops every call.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Disk {
    /// With fewer bytes free it is nearly full; a twentieth of the disk or 1 GiB, whichever is
    /// less, unless it says otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) free_bytes_min: Option<u64>,
    /// What happens then.
    pub(crate) when_low: WhenLow,
}

/// What happens while the log's disk is nearly full.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WhenLow {
    /// An alarm is raised.
    #[default]
    Alarm,
    /// Nothing is allowed any more either, so that what is left is there for the log's own events.
    Stop,
}

/// How long records are kept; for ever, unless it says otherwise.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// For so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_days_max: Option<u32>,
    /// As long as the log is no longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_max: Option<u64>,
    /// Whether what some sink has not got yet stays.
    pub(crate) wait_for_sinks: bool,
    /// How long it may stay for that before an alarm is raised.
    pub(crate) wait_hours_max: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_days_max: None, bytes_max: None, wait_for_sinks: true, wait_hours_max: 24 }
    }
}

/// Whether what is recorded of persons is sealed under a key of their own.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Erasure {
    /// It is recorded as it is.
    #[default]
    Off,
    /// It is sealed, and can be erased.
    On,
}

/// Whether inputs that records must not hold as they are stand there sealed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SealedInput {
    /// They do not.
    #[default]
    Off,
    /// They do, for whoever takes decisions again.
    On,
}

impl Audit {
    pub(super) fn read(node: Option<&Node>) -> Result<Self, Fault> {
        let Some(node) = node else { return Ok(Self::default()) };
        let log = ["segment_bytes_max", "checkpoints", "disk", "retention"];
        let records = ["erasure", "sealed_input", "sinks"];
        node.fields(&[&log[..], &records[..]].concat())?;
        let segment = node.get("segment_bytes_max").map(Node::read).transpose()?;
        let audit = Self {
            segment_bytes_max: segment.unwrap_or(SegmentBytes::default().0),
            checkpoints: section(node, "checkpoints")?,
            disk: section(node, "disk")?,
            retention: section(node, "retention")?,
            erasure: section(node, "erasure")?,
            sealed_input: section(node, "sealed_input")?,
            sinks: sinks::read(node.get("sinks"))?,
        };
        audit.check(node)?;
        Ok(audit)
    }

    fn check(&self, node: &Node) -> Result<(), Fault> {
        let wrong = |path: &[&str], message: String| {
            let at = path.iter().try_fold(node, |node, name| node.get(name)).unwrap_or(node).at();
            Err(Fault::new(Code::ConfigValue, message).at(at))
        };
        let (min, max) = (SEGMENT_BYTES.start(), SEGMENT_BYTES.end());
        if !SEGMENT_BYTES.contains(&self.segment_bytes_max) {
            let message = format!("`segment_bytes_max` is from {min} to {max}");
            return wrong(&["segment_bytes_max"], message);
        }
        for (name, value) in [
            ("records_max", self.checkpoints.records_max),
            ("seconds_max", self.checkpoints.seconds_max),
        ] {
            if value == 0 {
                return wrong(&["checkpoints", name], format!("`{name}` is 1 at least"));
            }
        }
        Ok(())
    }
}

impl Retention {
    /// The same for whoever plans by it.
    pub(crate) fn limits(self) -> retention::Retention {
        const DAY_MILLIS: u64 = 86_400_000;
        let age_max = self.age_days_max.map(|days| u64::from(days) * DAY_MILLIS);
        retention::Retention { age_max, bytes_max: self.bytes_max }
    }
}
