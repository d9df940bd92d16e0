//! Splunk HTTP Event Collector.
//!
//! Its `200` says that events were received. With indexer acknowledgement they count as accepted
//! only once Splunk says that they are indexed.

use std::time::Duration;

use bakerst_audit::delivery::{Outcome, Reason, Shipped};
use bakerst_audit::encode::splunk::{Placing, events};
use bakerst_model::{Pending, UnixMillis};
use hyper::header::{AUTHORIZATION, HeaderName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::http::{Answer, Client, broken};
use crate::{ConfigError, Keyring, Origin, SecretRef, Sink, Transport};

const CHANNEL: HeaderName = HeaderName::from_static("x-splunk-request-channel");

/// Settings of `splunk`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The collector's address, without the path of its API.
    pub url: String,
    /// The collector's token.
    pub token: SecretRef,
    /// The index; the token's own unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The source type.
    #[serde(default = "sourcetype")]
    pub sourcetype: String,
    /// Whether events count only once they are indexed.
    #[serde(default = "yes")]
    pub acknowledge: bool,
    /// How long indexing may take before events are sent again.
    #[serde(default = "ack_millis_max")]
    pub ack_millis_max: u64,
    /// How often it is asked whether they are.
    #[serde(default = "ack_poll_millis")]
    pub ack_poll_millis: u64,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

fn sourcetype() -> String {
    "bakerst:audit".to_owned()
}
fn yes() -> bool {
    true
}
fn ack_millis_max() -> u64 {
    300_000
}
fn ack_poll_millis() -> u64 {
    1_000
}

/// The sink.
pub struct Splunk {
    client: Client,
    placing: Placing,
    channel: String,
    acknowledge: bool,
    ack_within: Duration,
    ack_poll: Duration,
}

impl Splunk {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keys: &dyn Keyring, origin: &Origin) -> Result<Self, ConfigError> {
        let mut client = Client::new(&config.url, &config.transport)?;
        let token = config.token.fetch("token", keys)?;
        client.secret_header("token", AUTHORIZATION, "Splunk ", token)?;
        let channel = super::random_guid();
        client.header(CHANNEL, &channel)?;
        if config.ack_poll_millis == 0 {
            let why = "expected 1 at least".to_owned();
            return Err(ConfigError::Value { setting: "ack_poll_millis", why });
        }
        let placing = Placing {
            host: Some(origin.host.to_string()),
            index: config.index.clone(),
            source: "bakerst".to_owned(),
            sourcetype: config.sourcetype.clone(),
        };
        Ok(Self {
            client,
            placing,
            channel,
            acknowledge: config.acknowledge,
            ack_within: Duration::from_millis(config.ack_millis_max),
            ack_poll: Duration::from_millis(config.ack_poll_millis),
        })
    }

    async fn post(&mut self, records: &[Shipped], now: UnixMillis) -> Result<Option<u64>, Outcome> {
        let body = events(records, &self.placing, now);
        let posted = self.client.post("/services/collector/event", "application/json", body, &[]);
        let answer = posted.await.map_err(|error| broken(&error))?;
        if !answer.status.is_success() {
            return Err(self.judge(&answer));
        }
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match (self.acknowledge, body.get("ackId").and_then(Value::as_u64)) {
            (false, _) => Ok(None),
            (true, Some(id)) => Ok(Some(id)),
            (true, None) => Err(Outcome::Denied(Reason::new(
                "no `ackId` in the answer: switch indexer acknowledgement on for the token, or set `acknowledge: false`",
            ))),
        }
    }

    /// Asks until the events are indexed, or it takes too long.
    async fn await_indexed(&mut self, id: u64) -> Outcome {
        let path = format!("/services/collector/ack?channel={}", self.channel);
        let begun = Instant::now();
        loop {
            let ask = json!({ "acks": [id] }).to_string().into_bytes();
            let answer = match self.client.post(&path, "application/json", ask, &[]).await {
                Ok(answer) if answer.status.is_success() => answer,
                Ok(answer) => return self.judge(&answer),
                Err(error) => return broken(&error),
            };
            let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let acks = body.get("acks").and_then(|acks| acks.get(id.to_string()));
            if acks.and_then(Value::as_bool) == Some(true) {
                return Outcome::Accepted;
            }
            if begun.elapsed() >= self.ack_within {
                let why = format!("not indexed within {} s", self.ack_within.as_secs());
                return Outcome::Failed { why: Reason::new(why), after_millis: None };
            }
            sleep(self.ack_poll).await;
        }
    }

    /// What Splunk's own codes mean: some are about an event, others about the token or the index.
    fn judge(&self, answer: &Answer) -> Outcome {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let why = || self.client.words(answer);
        match body.get("code").and_then(Value::as_u64) {
            Some(5 | 6 | 12 | 13 | 15) => Outcome::Refused(why()),
            Some(1..=4 | 7 | 10 | 11 | 14 | 16 | 17) => Outcome::Denied(why()),
            Some(8 | 9 | 18..=20 | 23 | 26 | 27) => self.client.failed(answer),
            _ => self.client.judge(answer),
        }
    }
}

impl Sink for Splunk {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            match self.post(records, now).await {
                Ok(None) => Outcome::Accepted,
                Ok(Some(id)) => self.await_indexed(id).await,
                Err(outcome) => outcome,
            }
        })
    }

    fn patience(&self) -> Duration {
        let ack = if self.acknowledge { self.ack_within } else { Duration::ZERO };
        ack.saturating_add(Duration::from_secs(30))
    }
}
