//! What a configuration says about sinks.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bakerst_audit::delivery::{Backoff, Form, Pace};
use bakerst_model::Secret;
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::formed::Formed;
use crate::kinds::{datadog, elastic, file, loki, nats, otlp, splunk, syslog, webhook};
use crate::tls::TlsError;
use crate::{Origin, Sink};

/// A sink's name: it names its folder, and itself in metrics and messages.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct SinkName(String);

impl SinkName {
    const BYTES_MAX: usize = 64;

    /// Reads a name: lower-case letters, digits, `-` and `_`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let fits = (1..=Self::BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
        (fits && !text.starts_with('-')).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SinkName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "expected a name of lower-case letters, digits, `-` and `_`, at most {} long",
                Self::BYTES_MAX
            ))
        })
    }
}

/// What a sink is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// Lines in a file, or on standard output.
    File,
    /// A signed request to anybody.
    Webhook,
    /// Grafana Loki.
    Loki,
    /// Splunk HTTP Event Collector.
    Splunk,
    /// Datadog logs.
    Datadog,
    /// Elasticsearch or OpenSearch.
    Elastic,
    /// OpenTelemetry logs.
    Otlp,
    /// Syslog.
    Syslog,
    /// NATS JetStream.
    Nats,
}

impl SinkKind {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Webhook => "webhook",
            Self::Loki => "loki",
            Self::Splunk => "splunk",
            Self::Datadog => "datadog",
            Self::Elastic => "elastic",
            Self::Otlp => "otlp",
            Self::Syslog => "syslog",
            Self::Nats => "nats",
        }
    }
}

/// A sink as it is written, but for its own `config`, whose shape depends on its kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SinkShape {
    /// Its name.
    pub name: SinkName,
    /// What it is.
    pub kind: SinkKind,
    /// Whether it is served at all.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// In which form it gets records.
    #[serde(default)]
    pub format: Form,
    /// So many records are sent at once, without waiting for more.
    #[serde(default = "flush_records")]
    pub flush_records: u64,
    /// How long fewer may wait.
    #[serde(default = "flush_millis")]
    pub flush_millis: u64,
    /// The most records in one batch.
    #[serde(default = "batch_records_max")]
    pub batch_records_max: u64,
    /// The most bytes of records in one batch.
    #[serde(default = "batch_bytes_max")]
    pub batch_bytes_max: usize,
    /// The longest wait after the first failure.
    #[serde(default = "backoff_millis")]
    pub backoff_millis: u64,
    /// The longest wait after any failure.
    #[serde(default = "backoff_millis_max")]
    pub backoff_millis_max: u64,
    /// After so many failures in a row the sink is left alone.
    #[serde(default = "failures_max")]
    pub failures_max: u32,
    /// How long it is left alone, at least.
    #[serde(default = "open_millis")]
    pub open_millis: u64,
    /// The most records in its dead letters.
    #[serde(default = "dead_letters_max")]
    pub dead_letters_max: u64,
    /// Its own settings.
    #[serde(default, skip_serializing)]
    #[expect(dead_code, reason = "the name is known here, and the value is read elsewhere")]
    config: Ignored,
}

/// What is read elsewhere, once it is known what it is.
#[derive(Clone, Copy, Debug, Default)]
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

fn yes() -> bool {
    true
}
fn flush_records() -> u64 {
    Pace::default().flush_records
}
fn flush_millis() -> u64 {
    Pace::default().flush_millis
}
fn batch_records_max() -> u64 {
    Pace::default().batch_records_max
}
fn batch_bytes_max() -> usize {
    1 << 20
}
fn backoff_millis() -> u64 {
    Pace::default().backoff.first_millis
}
fn backoff_millis_max() -> u64 {
    Pace::default().backoff.max_millis
}
fn failures_max() -> u32 {
    Pace::default().failures_max
}
fn open_millis() -> u64 {
    Pace::default().open_millis
}
fn dead_letters_max() -> u64 {
    10_000
}

impl SinkShape {
    /// How it is served.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace {
            flush_records: self.flush_records,
            flush_millis: self.flush_millis,
            batch_records_max: self.batch_records_max.max(self.flush_records).max(1),
            backoff: Backoff {
                first_millis: self.backoff_millis,
                max_millis: self.backoff_millis_max,
            },
            failures_max: self.failures_max,
            open_millis: self.open_millis,
            ..Pace::default()
        }
    }

    /// What is wrong with its numbers, if anything.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        const BATCH_BYTES_MAX: usize = 4 << 20;
        const BATCH_RECORDS_MAX: u64 = 10_000;
        let wrong = |setting: &'static str, why: String| Err(ConfigError::Value { setting, why });
        if !(1..=BATCH_RECORDS_MAX).contains(&self.batch_records_max) {
            return wrong("batch_records_max", format!("expected 1 to {BATCH_RECORDS_MAX}"));
        }
        if !(1..=self.batch_records_max).contains(&self.flush_records) {
            return wrong("flush_records", "expected 1 to `batch_records_max`".to_owned());
        }
        if !(1..=BATCH_BYTES_MAX).contains(&self.batch_bytes_max) {
            return wrong("batch_bytes_max", format!("expected 1 to {BATCH_BYTES_MAX}"));
        }
        if self.failures_max == 0 {
            return wrong("failures_max", "expected 1 at least".to_owned());
        }
        if self.backoff_millis == 0 || self.backoff_millis > self.backoff_millis_max {
            return wrong("backoff_millis", "expected 1 to `backoff_millis_max`".to_owned());
        }
        Ok(())
    }
}

