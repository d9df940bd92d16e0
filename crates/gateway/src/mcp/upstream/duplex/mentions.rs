//! Where messages name a request beside the envelope: progress, subscriptions, cancellations.
//!
//! Several clients of one owner count from one each. Where they share a conversation, the server
//! hears names of ours, and the clients their own again.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mcp::message::{Kind, Message, Outcome};

/// What a message names a request by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mentions<'m> {
    /// The token under which the sender of a request wants to hear of progress.
    pub(super) wanted: Option<&'m RawValue>,
    /// The token of a request that makes progress.
    pub(super) progress: Option<&'m RawValue>,
    /// The request that asked for the subscription.
    pub(super) subscription: Option<&'m RawValue>,
    /// The request that is taken back.
    pub(super) cancelled: Option<&'m RawValue>,
}

#[derive(Default, Deserialize)]
struct Body<'m> {
    #[serde(borrow, default, rename = "_meta")]
    meta: Option<&'m RawValue>,
    #[serde(borrow, default, rename = "progressToken")]
    progress: Option<&'m RawValue>,
    #[serde(borrow, default, rename = "requestId")]
    cancelled: Option<&'m RawValue>,
}

#[derive(Default, Deserialize)]
struct Meta<'m> {
    #[serde(borrow, default, rename = "progressToken")]
    wanted: Option<&'m RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/subscriptionId")]
    subscription: Option<&'m RawValue>,
}

impl<'m> Mentions<'m> {
    /// What a message names.
    pub(super) fn of(message: &Message<'m>) -> Self {
        let body = match message.kind {
            Kind::Request(request) => request.params,
            Kind::Notification { params, .. } => params,
            Kind::Response { outcome: Outcome::Result(result), .. } => Some(result),
            Kind::Response { outcome: Outcome::Error(_), .. } => None,
        };
        let read = |body: &'m RawValue| serde_json::from_str::<Body<'m>>(body.get()).ok();
        let Body { meta, progress, cancelled } = body.and_then(read).unwrap_or_default();
        let read = |meta: &'m RawValue| serde_json::from_str::<Meta<'m>>(meta.get()).ok();
        let Meta { wanted, subscription } = meta.and_then(read).unwrap_or_default();
        let is_told = matches!(message.kind, Kind::Notification { .. });
        Self {
            wanted,
            subscription,
            progress: progress.filter(|_| is_told),
            cancelled: cancelled.filter(|_| is_told),
        }
    }
}

/// A text with other words in these places of it.
pub(super) fn with_words(text: &str, places: &mut [(&RawValue, &str)]) -> Option<String> {
    let start = text.as_ptr() as usize;
    let begins = |place: &RawValue| (place.get().as_ptr() as usize).checked_sub(start);
    places.sort_by_key(|(place, _)| begins(place));
    let (mut out, mut at) = (String::with_capacity(text.len() + 16), 0);
    for (place, word) in places {
        let begin = begins(place)?;
        out.push_str(text.get(at..begin)?);
        out.push_str(word);
        at = begin + place.get().len();
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn named(text: &str) -> [Option<&str>; 4] {
        let Mentions { wanted, progress, subscription, cancelled } =
            Mentions::of(&Message::read(text).unwrap());
        [wanted, progress, subscription, cancelled].map(|raw| raw.map(RawValue::get))
    }

    #[test]
    fn what_a_message_names_is_found_where_the_protocol_has_it() {
        for (text, want) in [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":{"progressToken":"t"}}}"#,
                [Some("\"t\""), None, None, None],
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7}}"#,
                [None, Some("7"), None, None],
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
                [None, None, None, Some("7")],
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}}"#,
                [None, None, Some("7"), None],
            ),
            // What a tool calls its arguments is its own affair.
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"progressToken":7,"requestId":7}}"#,
                [None; 4],
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":[]}"#, [None; 4]),
            (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"_meta":1}}"#, [None; 4]),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"_meta":{"progressToken":1}}}"#, [None; 4]),
        ] {
            assert_eq!(named(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_request_that_was_renamed_is_the_same_but_for_its_names(
            id in "[a-z\"\\\\é]{0,8}",
            token in proptest::option::of(any::<i64>()),
            before in "[a-z\"{}\\\\ é]{0,12}",
            names in any::<u64>(),
        ) {
            let mut message = json!({
                "jsonrpc": "2.0", "a": before, "id": id, "method": "m",
                "params": { "z": before, "_meta": { "y": before }, "progressToken": before },
            });
            if let Some(token) = token {
                message["params"]["_meta"]["progressToken"] = token.into();
            }
            let text = message.to_string();
            let read = Message::read(&text).unwrap();
            let Kind::Request(request) = read.kind else { panic!("{text}") };
            let name = names.to_string();
            let mut places = vec![(request.raw_id(), name.as_str())];
            places.extend(Mentions::of(&read).wanted.map(|token| (token, name.as_str())));
            let renamed: Value =
                serde_json::from_str(&with_words(&text, &mut places).unwrap()).unwrap();
            message["id"] = names.into();
            if token.is_some() {
                message["params"]["_meta"]["progressToken"] = names.into();
            }
            prop_assert_eq!(renamed, message);
        }
    }
}
