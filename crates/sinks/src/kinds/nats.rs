//! NATS JetStream.
//!
//! A record counts once the stream has said that it stored it. Each is published under its own id,
//! by which the stream knows one that it has already.

mod wire;

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use bakerst_audit::delivery::{Letter, Outcome, Reason, Shipped};
use bakerst_model::{Pending, Secret, Seq, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use self::wire::{Heard, Wire};
use crate::http::{broken, is_loopback};
use crate::tls::Tls;
use crate::{ConfigError, Keyring, SecretRef, Sink, Transport};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Settings of `nats`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The server, as `host:port`.
    pub address: String,
    /// The subject to publish under.
    #[serde(default = "subject")]
    pub subject: String,
    /// The stream that must take it, where that is to be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Whether to speak TLS.
    #[serde(default = "yes")]
    pub tls: bool,
    /// A token.
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

fn subject() -> String {
    "bakerst.audit".to_owned()
}
fn yes() -> bool {
    true
}

/// The sink.
pub struct Nats {
    address: String,
    subject: String,
    stream: Option<String>,
    tls: Option<Tls>,
    credentials: Credentials,
    open: Option<Wire>,
    /// Tells the answers of this process from those of others.
    inbox: String,
}

enum Credentials {
    None,
    Token(Secret),
    Password(String, Secret),
}

/// Why a batch did not go through.
enum Trouble {
    Wire(io::Error),
    /// The server said so.
    Denied(String),
    Failed(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Wire(error)
    }
}

impl Nats {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a secret cannot be had.
    pub fn open(config: &Config, keyring: &dyn Keyring) -> Result<Self, ConfigError> {
        let wrong = |setting, why: &str| ConfigError::Value { setting, why: why.to_owned() };
        let (host, port) = config.address.rsplit_once(':').unwrap_or_default();
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong("address", "expected `host:port`"));
        }
        if !is_subject(&config.subject) {
            return Err(wrong("subject", "expected words joined by dots, without wildcards"));
        }
        if config.stream.as_ref().is_some_and(|stream| !is_subject(stream) || stream.contains('.'))
        {
            return Err(wrong("stream", "expected one word"));
        }
        let tls = match config.tls {
            true => Some(Tls::new(host, &config.transport)?),
            false if config.transport.allow_plaintext || is_loopback(host) => None,
            false => {
                return Err(wrong(
                    "tls",
                    "expected `true`: records would cross the network in plain sight; `transport.allow_plaintext` allows that",
                ));
            }
        };
        let credentials = match (&config.token, &config.user, &config.password) {
            (None, None, None) => Credentials::None,
            (Some(token), None, None) => Credentials::Token(token.fetch("token", keyring)?),
            (None, Some(user), Some(password)) => {
                Credentials::Password(user.clone(), password.fetch("password", keyring)?)
            }
            _ => return Err(wrong("user", "expected `user` with `password`, or `token` alone")),
        };
        let inbox = format!("_INBOX.{}", super::random_guid().replace('-', ""));
        let (address, subject) = (config.address.clone(), config.subject.clone());
        let stream = config.stream.clone();
        Ok(Self { address, subject, stream, tls, credentials, open: None, inbox })
    }

    async fn connect(&self) -> Result<Wire, Trouble> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let mut wire = Wire::greet(stream, self.tls.as_ref()).await?;
        let text = |secret: &Secret| String::from_utf8_lossy(secret.expose()).into_owned();
        let (user, password, token) = match &self.credentials {
            Credentials::None => (None, None, None),
            Credentials::Token(token) => (None, None, Some(text(token))),
            Credentials::Password(user, password) => (Some(user), Some(text(password)), None),
        };
        let hello = json!({
            "verbose": false, "pedantic": true, "tls_required": self.tls.is_some(),
            "name": "bakerst", "lang": "rust", "version": env!("CARGO_PKG_VERSION"),
            "protocol": 1, "headers": true, "no_responders": true,
            "user": user, "pass": password, "auth_token": token,
        });
        wire.say(format!("CONNECT {hello}\r\nSUB {}.* 1\r\nPING\r\n", self.inbox).as_bytes())
            .await?;
        loop {
            match wire.hear().await? {
                Heard::Pong => return Ok(wire),
                Heard::Error(words) => return Err(judge_error(words)),
                Heard::Message { .. } => {}
            }
        }
    }

    async fn publish(&mut self, records: &[Shipped]) -> Result<Vec<Letter>, Trouble> {
        let mut wire = match self.open.take() {
            Some(wire) => wire,
            None => tokio::time::timeout(CONNECT_WITHIN, self.connect())
                .await
                .unwrap_or_else(|_| Err(Trouble::Wire(io::ErrorKind::TimedOut.into())))?,
        };
        let mut letters = Vec::new();
        let mut waited_for: HashMap<u64, Seq> = HashMap::new();
        let mut out = Vec::new();
        for record in records {
            let publication = self.publication(record);
            if publication.payload_bytes > wire.payload_max() {
                let (bytes, max) = (publication.payload_bytes, wire.payload_max());
                let why =
                    Reason::new(format!("{bytes} bytes are more than the server takes, {max}"));
                letters.push(Letter { seq: record.id.seq, why });
                continue;
            }
            waited_for.insert(record.id.seq.0, record.id.seq);
            out.extend_from_slice(&publication.bytes);
        }
        wire.say(&out).await?;
        while !waited_for.is_empty() {
            let (subject, status, payload) = match wire.hear().await? {
                Heard::Pong => continue,
                Heard::Error(words) => return Err(judge_error(words)),
                Heard::Message { subject, status, payload } => (subject, status, payload),
            };
            let token = subject.strip_prefix(&self.inbox).and_then(|rest| rest.strip_prefix('.'));
            let Some(seq) = token.and_then(|n| waited_for.remove(&n.parse().ok()?)) else {
                // An answer to an earlier attempt.
                continue;
            };
            if let Some(why) = judge_answer(status, &payload)? {
                letters.push(Letter { seq, why });
            }
        }
        self.open = Some(wire);
        letters.sort_unstable_by_key(|letter| letter.seq);
        Ok(letters)
    }

    fn publication(&self, record: &Shipped) -> Publication {
        let mut head = format!("NATS/1.0\r\nNats-Msg-Id: {}\r\n", record.id);
        if let Some(stream) = &self.stream {
            head.push_str(&format!("Nats-Expected-Stream: {stream}\r\n"));
        }
        head.push_str("\r\n");
        let payload_bytes = head.len() + record.text().len();
        let (subject, inbox, seq) = (&self.subject, &self.inbox, record.id.seq);
        let line = format!("HPUB {subject} {inbox}.{seq} {} {payload_bytes}\r\n", head.len());
        let bytes = [line.as_bytes(), head.as_bytes(), record.text().as_bytes(), b"\r\n"].concat();
        Publication { payload_bytes, bytes }
    }
}

