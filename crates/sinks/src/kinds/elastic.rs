//! Elasticsearch and OpenSearch, by their bulk API.

use bakerst_audit::delivery::{Letter, Outcome, Reason, Shipped};
use bakerst_audit::encode::elastic::bulk;
use bakerst_model::{Pending, UnixMillis};
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::http::{Answer, Client, broken};
use crate::{ConfigError, Keyring, SecretRef, Sink, Transport};

/// Settings of `elastic`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster's address.
    pub url: String,
    /// The data stream or index.
    pub index: String,
    /// An API key, as Elasticsearch prints it, encoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
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
pub struct Elastic {
    client: Client,
    path: String,
}

impl Elastic {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keyring: &dyn Keyring) -> Result<Self, ConfigError> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        let index = &config.index;
        if index.is_empty() || !index.bytes().all(plain) || index.starts_with(['-', '_', '.']) {
            let why = "expected lower-case letters, digits, `-`, `_` and `.`".to_owned();
            return Err(ConfigError::Value { setting: "index", why });
        }
        let mut client = Client::new(&config.url, &config.transport)?;
        if let Some(key) = &config.api_key {
            let key = key.fetch("api_key", keyring)?;
            client.secret_header("api_key", AUTHORIZATION, "ApiKey ", key)?;
        }
        super::authenticate(&mut client, &None, &config.user, &config.password, keyring)?;
        Ok(Self { client, path: format!("/{index}/_bulk") })
    }

    fn judge(&self, records: &[Shipped], answer: &Answer) -> Outcome {
        if answer.status != StatusCode::OK {
            return self.client.judge(answer);
        }
        let Ok(Bulk { errors, items }) = serde_json::from_slice(&answer.body) else {
            return self.client.failed(answer);
        };
        if items.len() != records.len() {
            return self.client.failed(answer);
        }
        if !errors {
            return Outcome::Accepted;
        }
        let mut letters = Vec::new();
        for (record, Item { create }) in records.iter().zip(items) {
            let error = create.error.map(RawValue::get).unwrap_or_default();
            let why = Reason::new(format!("{} {error}", create.status));
            match create.status {
                // It is there already: it came through before, and the answer was lost.
                200..=299 | 409 => {}
                429 | 500..=599 => return Outcome::Failed { why, after_millis: None },
                401 | 403 | 404 => return Outcome::Denied(why),
                _ => letters.push(Letter { seq: record.id.seq, why }),
            }
        }
        match letters.is_empty() {
            true => Outcome::Accepted,
            false => Outcome::AcceptedExcept(letters),
        }
    }
}

#[derive(Deserialize)]
struct Bulk<'b> {
    errors: bool,
    #[serde(borrow)]
    items: Vec<Item<'b>>,
}

#[derive(Deserialize)]
struct Item<'b> {
    #[serde(borrow)]
    create: Created<'b>,
}

#[derive(Deserialize)]
struct Created<'b> {
    status: u16,
    #[serde(borrow, default)]
    error: Option<&'b RawValue>,
}

impl Sink for Elastic {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let body = bulk(records, now);
            match self.client.post(&self.path, "application/x-ndjson", body, &[]).await {
                Ok(answer) => self.judge(records, &answer),
                Err(error) => broken(&error),
            }
        })
    }
}
