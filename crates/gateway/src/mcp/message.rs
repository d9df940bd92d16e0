//! One JSON-RPC message, read once and passed on as it came.
//!
//! Only the envelope is taken apart; what is in it stays the text that it was. What two readers
//! could take differently is not read at all: a field that stands there twice, or one whose name
//! differs from a known one only by case, which some servers take for the same.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bakerst_model::Escaped;
use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer as _};
use serde_json::Value;
use serde_json::value::RawValue;

/// A message between a client and a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'m> {
    /// The whole message, without the space around it.
    pub(crate) text: &'m str,
    /// What it is.
    pub(crate) kind: Kind<'m>,
}

/// What a message is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'m> {
    /// It wants an answer.
    Request(Request<'m>),
    /// It wants none.
    Notification {
        /// What happened.
        method: &'m RawValue,
        /// And to what.
        params: Option<&'m RawValue>,
    },
    /// It is an answer.
    Response {
        /// To which request; none where a request could not be read.
        id: Option<&'m RawValue>,
        /// What came of it.
        outcome: Outcome<'m>,
    },
}

/// A message that wants an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'m> {
    /// The whole message.
    pub(crate) text: &'m str,
    id: &'m RawValue,
    method: &'m RawValue,
    /// What it is about.
    pub(crate) params: Option<&'m RawValue>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome<'m> {
    /// It was done.
    Result(&'m RawValue),
    /// It was not.
    Error(&'m RawValue),
}

/// What a request is known by: the same text or number always has the same form here.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Id(Box<str>);

impl Id {
    /// The id of what has none.
    pub(crate) fn none() -> Self {
        Self("null".into())
    }

    /// An id that is this text.
    pub(crate) fn of_text(text: &str) -> Self {
        Self(Value::from(text).to_string().into())
    }

    /// An id that is this number.
    pub(crate) fn number(number: u64) -> Self {
        Self(number.to_string().into())
    }

    /// As it stands in JSON.
    pub(crate) fn as_json(&self) -> &str {
        &self.0
    }
}

/// Why a message is not passed on.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is no JSON, or no object, or says a thing twice.
    #[error("not a JSON-RPC message: {0}")]
    Syntax(String),
    /// Several messages at once, which only one early revision had.
    #[error("a batch of messages: send them one by one")]
    Batch,
    /// Neither request, nor notification, nor response.
    #[error("neither a request, nor a notification, nor a response: {0}")]
    Shape(&'static str),
}

impl<'m> Message<'m> {
    /// Reads a message.
    pub(crate) fn read(text: &'m str) -> Result<Self, Unreadable> {
        let text = text.trim_ascii();
        if text.starts_with('[') {
            return Err(Unreadable::Batch);
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let envelope = parser.deserialize_map(EnvelopeVisitor).and_then(|envelope| {
            parser.end()?;
            Ok(envelope)
        });
        let envelope = envelope.map_err(|error| Unreadable::Syntax(error.to_string()))?;
        Ok(Self { text, kind: envelope.kind(text)? })
    }

    /// The request that it takes back, if that is what it does.
    pub(crate) fn cancelled_id(&self) -> Option<Id> {
        #[derive(Deserialize)]
        struct Cancelled<'m> {
            #[serde(borrow, rename = "requestId")]
            id: &'m RawValue,
        }
        let Kind::Notification { method, params: Some(params) } = self.kind else { return None };
        if read_text(method)? != "notifications/cancelled" {
            return None;
        }
        let cancelled: Cancelled<'_> = serde_json::from_str(params.get()).ok()?;
        read_id(cancelled.id)
    }
}

impl<'m> Request<'m> {
    /// What it is known by.
    pub(crate) fn id(&self) -> Id {
        // It was read before, so it is there.
        read_id(self.id).unwrap_or_else(Id::none)
    }

    /// The same, where and as it stands in the message.
    pub(crate) fn raw_id(&self) -> &RawValue {
        self.id
    }

    /// What it asks for.
    pub(crate) fn method(&self) -> Cow<'m, str> {
        read_text(self.method).unwrap_or_default()
    }

    /// What stands in its `_meta`, if that is of this shape.
    pub(crate) fn meta<T: Deserialize<'m>>(&self) -> Option<T> {
        #[derive(Deserialize)]
        struct Params<T> {
            #[serde(rename = "_meta")]
            meta: Option<T>,
        }
        let params = self.params.filter(|params| may_name(params, "_meta"))?;
        serde_json::from_str::<Params<T>>(params.get()).ok()?.meta
    }

    /// The same request with other parameters.
    pub(crate) fn with_params(&self, params: &Value) -> String {
        let (id, method) = (self.id.get(), self.method.get());
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)
    }

    /// What it is about, where its method names one thing: a tool, a prompt, a resource.
    pub(crate) fn mirrored_name(&self) -> Option<String> {
        let field = match &*self.method() {
            "tools/call" | "prompts/get" => "name",
            "resources/read" => "uri",
            _ => return None,
        };
        let params: BTreeMap<String, &RawValue> = serde_json::from_str(self.params?.get()).ok()?;
        params.get(field).and_then(|raw| read_text(raw)).map(Cow::into_owned)
    }
}

