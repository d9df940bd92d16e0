//! Grafana Loki, and what speaks its push API.

use std::collections::BTreeMap;

use bakerst_audit::delivery::{Outcome, Shipped};
use bakerst_audit::encode::loki::{LABELS_MAX, is_label_name, push};
use bakerst_model::{Pending, UnixMillis};
use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::http::{Client, broken};
use crate::{ConfigError, Keyring, SecretRef, Sink, Transport};

const TENANT: HeaderName = HeaderName::from_static("x-scope-orgid");

/// Settings of `loki`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Loki's address, without the path of its API.
    pub url: String,
    /// The tenant, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Labels of every stream, beside `service_name` and `category`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// A name, for a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password for that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

/// The sink.
pub struct Loki {
    client: Client,
    labels: BTreeMap<String, String>,
}

impl Loki {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keyring: &dyn Keyring) -> Result<Self, ConfigError> {
        let wrong = |why: String| Err(ConfigError::Value { setting: "labels", why });
        if config.labels.len() > LABELS_MAX {
            return wrong(format!("expected at most {LABELS_MAX}: each set of values is a stream"));
        }
        if let Some(name) = config.labels.keys().find(|name| !is_label_name(name)) {
            return wrong(format!("`{name}` is no label: letters, digits and `_`, no digit first"));
        }
        if config.labels.contains_key("category") {
            return wrong("`category` is the record's own".to_owned());
        }
        let mut client = Client::new(&config.url, &config.transport)?;
        if let Some(tenant) = &config.tenant {
            client.header(TENANT, tenant)?;
        }
        super::authenticate(&mut client, &config.token, &config.user, &config.password, keyring)?;
        Ok(Self { client, labels: config.labels.clone() })
    }
}

impl Sink for Loki {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let body = push(records, &self.labels, now);
            let path = if self.client.base().ends_with("/push") { "" } else { "/loki/api/v1/push" };
            match self.client.post(path, "application/json", body, &[]).await {
                Ok(answer) => self.client.judge(&answer),
                Err(error) => broken(&error),
            }
        })
    }
}
