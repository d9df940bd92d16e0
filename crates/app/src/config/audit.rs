//! The section `audit`: how long records are kept, what of persons is sealed, and where they go.

use bakerst_audit::retention;
use bakerst_guard::document::{Fault, Node};
use bakerst_sinks::SinkEntry;
use serde::{Deserialize, Serialize};

use super::{section, sinks};

/// The section `audit`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Audit {
    /// How long records are kept.
    pub(crate) retention: Retention,
    /// Whether what is recorded of persons is sealed under a key of their own.
    pub(crate) erasure: Erasure,
    /// Where they are sent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sinks: Vec<SinkEntry>,
}

/// How long records are kept; for ever, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// For so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_days_max: Option<u32>,
    /// As long as the log is no longer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bytes_max: Option<u64>,
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

impl Audit {
    pub(super) fn read(node: Option<&Node>) -> Result<Self, Fault> {
        let Some(node) = node else { return Ok(Self::default()) };
        node.fields(&["retention", "erasure", "sinks"])?;
        Ok(Self {
            retention: section(node, "retention")?,
            erasure: section(node, "erasure")?,
            sinks: sinks::read(node.get("sinks"))?,
        })
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