struct Publication {
    payload_bytes: usize,
    bytes: Vec<u8>,
}

/// What a stream answered to one record: nothing where it has it, or why it will never take it.
fn judge_answer(status: Option<u16>, payload: &[u8]) -> Result<Option<Reason>, Trouble> {
    if status == Some(503) {
        return Err(Trouble::Denied("no stream listens to the subject".to_owned()));
    }
    let answer: Value = serde_json::from_slice(payload).unwrap_or_default();
    let Some(error) = answer.get("error") else {
        let stored = answer.get("stream").is_some() && answer.get("seq").is_some();
        let strange = || Trouble::Failed("the answer says nothing of a stream".to_owned());
        return if stored { Ok(None) } else { Err(strange()) };
    };
    let number = |name| error.get(name).and_then(Value::as_u64);
    match (number("code"), number("err_code")) {
        // The message is longer than the stream takes.
        (_, Some(10054)) => Ok(Some(Reason::new(error.to_string()))),
        // It is another stream than was expected.
        (_, Some(10060)) => Err(Trouble::Denied(error.to_string())),
        _ => Err(Trouble::Failed(error.to_string())),
    }
}

/// What `-ERR` means: a server that knows us not, or is not for us, is for a person to mend.
fn judge_error(words: String) -> Trouble {
    let lower = words.to_ascii_lowercase();
    match ["authorization", "authentication", "permissions", "user"]
        .iter()
        .any(|w| lower.contains(w))
    {
        true => Trouble::Denied(words),
        false => Trouble::Failed(words),
    }
}

fn is_subject(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    text.len() <= 255 && text.split('.').all(|word| !word.is_empty() && word.bytes().all(plain))
}

impl Sink for Nats {
    fn send<'s>(&'s mut self, records: &'s [Shipped], _now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            match self.publish(records).await {
                Ok(letters) if letters.is_empty() => Outcome::Accepted,
                Ok(letters) => Outcome::AcceptedExcept(letters),
                Err(Trouble::Wire(error)) => broken(&error),
                Err(Trouble::Denied(why)) => Outcome::Denied(Reason::new(why)),
                Err(Trouble::Failed(why)) => {
                    Outcome::Failed { why: Reason::new(why), after_millis: None }
                }
            }
        })
    }
}
