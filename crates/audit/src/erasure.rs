//! Forgetting a person without breaking the chain.
//!
//! Where it is asked for, an event on behalf of a person is veiled before it becomes a record: who
//! it was gives way to a name that means nothing, and whatever of the detail may tell something of
//! them is sealed under a key of their own. The record is chained and signed as it is. Destroying
//! the key later leaves every byte in its place and every mac true, and nothing to be read.
//!
//! What stays readable is a list of fields that are about the decision and not about the person.
//! What is not on the list is sealed, so that a new field is not forgotten here.
//!
//! The cipher is passed in: nothing here knows a key.

use std::collections::BTreeMap;

use bakerst_model::{Detail, Event, EventError, IdError, UserId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How a veiled person's name begins.
pub const SUBJECT_PREFIX: &str = "subject-";

/// The fields of a detail that are about the decision alone.
const CLEAR: [&str; 9] = [
    "approval",
    "code",
    "decision",
    "duration_ms",
    "findings",
    "policy",
    "result_bytes",
    "tool",
    "verdict",
];

/// Where the sealed part stands.
const SEALED: &str = "sealed";

/// Why an event cannot be veiled. It must not be recorded then.
#[derive(Debug, thiserror::Error)]
pub enum VeilError {
    /// The detail is no object, or what is left of it cannot be written.
    #[error("the event's detail cannot be taken apart: {0}")]
    Detail(String),
    /// The name that means nothing cannot be one.
    #[error("the veiled name cannot be used")]
    Name(#[source] IdError),
    /// The cipher failed.
    #[error("the event cannot be sealed")]
    Cipher,
}

impl From<EventError> for VeilError {
    fn from(error: EventError) -> Self {
        Self::Detail(error.to_string())
    }
}

/// What is sealed.
#[derive(Deserialize, Serialize)]
struct Personal<'p> {
    user: String,
    #[serde(borrow)]
    detail: BTreeMap<String, &'p RawValue>,
}

/// Veils an event on behalf of a person; any other stays as it is. `name` is what the person is
/// called from now on, and `seal` encrypts under the key of that name.
///
/// # Errors
/// When the event cannot be veiled.
pub fn veil(
    event: Event,
    name: &str,
    seal: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Result<Event, VeilError> {
    let Some(user) = &event.actor.user else { return Ok(event) };
    let unread = |error: serde_json::Error| VeilError::Detail(error.to_string());
    let parts: BTreeMap<String, &RawValue> =
        serde_json::from_str(event.detail.as_json()).map_err(unread)?;
    let (clear, personal): (BTreeMap<_, _>, BTreeMap<_, _>) =
        parts.into_iter().partition(|(field, _)| CLEAR.contains(&field.as_str()));
    let personal = Personal { user: user.to_string(), detail: personal };
    let plain = serde_json::to_vec(&personal).map_err(unread)?;
    let sealed = STANDARD.encode(seal(&plain).ok_or(VeilError::Cipher)?);
    let sealed = serde_json::value::to_raw_value(&sealed).map_err(unread)?;
    let mut detail: BTreeMap<&str, &RawValue> =
        clear.iter().map(|(field, value)| (field.as_str(), *value)).collect();
    detail.insert(SEALED, &sealed);
    let detail = Detail::of(&detail)?;
    let mut actor = event.actor.clone();
    actor.user = Some(UserId::parse(name).map_err(VeilError::Name)?);
    Ok(Event { actor, detail, ..event })
}

/// A record's line as far as it is written anew.
#[derive(Deserialize, Serialize)]
struct Line<'l> {
    seq: u64,
    timestamp: String,
    category: String,
    action: String,
    actor: BTreeMap<String, serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    #[serde(borrow)]
    detail: BTreeMap<String, &'l RawValue>,
    prev: String,
    mac: String,
}

/// Lifts the veil from a record's line, where there is one and `open` has the key of the name.
/// What comes back reads like a record, but its mac is over the veiled one.
#[must_use]
pub fn reveal(line: &[u8], open: impl Fn(&str, &[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut read: Line<'_> = serde_json::from_slice(line).ok()?;
    let name = read.actor.get("user")?.as_str().filter(|name| name.starts_with(SUBJECT_PREFIX))?;
    let sealed: String = serde_json::from_str(read.detail.get(SEALED)?.get()).ok()?;
    let plain = open(name, &STANDARD.decode(sealed).ok()?)?;
    let Personal { user, detail } = serde_json::from_slice(&plain).ok()?;
    read.detail.remove(SEALED);
    read.detail.extend(detail);
    read.actor.insert("user".to_owned(), user.into());
    let mut out = serde_json::to_vec(&read).ok()?;
    out.push(b'\n');
    Some(out)
}

#[cfg(test)]
mod tests {
    use bakerst_model::{Action, Actor, AgentId, Secret, UnixMillis};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{About, Chain, Draft, LogId, LogKey, LogKeys};

    fn event(user: Option<&str>, detail: &Value) -> Event {
        let (user, agent) = (user.and_then(|u| UserId::parse(u).ok()), AgentId::parse("bot").ok());
        let actor = Actor { name: "laptop".into(), agent, user, ip: None };
        let detail = Detail::of(detail).unwrap();
        Event { action: Action::ToolAsked, actor, conversation: None, detail }
    }

    fn line(event: &Event) -> Vec<u8> {
        let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
        let keys = LogKeys::new(key, Secret::new(vec![9; 32]));
        let (log, mut out) = (LogId::from_random([1; 16]), Vec::new());
        let begun = Chain::begin(&keys, log, About::default(), UnixMillis(0), &mut out);
        out.clear();
        begun.unwrap().append(&Draft::of(UnixMillis(1), event).unwrap(), &mut out);
        out
    }

    /// A cipher for tests: it turns every bit.
    fn turned(bytes: &[u8]) -> Vec<u8> {
        bytes.iter().map(|byte| !byte).collect()
    }

    #[test]
    fn only_what_is_about_the_decision_stays_readable() {
        let detail = json!({
            "tool": "pay", "verdict": "ask", "input": { "to": "ann" }, "new_field": "ann",
            "reason": "ann over threshold", "binding": "00",
        });
        let veiled = veil(event(Some("ann"), &detail), "subject-1", |b| Some(turned(b))).unwrap();
        let written = line(&veiled);
        assert!(!String::from_utf8_lossy(&written).contains("ann"));
        let record: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            (&record["detail"]["tool"], &record["detail"]["verdict"]),
            (&json!("pay"), &json!("ask"))
        );
        assert_eq!(
            record["actor"],
            json!({ "name": "laptop", "agent": "bot", "user": "subject-1" })
        );

        let revealed =
            reveal(&written, |name, sealed| (name == "subject-1").then(|| turned(sealed)));
        let revealed: Value = serde_json::from_slice(&revealed.unwrap()).unwrap();
        assert_eq!((&revealed["detail"], &revealed["actor"]["user"]), (&detail, &json!("ann")));
        assert!(reveal(&written, |_, _| None).is_none());
    }

    #[test]
    fn an_event_on_behalf_of_nobody_stays_as_it_is() {
        let detail = json!({ "input": { "a": 1 } });
        let same = veil(event(None, &detail), "subject-1", |_| None).unwrap();
        assert_eq!(same.detail.as_json(), detail.to_string());
        assert!(reveal(&line(&same), |_, bytes| Some(turned(bytes))).is_none());
    }

    #[test]
    fn what_cannot_be_veiled_is_not_recorded() {
        assert!(veil(event(Some("ann"), &json!([1])), "subject-1", |b| Some(turned(b))).is_err());
        assert!(veil(event(Some("ann"), &json!({})), "subject-1", |_| None).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_veiled_comes_back(fields in proptest::collection::btree_map("[a-z]{1,8}|tool|input|sealed", "\\PC{0,20}", 0..6)) {
            let mut fields = fields;
            fields.remove(SEALED);
            let detail = json!(fields);
            let veiled = veil(event(Some("ann"), &detail), "subject-1", |b| Some(turned(b))).unwrap();
            let back = reveal(&line(&veiled), |_, sealed| Some(turned(sealed))).unwrap();
            let back: Value = serde_json::from_slice(&back).unwrap();
            prop_assert_eq!(&back["detail"], &detail);
        }

        #[test]
        fn no_bytes_make_the_unveiling_fail(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = reveal(&bytes, |_, sealed| Some(turned(sealed)));
        }
    }
}
