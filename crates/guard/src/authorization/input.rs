//! The input document: what a policy is told about a call.
//!
//! Version 1. A field is added without a new version; one that changes its meaning brings one.

use std::collections::BTreeMap;
use std::sync::Arc;

use bakerst_model::{ToolCall, UnixMillis, UserId};
use regorus::Value;

use super::Members;
use crate::flow::FlowFacts;
use crate::{PolicySource, Risk, Subject};

/// The version of the input document, as `input.version`.
pub const INPUT_VERSION: u64 = 1;

/// What is known of tools, of conversations and of who has which role, to build inputs from.
#[derive(Clone, Debug)]
pub struct RiskBook {
    risks: BTreeMap<Arc<str>, Risk>,
    /// Whether anybody follows conversations, who could tell what they have seen.
    follows: bool,
    roles: Arc<BTreeMap<String, Members>>,
}

impl RiskBook {
    pub(crate) fn new(source: &PolicySource) -> Self {
        let risks = source.tools.iter().map(|(name, entry)| (name.as_str().into(), entry.risk));
        let roles = source.authorization.as_ref().map(|section| section.roles.clone());
        let follows = source.follows_flows();
        Self { risks: risks.collect(), follows, roles: roles.unwrap_or_default() }
    }

    /// What a tool can do, where the policy says so.
    #[must_use]
    pub fn risk(&self, tool: &str) -> Option<Risk> {
        self.risks.get(tool).copied()
    }

    fn roles<'b>(&'b self, call: &ToolCall) -> impl Iterator<Item = &'b str> {
        let (agent, user) = (call.agent.clone(), call.user.clone());
        self.roles.iter().filter_map(move |(role, Members { agents, users })| {
            let is_agent = agents.iter().any(|name| name == agent.as_str());
            let is_user = user
                .as_ref()
                .map(UserId::as_str)
                .is_some_and(|user| users.iter().any(|name| name == user));
            (is_agent || is_user).then_some(role.as_str())
        })
    }
}

/// An input document, and how much there is to read in it.
#[derive(Clone, Debug)]
pub struct Input {
    pub(super) value: Value,
    pub(super) bytes: usize,
}

impl Input {
    /// What a policy is told about a call.
    #[must_use]
    pub fn of(subject: &Subject<'_>, book: &RiskBook) -> Self {
        Self::at(subject, book, subject.facts.now)
    }

    /// The same, with the time as it was at the beginning of its minute. Two inputs that differ in
    /// nothing but seconds are then the same.
    #[must_use]
    pub fn of_minute(subject: &Subject<'_>, book: &RiskBook) -> Self {
        let now = subject.facts.now.0;
        Self::at(subject, book, UnixMillis(now - now % 60_000))
    }

    fn at(subject: &Subject<'_>, book: &RiskBook, now: UnixMillis) -> Self {
        let call = subject.call;
        let mut bytes = 0;
        let args = value_of(call.input.expose(), &mut bytes);
        let risk = book.risk(call.tool.as_str()).map_or("unknown", Risk::as_str);
        let roles = book.roles(call).map(Value::from).collect::<Vec<_>>();
        let fields = [
            ("version", Value::from(INPUT_VERSION)),
            ("tool", Value::from(call.tool.as_str())),
            ("risk", Value::from(risk)),
            ("args", args),
            ("agent", Value::from(call.agent.as_str())),
            ("roles", Value::from(roles)),
            ("conversation", conversation_of(subject, book.follows)),
            ("time", time_of(now)),
        ];
        let user = call.user.as_ref().map(|user| ("user", Value::from(user.as_str())));
        Self { value: object(fields.into_iter().chain(user)), bytes }
    }

    /// The document as JSON.
    ///
    /// # Errors
    /// When it has no JSON form, which what came in as JSON has.
    pub fn to_json(&self) -> Result<String, String> {
        self.value.to_json_str().map_err(|e| e.to_string())
    }
}

fn object<'k>(fields: impl Iterator<Item = (&'k str, Value)>) -> Value {
    fields.map(|(key, value)| (Value::from(key), value)).collect::<BTreeMap<_, _>>().into()
}

/// Which conversation it is, and what it has seen. Where nobody follows conversations it may have seen
/// anything; a call that stands by itself has no conversation behind it.
fn conversation_of(subject: &Subject<'_>, follows: bool) -> Value {
    let flow = subject.facts.flow.as_deref().filter(|_| follows);
    let label = |seen: fn(&FlowFacts) -> bool| Value::from(flow.map_or(!follows, seen));
    let fields = [
        ("id", Value::from(subject.call.conversation.as_str())),
        ("private", label(|flow| flow.private)),
        ("untrusted", label(|flow| flow.untrusted)),
        ("tainted", label(|flow| flow.instructions.is_some())),
    ];
    object(fields.into_iter())
}

const DAYS: [&str; 7] =
    ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

/// The time in UTC, in parts that rules compare: there is no clock in a policy.
fn time_of(now: UnixMillis) -> Value {
    let seconds = now.0 / 1000;
    // 1 January 1970 was a Thursday.
    let day = usize::try_from(seconds / 86_400 % 7).ok().and_then(|day| DAYS.get(day));
    object(
        [
            ("unix_seconds", Value::from(seconds)),
            ("hour", Value::from(seconds / 3600 % 24)),
            ("minute", Value::from(seconds / 60 % 60)),
            ("weekday", Value::from(*day.unwrap_or(&"unknown"))),
        ]
        .into_iter(),
    )
}

/// A JSON value as the engine holds it, without a way through text. `bytes` grows by what there is
/// to read.
fn value_of(value: &serde_json::Value, bytes: &mut usize) -> Value {
    *bytes += 8;
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => number_of(number),
        serde_json::Value::String(text) => {
            *bytes += text.len();
            Value::from(text.as_str())
        }
        serde_json::Value::Array(items) => {
            Value::from(items.iter().map(|item| value_of(item, bytes)).collect::<Vec<_>>())
        }
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().map(|(key, field)| {
                *bytes += key.len();
                (Value::from(key.as_str()), value_of(field, bytes))
            });
            fields.collect::<BTreeMap<_, _>>().into()
        }
    }
}

fn number_of(number: &serde_json::Number) -> Value {
    match (number.as_u64(), number.as_i64()) {
        (Some(unsigned), _) => Value::from(unsigned),
        (None, Some(signed)) => Value::from(signed),
        (None, None) => number.as_f64().map_or(Value::Undefined, Value::from),
    }
}
