//! What a client listens for beside its calls: the filter that the newest revision has for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::message::{Kind, Message, read_text};
use super::words::{META, SUBSCRIPTION};

/// What somebody wants to hear.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Filter {
    #[serde(skip_serializing_if = "is_not")]
    tools_list_changed: bool,
    #[serde(skip_serializing_if = "is_not")]
    prompts_list_changed: bool,
    #[serde(skip_serializing_if = "is_not")]
    resources_list_changed: bool,
    /// The resources whose changes are told.
    #[serde(rename = "resourceSubscriptions", skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) resources: BTreeSet<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_not(is: &bool) -> bool {
    !is
}

impl Filter {
    /// Every list, and these resources.
    pub(crate) fn all(resources: BTreeSet<String>) -> Self {
        let yes = true;
        Self {
            tools_list_changed: yes,
            prompts_list_changed: yes,
            resources_list_changed: yes,
            resources,
        }
    }

    /// The same lists, and other resources.
    pub(crate) fn with_resources(&self, resources: BTreeSet<String>) -> Self {
        Self { resources, ..self.clone() }
    }

    /// What a server that offers this can tell of it.
    pub(crate) fn within(&self, offers: &Value) -> Self {
        let has = |place: &str| offers.pointer(place) == Some(&Value::Bool(true));
        let subscribed = has("/resources/subscribe");
        Self {
            tools_list_changed: self.tools_list_changed && has("/tools/listChanged"),
            prompts_list_changed: self.prompts_list_changed && has("/prompts/listChanged"),
            resources_list_changed: self.resources_list_changed && has("/resources/listChanged"),
            resources: if subscribed { self.resources.clone() } else { BTreeSet::new() },
        }
    }

    /// What either wants.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            tools_list_changed: self.tools_list_changed || other.tools_list_changed,
            prompts_list_changed: self.prompts_list_changed || other.prompts_list_changed,
            resources_list_changed: self.resources_list_changed || other.resources_list_changed,
            resources: self.resources.into_iter().chain(other.resources).collect(),
        }
    }

    /// Whether nothing is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this notification was wanted.
    pub(crate) fn wants(&self, message: &Message<'_>) -> bool {
        let Kind::Notification { method, params } = message.kind else { return false };
        match read_text(method).as_deref() {
            Some("notifications/tools/list_changed") => self.tools_list_changed,
            Some("notifications/prompts/list_changed") => self.prompts_list_changed,
            Some("notifications/resources/list_changed") => self.resources_list_changed,
            Some("notifications/resources/updated") => {
                let params = params.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
                let uri = params.as_ref().and_then(|params| params.get("uri")?.as_str());
                uri.is_some_and(|uri| self.resources.contains(uri))
            }
            _ => false,
        }
    }
}

/// Says to which subscription a notification belongs.
pub(crate) fn tagged(text: &str, subscription: &Value) -> Option<String> {
    let mut message: Value = serde_json::from_str(text).ok()?;
    let params = message.as_object_mut()?.entry("params").or_insert_with(|| json!({}));
    let meta = params.as_object_mut()?.entry(META).or_insert_with(|| json!({}));
    meta.as_object_mut()?.insert(SUBSCRIPTION.into(), subscription.clone());
    Some(message.to_string())
}

/// The first word to whoever listens: what will be told.
pub(crate) fn acknowledged(told: &Filter, subscription: &Value) -> String {
    super::words::notification(
        "notifications/subscriptions/acknowledged",
        &json!({ "notifications": told, META: { SUBSCRIPTION: subscription } }),
    )
}

/// The last word to whoever listened.
pub(crate) fn ended(subscription: &Value) -> Value {
    json!({ "resultType": "complete", META: { SUBSCRIPTION: subscription } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_wanted_and_can_be_told_is_told() {
        let wanted =
            json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b"], "later": 1 });
        let wanted: Filter = serde_json::from_value(wanted).unwrap();
        let update = |uri: &str| {
            format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{{"uri":"{uri}"}}}}"#
            )
        };
        let changed = |kind: &str| {
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/{kind}/list_changed"}}"#)
        };
        for (text, want) in [
            (update("a:b"), true),
            (update("a:c"), false),
            (changed("tools"), true),
            (changed("prompts"), false),
            (changed("resources"), false),
            (r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#.to_owned(), false),
        ] {
            assert_eq!(wanted.wants(&Message::read(&text).unwrap()), want, "{text}");
        }
        let offers = json!({ "tools": {}, "resources": { "subscribe": true } });
        let told = wanted.within(&offers);
        assert_eq!(
            serde_json::to_value(&told).unwrap(),
            json!({ "resourceSubscriptions": ["a:b"] })
        );
        assert!(wanted.within(&json!({})).is_empty());
        assert_eq!(told.or(Filter::default().or(wanted.clone())), wanted);
    }

    #[test]
    fn a_notification_says_to_which_subscription_it_belongs() {
        for (text, id) in [
            (r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#, json!(4)),
            (r#"{"jsonrpc":"2.0","method":"x","params":{"_meta":{"a":1}}}"#, json!("s")),
        ] {
            let tagged: Value = serde_json::from_str(&tagged(text, &id).unwrap()).unwrap();
            assert_eq!(tagged["params"]["_meta"][SUBSCRIPTION], id);
        }
        assert_eq!(tagged("[]", &json!(1)), None);
    }
}
