//! A signed request to anybody, in the manner of Standard Webhooks.

use bakerst_audit::delivery::{Outcome, Shipped};
use bakerst_audit::encode::webhook::{delivery, delivery_id, signature};
use bakerst_model::{Pending, Secret, UnixMillis};
use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::http::{Client, broken};
use crate::{ConfigError, Keyring, SecretRef, Sink, Transport};

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Settings of `webhook`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to.
    pub url: String,
    /// The key that deliveries are signed with.
    pub signing_key: SecretRef,
    /// A bearer token, where one is wanted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

/// The sink.
pub struct Webhook {
    client: Client,
    key: Secret,
}

impl Webhook {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keyring: &dyn Keyring) -> Result<Self, ConfigError> {
        const KEY_BYTES_MIN: usize = 24;
        let mut client = Client::new(&config.url, &config.transport)?;
        let key = config.signing_key.fetch("signing_key", keyring)?;
        if key.expose().len() < KEY_BYTES_MIN {
            let why = format!("it is shorter than {KEY_BYTES_MIN} bytes");
            return Err(ConfigError::Secret { setting: "signing_key", why });
        }
        if let Some(token) = &config.token {
            client.bearer(token.fetch("token", keyring)?)?;
        }
        Ok(Self { client, key })
    }
}

impl Sink for Webhook {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let (id, body) = (delivery_id(records), delivery(records));
            let headers = [
                (SIGNATURE, signature(&self.key, &id, now, &body)),
                (TIMESTAMP, (now.0 / 1000).to_string()),
                (ID, id),
            ];
            match self.client.post("", "application/json", body, &headers).await {
                Ok(answer) => self.client.judge(&answer),
                Err(error) => broken(&error),
            }
        })
    }
}
