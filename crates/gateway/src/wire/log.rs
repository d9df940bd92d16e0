//! The log, over the wire: to auditors, and to the account that runs us.

use bakerst_audit::custody::Retained;
use bakerst_audit::query::Counts;
use bakerst_audit::retention::{Cause, Kept, Tombstone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Which records. Of several values of one field any will do; every field that has some must be
/// satisfied.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogFilter {
    /// Not before: `2026-02-24`, `2026-02-24T09:30` (UTC), or how long ago, as `15m`, `2h`, `7d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The family of the event.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub category: Vec<String>,
    /// What happened, such as `tool.blocked`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub action: Vec<String>,
    /// The agent that acted, or that an approval is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent: Vec<String>,
    /// The person behind it.
    #[serde(skip_serializing)]
    pub user: Vec<String>,
    /// The tool.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool: Vec<String>,
    /// What was decided: `allow`, `ask` or `deny`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decision: Vec<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conversation: Vec<String>,
    /// The code of the reason, such as `GRD-040`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<String>,
    /// A text anywhere in the record, however it is escaped there.
    #[serde(skip_serializing)]
    pub text: Vec<String>,
}

/// A question to the log.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogQuery {
    /// Which records; all where nothing is said.
    pub filter: LogFilter,
    /// The record to begin with: `next` of the page before.
    pub from: Option<u64>,
    /// Begin with the newest.
    pub newest: bool,
    /// The most records, at most `audit_page_records_max`; 100 where nothing is said.
    pub limit: Option<usize>,
    /// `record` as they stand in the log, or `ocsf` for OCSF events.
    pub format: LogFormat,
}

/// In which form records are handed out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// As they stand in the log.
    #[default]
    Record,
    /// OCSF 1.9 events.
    Ocsf,
}

/// Some of the records that were asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogPage {
    /// The records, their bytes as they stand in the log, so that macs still hold.
    #[schemars(with = "Vec<Value>")]
    pub(crate) records: Vec<Box<RawValue>>,
    /// Where the next page begins, to be sent as `from`; absent where this is the last. A page may
    /// hold nothing and have a next one: each looks at so much of the log and no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<u64>,
    /// How many lines were met that are no records; `bakerst audit verify` says what is wrong.
    pub(crate) damaged: u64,
}

/// What to count.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogCountRequest {
    /// Which records; all where nothing is said.
    pub filter: LogFilter,
    /// The record to begin with: `next` of the part before.
    pub from: Option<u64>,
    /// How finely time is cut.
    pub by: LogBucket,
}

/// How finely time is cut.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum LogBucket {
    /// Minute by minute.
    Minute,
    /// Hour by hour.
    #[default]
    Hour,
    /// Day by day.
    Day,
}

/// How many records there are of each kind, in the part of the log that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogCounts {
    /// How many in all.
    pub(crate) records: u64,
    /// How many lines were met that are no records.
    pub(crate) damaged: u64,
    /// Where the next part begins, to be sent as `from`; absent where this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<u64>,
    /// By family.
    pub(crate) category: Map<String, Value>,
    /// By what happened.
    pub(crate) action: Map<String, Value>,
    /// By agent.
    pub(crate) agent: Map<String, Value>,
    /// By tool.
    pub(crate) tool: Map<String, Value>,
    /// By what was decided.
    pub(crate) decision: Map<String, Value>,
    /// By time.
    pub(crate) time: Map<String, Value>,
}

/// Counts by value; what is not counted apart stands under `…`.
pub(crate) fn counts(counts: &Counts) -> Map<String, Value> {
    let counted = counts.ranked().into_iter().map(|(value, n)| (value.to_owned(), n.into()));
    let others = (counts.others() > 0).then(|| ("…".to_owned(), counts.others().into()));
    counted.chain(others).collect()
}

/// The key that the log is written with from now on.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KeyView {
    /// Its id.
    pub(crate) key: String,
}

/// Whose key is to be destroyed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// The person, by the id that applications send.
    pub subject: String,
}

/// Whose key was destroyed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErasedView {
    /// The name that the log has for them.
    pub(crate) name: String,
}

/// What old records are to go. Bounds that are absent are those of the configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct RetainRequest {
    /// How many days after its last record a segment goes.
    pub age_days_max: Option<u32>,
    /// How long the log may be.
    pub bytes_max: Option<u64>,
    /// Whether they are to go now. Otherwise it is said what would go.
    pub apply: bool,
}

/// What old segments would go, or went.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetainedView {
    /// Whether they went.
    pub(crate) applied: bool,
    /// Those that would go, the oldest first.
    pub(crate) expire: Vec<ExpiringView>,
    /// What stays because some sinks have not got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
    /// What is left of those that went; absent where none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Value>")]
    pub(crate) tombstone: Option<Tombstone>,
}

/// A segment that would go.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpiringView {
    /// Its first record.
    first: u64,
    /// How long it is.
    bytes: u64,
    /// When its last record was written.
    last_at: String,
    /// `age` or `size`.
    #[schemars(extend("enum" = ["age", "size"]))]
    cause: &'static str,
}

impl RetainedView {
    pub(crate) fn of(retained: Retained, applied: bool) -> Self {
        let Retained { expire, held, gone } = retained;
        let expire = expire.into_iter().map(ExpiringView::from).collect();
        Self { applied, expire, held, tombstone: gone }
    }
}

impl From<(Kept, Cause)> for ExpiringView {
    fn from((Kept { first, bytes, last_at }, cause): (Kept, Cause)) -> Self {
        let cause = match cause {
            Cause::Age => "age",
            Cause::Size => "size",
        };
        Self { first: first.0, bytes, last_at: last_at.to_string(), cause }
    }
}
