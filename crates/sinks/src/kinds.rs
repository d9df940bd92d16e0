//! The sinks there are.

pub mod datadog;
pub mod elastic;
pub mod file;
pub mod loki;
pub mod nats;
pub mod otlp;
pub mod splunk;
pub mod syslog;
pub mod webhook;

use crate::http::Client;
use crate::{ConfigError, Keyring, SecretRef};

/// A token, or a name and a password, or nothing.
fn authenticate(
    client: &mut Client,
    token: &Option<SecretRef>,
    user: &Option<String>,
    password: &Option<SecretRef>,
    keyring: &dyn Keyring,
) -> Result<(), ConfigError> {
    match (token, user, password) {
        (None, None, None) => Ok(()),
        (Some(token), None, None) => client.bearer(token.fetch("token", keyring)?),
        (None, Some(user), Some(password)) => {
            client.basic(user, password.fetch("password", keyring)?)
        }
        _ => Err(ConfigError::Value {
            setting: "user",
            why: "expected `user` with `password`, or `token` alone".to_owned(),
        }),
    }
}

/// Sixteen random bytes in the form that Splunk wants. Where there is no randomness to be had, a
/// channel that others may use too is still a channel.
fn random_guid() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok();
    let mut digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    let mut group = |length: usize| digits.by_ref().take(length).collect::<String>();
    [group(4), group(2), group(2), group(2), group(6)].join("-")
}
