//! OpenTelemetry logs, over HTTP as JSON.

use std::collections::BTreeMap;

use bakerst_audit::delivery::{Letter, Outcome, Reason, Shipped};
use bakerst_audit::encode::otlp::export;
use bakerst_model::{Pending, UnixMillis};
use hyper::StatusCode;
use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::{Answer, Client, broken};
use crate::{ConfigError, Keyring, Origin, SecretRef, Sink, Transport};

/// Settings of `otlp`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The collector's address, without the path of its API.
    pub url: String,
    /// What the records are of, beside `service.name` and `host.name`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub resource: BTreeMap<String, String>,
    /// Headers with secrets in them, such as an API key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, SecretRef>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

/// The sink.
pub struct Otlp {
    client: Client,
    resource: Vec<(String, String)>,
}

impl Otlp {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keys: &dyn Keyring, origin: &Origin) -> Result<Self, ConfigError> {
        let mut client = Client::new(&config.url, &config.transport)?;
        for (name, secret) in &config.headers {
            let header = name.to_ascii_lowercase().parse::<HeaderName>();
            let header = header.map_err(|_| ConfigError::Value {
                setting: "headers",
                why: format!("`{name}` is no name of a header"),
            })?;
            client.secret_header("headers", header, "", secret.fetch("headers", keys)?)?;
        }
        let own = [("host.name".to_owned(), origin.host.to_string())];
        let given = config.resource.iter().map(|(name, value)| (name.clone(), value.clone()));
        Ok(Self { client, resource: own.into_iter().chain(given).collect() })
    }

    /// What the protocol says about answers: some may be tried again, and no other.
    fn judge(&self, records: &[Shipped], answer: &Answer) -> Outcome {
        match answer.status {
            StatusCode::OK => self.judge_partial(records, answer),
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::NOT_IMPLEMENTED => {
                Outcome::Denied(self.client.words(answer))
            }
            _ => self.client.judge(answer),
        }
    }

    /// A collector that has taken a part says how many it has not, but not which, and must not be
    /// sent any again. So all of them go into the dead letters, for a person to look.
    fn judge_partial(&self, records: &[Shipped], answer: &Answer) -> Outcome {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let partial = body.get("partialSuccess");
        let rejected = partial.and_then(|p| p.get("rejectedLogRecords")).and_then(|r| {
            // A 64-bit number is a text in this encoding; some write a number all the same.
            r.as_u64().or_else(|| r.as_str()?.parse().ok())
        });
        let Some(rejected) = rejected.filter(|rejected| *rejected > 0) else {
            return Outcome::Accepted;
        };
        let message = partial.and_then(|p| p.get("errorMessage")).and_then(Value::as_str);
        let message = message.unwrap_or_default();
        let of = records.len();
        let why =
            Reason::new(format!("rejected {rejected} of {of}, without saying which: {message}"));
        let letter = |record: &Shipped| Letter { seq: record.id.seq, why: why.clone() };
        Outcome::AcceptedExcept(records.iter().map(letter).collect())
    }
}

impl Sink for Otlp {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let body = export(records, &self.resource, now);
            let path = if self.client.base().ends_with("/v1/logs") { "" } else { "/v1/logs" };
            match self.client.post(path, "application/json", body, &[]).await {
                Ok(answer) => self.judge(records, &answer),
                Err(error) => broken(&error),
            }
        })
    }
}