/// The id of an answer.
pub(crate) fn read_id(raw: &RawValue) -> Option<Id> {
    let text = raw.get();
    // Most stand as they are written in the one form already.
    let is_plain_number = text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    if is_plain_number || plain_text(raw).is_some() {
        return Some(Id(text.into()));
    }
    match serde_json::from_str(raw.get()).ok()? {
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Some(Id(number.to_string().into()))
        }
        text @ Value::String(_) => Some(Id(text.to_string().into())),
        _ => None,
    }
}

/// A method's name.
pub(crate) fn read_text(raw: &RawValue) -> Option<Cow<'_, str>> {
    match plain_text(raw) {
        Some(plain) => Some(Cow::Borrowed(plain)),
        None => serde_json::from_str(raw.get()).ok().map(Cow::Owned),
    }
}

/// A text in which nothing is written otherwise than it is read.
fn plain_text(raw: &RawValue) -> Option<&str> {
    let text = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('\\')).then_some(text)
}

/// Whether an object may have a field of this name somewhere. To be sure that it has none takes
/// less than to look for it; a backslash may write any name in a way of its own.
pub(crate) fn may_name(raw: &RawValue, name: &str) -> bool {
    raw.get().contains(name) || raw.get().contains('\\')
}

/// Whether two names are one to a reader that does not care about case.
pub(crate) fn is_taken_for(name: &str, known: &str) -> bool {
    if name.is_ascii() && known.is_ascii() {
        return name != known && name.eq_ignore_ascii_case(known);
    }
    let fold = |text: &str| -> String {
        text.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect()
    };
    name != known && fold(name) == fold(known)
}

#[derive(Default)]
struct Envelope<'m> {
    version: Option<&'m RawValue>,
    id: Option<&'m RawValue>,
    method: Option<&'m RawValue>,
    params: Option<&'m RawValue>,
    result: Option<&'m RawValue>,
    error: Option<&'m RawValue>,
}

impl<'m> Envelope<'m> {
    fn kind(self, text: &'m str) -> Result<Kind<'m>, Unreadable> {
        let Self { version, id, method, params, result, error } = self;
        if version.is_none_or(|version| version.get() != "\"2.0\"") {
            return Err(Unreadable::Shape("`jsonrpc` is not \"2.0\""));
        }
        if method.is_some_and(|method| read_text(method).is_none()) {
            return Err(Unreadable::Shape("`method` is no text"));
        }
        let known = id.filter(|id| id.get() != "null");
        if known.is_some_and(|id| read_id(id).is_none()) {
            return Err(Unreadable::Shape("`id` is neither text nor a whole number"));
        }
        match (method, known, result, error) {
            (Some(method), Some(id), None, None) => {
                Ok(Kind::Request(Request { text, id, method, params }))
            }
            (Some(_), None, None, None) if id.is_some() => Err(Unreadable::Shape("`id` is null")),
            (Some(method), None, None, None) => Ok(Kind::Notification { method, params }),
            (None, Some(id), Some(result), None) => {
                Ok(Kind::Response { id: Some(id), outcome: Outcome::Result(result) })
            }
            (None, id, None, Some(error)) => {
                Ok(Kind::Response { id, outcome: Outcome::Error(error) })
            }
            _ => Err(Unreadable::Shape("its fields do not go together")),
        }
    }
}

/// A field's name, copied only where it is written otherwise than it is read.
#[derive(Deserialize)]
struct Name<'m>(#[serde(borrow)] Cow<'m, str>);

