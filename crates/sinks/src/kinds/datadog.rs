//! Datadog logs, v2.

use bakerst_audit::delivery::{Letter, Outcome, Reason, Shipped};
use bakerst_audit::encode::datadog::{
    BODY_BYTES_MAX, ENTRIES_MAX, ENTRY_BYTES_MAX, Marks, entries,
};
use bakerst_model::{Pending, UnixMillis};
use hyper::StatusCode;
use hyper::header::HeaderName;
use serde::{Deserialize, Serialize};

use crate::http::{Client, broken};
use crate::{ConfigError, Keyring, Origin, SecretRef, Sink, Transport};

const KEY: HeaderName = HeaderName::from_static("dd-api-key");
/// The smallest record that is certain to be cut by what stands around it.
const RECORD_BYTES_MAX: usize = ENTRY_BYTES_MAX - (16 << 10);

/// Settings of `datadog`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The site's intake, without the path of its API.
    #[serde(default = "intake")]
    pub url: String,
    /// The API key.
    pub api_key: SecretRef,
    /// The service that logs are marked with.
    #[serde(default = "service")]
    pub service: String,
    /// Tags, as in `env:prod`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

fn intake() -> String {
    "https://http-intake.logs.datadoghq.com".to_owned()
}

fn service() -> String {
    "bakerst".to_owned()
}

/// The sink.
pub struct Datadog {
    client: Client,
    marks: Marks,
}

impl Datadog {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keys: &dyn Keyring, origin: &Origin) -> Result<Self, ConfigError> {
        let mut client = Client::new(&config.url, &config.transport)?;
        let key = config.api_key.fetch("api_key", keys)?;
        client.secret_header("api_key", KEY, "", key)?;
        let marks = Marks {
            host: Some(origin.host.to_string()),
            service: config.service.clone(),
            tags: config.tags.join(","),
        };
        Ok(Self { client, marks })
    }

    async fn post(&mut self, records: &[Shipped], now: UnixMillis) -> Outcome {
        let body = entries(records, &self.marks, now);
        if body.len() > BODY_BYTES_MAX || records.len() > ENTRIES_MAX {
            let size = format!("{} logs of {} bytes", records.len(), body.len());
            let why = format!("{size} are more than one request may have");
            return Outcome::Refused(Reason::new(why));
        }
        match self.client.post("/api/v2/logs", "application/json", body, &[]).await {
            // Anything but 202 is not the promise that we need.
            Ok(answer) if answer.status == StatusCode::ACCEPTED => Outcome::Accepted,
            Ok(answer) if answer.status.is_success() => self.client.failed(&answer),
            Ok(answer) => self.client.judge(&answer),
            Err(error) => broken(&error),
        }
    }
}

impl Sink for Datadog {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            // What is longer is cut on arrival, and 202 said all the same.
            let long = records.iter().filter(|record| record.text().len() > RECORD_BYTES_MAX);
            let letters: Vec<Letter> = long
                .map(|record| Letter {
                    seq: record.id.seq,
                    why: Reason::new(format!(
                        "{} bytes are more than one log may have",
                        record.text().len()
                    )),
                })
                .collect();
            if letters.is_empty() {
                return self.post(records, now).await;
            }
            let fits = |record: &&Shipped| record.text().len() <= RECORD_BYTES_MAX;
            let short: Vec<Shipped> = records.iter().filter(fits).cloned().collect();
            if short.is_empty() {
                return Outcome::AcceptedExcept(letters);
            }
            match self.post(&short, now).await {
                Outcome::Accepted => Outcome::AcceptedExcept(letters),
                other => other,
            }
        })
    }
}