/// A sink's own settings.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Settings {
    /// Of `file`.
    File(file::Config),
    /// Of `webhook`.
    Webhook(webhook::Config),
    /// Of `loki`.
    Loki(loki::Config),
    /// Of `splunk`.
    Splunk(splunk::Config),
    /// Of `datadog`.
    Datadog(datadog::Config),
    /// Of `elastic`.
    Elastic(elastic::Config),
    /// Of `otlp`.
    Otlp(otlp::Config),
    /// Of `syslog`.
    Syslog(syslog::Config),
    /// Of `nats`.
    Nats(nats::Config),
}

/// A sink as it is configured.
#[derive(Clone, Debug, Serialize)]
pub struct SinkEntry {
    /// What all sinks have.
    #[serde(flatten)]
    pub shape: SinkShape,
    /// Its own settings.
    pub config: Settings,
}

impl SinkEntry {
    /// Makes the sink. Nothing is connected to yet: a sink that is away must not keep the server
    /// from starting.
    ///
    /// # Errors
    /// When a setting is wrong, or a credential or certificate cannot be had.
    pub fn open(
        &self,
        keyring: &dyn Keyring,
        origin: &Origin,
    ) -> Result<Box<dyn Sink>, ConfigError> {
        let sink: Box<dyn Sink> = match &self.config {
            Settings::File(config) => Box::new(file::File::open(config)),
            Settings::Webhook(config) => Box::new(webhook::Webhook::open(config, keyring)?),
            Settings::Loki(config) => Box::new(loki::Loki::open(config, keyring)?),
            Settings::Splunk(config) => Box::new(splunk::Splunk::open(config, keyring, origin)?),
            Settings::Datadog(config) => Box::new(datadog::Datadog::open(config, keyring, origin)?),
            Settings::Elastic(config) => Box::new(elastic::Elastic::open(config, keyring)?),
            Settings::Otlp(config) => Box::new(otlp::Otlp::open(config, keyring, origin)?),
            Settings::Syslog(config) => Box::new(syslog::Syslog::open(config, origin)?),
            Settings::Nats(config) => Box::new(nats::Nats::open(config, keyring)?),
        };
        Ok(match self.shape.format {
            Form::Record => sink,
            form @ Form::Ocsf => Box::new(Formed { sink, form }),
        })
    }
}

impl SinkEntry {
    /// Whether the sink could be made, its secrets aside: they may be elsewhere than the
    /// configuration is checked.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.shape.check()?;
        self.open(&NoKeys, &Origin { host: "localhost".into() }).map(drop)
    }
}

/// Stands in for secrets where only the settings are looked at.
struct NoKeys;

impl NoKeys {
    fn some() -> Secret {
        Secret::new(vec![b'x'; 64])
    }
}

impl Keyring for NoKeys {
    fn variable(&self, _: &str) -> Option<Secret> {
        Some(Self::some())
    }

    fn file(&self, _: &Path) -> io::Result<Secret> {
        Ok(Self::some())
    }

    fn sealed(&self, _: &str) -> Option<Secret> {
        Some(Self::some())
    }
}

/// Why a sink cannot be made as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting has a value that will not do.
    #[error("`{setting}`: {why}")]
    Value {
        /// The setting.
        setting: &'static str,
        /// What was expected.
        why: String,
    },
    /// A credential cannot be had.
    #[error("`{setting}`: the secret cannot be had: {why}")]
    Secret {
        /// The setting.
        setting: &'static str,
        /// Why.
        why: String,
    },
    /// A certificate cannot be used.
    #[error("`transport`: {0}")]
    Tls(#[from] TlsError),
}

impl ConfigError {
    /// The setting that is to blame.
    #[must_use]
    pub fn setting(&self) -> &'static str {
        match self {
            Self::Value { setting, .. } | Self::Secret { setting, .. } => setting,
            Self::Tls(_) => "transport",
        }
    }
}

/// Where a secret is. It names the secret and is none itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRef {
    /// In this variable of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// In this file, whose last line end does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// Under this name among the sealed secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Where secrets are fetched.
pub trait Keyring {
    /// The value of a variable of the environment.
    fn variable(&self, name: &str) -> Option<Secret>;

    /// What a file holds, without the line end at its end.
    ///
    /// # Errors
    /// When it cannot be read.
    fn file(&self, path: &Path) -> io::Result<Secret>;

    /// A sealed secret.
    fn sealed(&self, name: &str) -> Option<Secret>;
}

impl SecretRef {
    /// Fetches the secret.
    ///
    /// # Errors
    /// When it names none or several places, or there is nothing.
    pub fn fetch(
        &self,
        setting: &'static str,
        keyring: &dyn Keyring,
    ) -> Result<Secret, ConfigError> {
        let cannot = |why: String| ConfigError::Secret { setting, why };
        let secret = match (&self.env, &self.file, &self.secret) {
            (Some(name), None, None) => keyring
                .variable(name)
                .ok_or_else(|| cannot(format!("the variable `{name}` is not set")))?,
            (None, Some(path), None) => keyring
                .file(path)
                .map_err(|error| cannot(format!("cannot read `{}`: {error}", path.display())))?,
            (None, None, Some(name)) => keyring
                .sealed(name)
                .ok_or_else(|| cannot(format!("there is no sealed secret `{name}`")))?,
            _ => return Err(cannot("name one of `env`, `file` and `secret`".to_owned())),
        };
        match secret.expose().is_empty() {
            true => Err(cannot("it is empty".to_owned())),
            false => Ok(secret),
        }
    }
}

/// How a sink is reached.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transport {
    /// Certificates that its own may be signed by, instead of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, where it wants one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// That certificate's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Whether records may cross a network without TLS. On loopback they may anyway.
    pub allow_plaintext: bool,
}
