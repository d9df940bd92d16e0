//! What both directions share: the names in `_meta`, and messages taken apart without touching
//! what is in them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::message::{Kind, Message, Outcome, Request};

/// Names in `_meta` by which the newest revision says what a session used to.
pub(crate) const REVISION: &str = "io.modelcontextprotocol/protocolVersion";
/// What the client can do.
pub(crate) const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// What the client is.
pub(crate) const CLIENT: &str = "io.modelcontextprotocol/clientInfo";
/// What the server is.
pub(crate) const SERVER: &str = "io.modelcontextprotocol/serverInfo";
/// From which level on the client wants lines of the server's log.
pub(crate) const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// To which subscription a notification belongs.
pub(crate) const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// What goes with a request beside what it is about.
pub(crate) const META: &str = "_meta";
/// What a server gave its client to bring along.
pub(crate) const STATE: &str = "requestState";
/// What the client answers to what the server wanted of it.
pub(crate) const RESPONSES: &str = "inputResponses";

/// The requests in whose middle a server may want something of its client.
pub(crate) const IN_ROUNDS: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];
/// The results that say how long they may be kept.
pub(crate) const CACHED: [&str; 6] = [
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

/// The fields of an object, each as the text that it came in.
pub(crate) type Fields = BTreeMap<String, Box<RawValue>>;

/// The fields of an object; none of what is no object.
pub(crate) fn fields(raw: Option<&RawValue>) -> Fields {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// A value as text.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A request with these parameters.
pub(crate) fn request(id: &str, method: &str, params: &impl Serialize) -> String {
    let (method, params) = (raw(&method), raw(params));
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
}

/// A notification with these parameters.
pub(crate) fn notification(method: &str, params: &impl Serialize) -> String {
    let (method, params) = (raw(&method), raw(params));
    format!(r#"{{"jsonrpc":"2.0","method":{method},"params":{params}}}"#)
}

/// Whether two requests would have a server do the same: they may differ in what they are known
/// by, in what goes with them, and in how far they have come.
pub(crate) fn act_alike(one: &str, other: &str) -> bool {
    match (acts(one), acts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn acts(text: &str) -> Option<(String, Value)> {
    let request = request_in(text)?;
    let mut params: Value = match request.params {
        Some(raw) => serde_json::from_str(raw.get()).ok()?,
        None => Value::Object(serde_json::Map::new()),
    };
    for aside in [META, STATE, RESPONSES] {
        params.as_object_mut()?.remove(aside);
    }
    Some((request.method().into_owned(), params))
}

/// The request that a text is, if it is one.
pub(crate) fn request_in(text: &str) -> Option<Request<'_>> {
    match Message::read(text).ok()?.kind {
        Kind::Request(request) => Some(request),
        Kind::Notification { .. } | Kind::Response { .. } => None,
    }
}

/// An answer, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// It was done.
    Done(Value),
    /// It was not.
    Failed(Value),
}

/// Takes an answer apart.
pub(crate) fn answer(text: &str) -> Option<Answer> {
    let Kind::Response { outcome, .. } = Message::read(text).ok()?.kind else { return None };
    match outcome {
        Outcome::Result(raw) => serde_json::from_str(raw.get()).ok().map(Answer::Done),
        Outcome::Error(raw) => serde_json::from_str(raw.get()).ok().map(Answer::Failed),
    }
}

impl Answer {
    /// As the answer to a request of this id.
    pub(crate) fn write(&self, id: &str) -> String {
        let (field, value) = match self {
            Self::Done(value) => ("result", value),
            Self::Failed(value) => ("error", value),
        };
        format!(r#"{{"jsonrpc":"2.0","id":{id},"{field}":{value}}}"#)
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> Option<i64> {
        match self {
            Self::Done(_) => None,
            Self::Failed(error) => error.get("code").and_then(Value::as_i64),
        }
    }
}

/// One thing that a request says in its `_meta`.
pub(crate) fn said_beside<'r>(request: &Request<'r>, name: &str) -> Option<Value> {
    let mut params = fields(request.params);
    let mut meta = fields(params.remove(META).as_deref());
    serde_json::from_str(meta.remove(name)?.get()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Reads a request.
    pub(in super::super) fn read(text: &str) -> Request<'_> {
        request_in(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn requests_act_alike_whatever_goes_with_them() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"b":1}}}"#;
        for (other, want) in [
            (call.replace("\"id\":1", "\"id\":\"x\""), true),
            (
                call.replace(
                    "\"name\"",
                    "\"_meta\":{\"a\":1},\"requestState\":\"s\",\"inputResponses\":{},\"name\"",
                ),
                true,
            ),
            (call.replace("\"a\"", "\"c\""), false),
            (call.replace(":1}}", ":2}}"), false),
            (call.replace(":1}}", ":1},\"more\":1}"), false),
            (call.replace("tools/call", "prompts/get"), false),
            (String::from("{}"), false),
        ] {
            assert_eq!(act_alike(call, &other), want, "{other}");
        }
        let bare = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        assert!(act_alike(bare, &bare.replace('}', ",\"params\":{\"_meta\":{}}}")));
    }
}