struct EnvelopeVisitor;

impl<'m> Visitor<'m> for EnvelopeVisitor {
    type Value = Envelope<'m>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'m>>(self, mut map: A) -> Result<Envelope<'m>, A::Error> {
        const KNOWN: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];
        let mut envelope = Envelope::default();
        while let Some(Name(key)) = map.next_key()? {
            let place = match &*key {
                "jsonrpc" => &mut envelope.version,
                "id" => &mut envelope.id,
                "method" => &mut envelope.method,
                "params" => &mut envelope.params,
                "result" => &mut envelope.result,
                "error" => &mut envelope.error,
                other => {
                    if KNOWN.iter().any(|known| is_taken_for(other, known)) {
                        let other = Escaped(other);
                        return Err(A::Error::custom(format!("the field `{other}` is misspelt")));
                    }
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let twice = place.replace(map.next_value()?).is_some();
            if twice {
                return Err(A::Error::custom(format!("the field `{key}` occurs twice")));
            }
        }
        Ok(envelope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn told(text: &str) -> String {
        match Message::read(text) {
            Err(why) => why.to_string(),
            Ok(message) => match message.kind {
                Kind::Request(request) => {
                    format!("{} {}", request.id().as_json(), request.method())
                }
                Kind::Notification { method, .. } => format!("- {}", method.get()),
                Kind::Response { id, outcome: Outcome::Result(_) } => {
                    format!("result {}", id.map_or("", RawValue::get))
                }
                Kind::Response { id, outcome: Outcome::Error(_) } => {
                    format!("error {}", id.map_or("", RawValue::get))
                }
            },
        }
    }

    #[test]
    fn messages_are_told_apart() {
        for (text, want) in [
            (r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#, "1 ping"),
            (r#" {"jsonrpc":"2.0","id":"\u0061","method":"p\u0069ng","x":[{}]} "#, "\"a\" ping"),
            (r#"{"jsonrpc":"2.0","method":"notifications/x"}"#, r#"- "notifications/x""#),
            (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, "result 1"),
            (r#"{"jsonrpc":"2.0","id":null,"error":{}}"#, "error "),
            (r#"{"jsonrpc":"2.0","error":{}}"#, "error "),
        ] {
            assert_eq!(told(text), want, "{text}");
        }
    }

    #[test]
    fn what_two_readers_could_take_differently_is_not_read() {
        for (text, want) in [
            (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, "batch"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, "occurs twice"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#, "misspelt"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","param\u017f":{}}"#, "misspelt"),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#, "whole number"),
            (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, "null"),
            (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, "2.0"),
            (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, "no text"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#, "go together"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "go together"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a"} {}"#, "not a JSON-RPC"),
            ("", "not a JSON-RPC"),
            ("nonsense", "not a JSON-RPC"),
        ] {
            assert!(told(text).contains(want), "{text}: {}", told(text));
        }
    }

    #[test]
    fn what_stands_in_meta_is_found_however_its_name_is_written() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Meta {
            a: u8,
        }
        for (params, want) in [
            (r#"{"_meta":{"a":1}}"#, Some(Meta { a: 1 })),
            (r#"{"\u005fmeta":{"a":2}}"#, Some(Meta { a: 2 })),
            (r#"{"_\u006deta":{"\u0061":3}}"#, Some(Meta { a: 3 })),
            (r#"{"x":{"_meta":{"a":4}}}"#, None),
            (r#"{"_meta":{"a":5},"\u005fmeta":{"a":6}}"#, None),
            (r#"{"_meta":7}"#, None),
            ("{}", None),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{params}}}"#);
            let Kind::Request(request) = Message::read(&text).unwrap().kind else {
                panic!("{text}")
            };
            assert_eq!(request.meta::<Meta>(), want, "{params}");
        }
    }

    #[test]
    fn nesting_without_end_is_passed_over_in_bounded_depth() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        );
        assert!(matches!(Message::read(&deep), Ok(_) | Err(Unreadable::Syntax(_))));
    }
}
