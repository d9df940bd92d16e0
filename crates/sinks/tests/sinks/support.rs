//! Records, a log in memory, and an HTTP server that remembers what it was asked.

pub(crate) mod log;
pub(crate) mod programs;
pub(crate) mod server;

use std::io;
use std::path::Path;

use bakerst_audit::LogId;
use bakerst_audit::delivery::{EventId, Outcome, Shipped};
use bakerst_model::{Digest, Secret, Seq, UnixMillis};
use bakerst_sinks::{Keyring, Origin, SecretRef};
use serde_json::{Value, json};

/// The time in tests.
pub(crate) const NOW: UnixMillis = UnixMillis(1_771_925_400_123);
/// The secret in tests; it must never turn up in an outcome.
pub(crate) const SECRET: &str = "s3cr3t-s3cr3t-s3cr3t-s3cr3t";

/// The log in tests.
pub(crate) fn log_id() -> LogId {
    LogId::from_random([7; 16])
}

/// What a record is called everywhere.
pub(crate) fn event_id(seq: u64) -> String {
    format!("{}-{seq}", "07".repeat(16))
}

/// A record as the log holds it.
pub(crate) fn record(seq: u64) -> Shipped {
    record_at(seq, UnixMillis(NOW.0 - 60_000 + seq))
}

/// The same, of some time.
pub(crate) fn record_at(seq: u64, at: UnixMillis) -> Shipped {
    let (category, action, verdict) = match seq % 3 {
        0 => ("tool", "tool.allowed", "allow"),
        1 => ("tool", "tool.blocked", "deny"),
        _ => ("auth", "auth.rejected", "deny"),
    };
    let detail = json!({
        "tool": "send_money", "input": {"to": "Ann \"the\" [one]\n\u{1f4b6}", "n": seq},
        "verdict": verdict, "code": "GRD-030", "reason": "no \"such\" tool]",
    });
    let (prev, mac) = (Digest::of(&[1]), Digest::of(&seq.to_be_bytes()));
    let line = format!(
        r#"{{"seq":{seq},"timestamp":"{at}","category":"{category}","action":"{action}","actor":{{"name":"ci","agent":"bot-7","ip":"127.0.0.1"}},"conversation":"c-1","detail":{detail},"prev":"{prev}","mac":"{mac}"}}"#
    );
    Shipped::new(EventId { log: log_id(), seq: Seq(seq) }, line)
}

/// Records in a row.
pub(crate) fn records(count: u64) -> Vec<Shipped> {
    (1..=count).map(record).collect()
}

/// A record of about this length.
pub(crate) fn long_record(seq: u64, bytes: usize) -> Shipped {
    let Shipped { id, line, .. } = record(seq);
    let line = line.replace("send_money", &format!("send_money{}", "é".repeat(bytes / 2)));
    Shipped::new(id, line)
}

/// Where records come from in tests.
pub(crate) fn origin() -> Origin {
    Origin { host: "guard-1.example".into() }
}

/// Hands out the one secret.
pub(crate) struct Keys;

impl Keyring for Keys {
    fn variable(&self, name: &str) -> Option<Secret> {
        (name == "SECRET").then(|| Secret::new(SECRET.as_bytes().to_vec()))
    }

    fn file(&self, _: &Path) -> io::Result<Secret> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn sealed(&self, _: &str) -> Option<Secret> {
        None
    }
}

/// Where the one secret is.
pub(crate) fn secret() -> SecretRef {
    SecretRef { env: Some("SECRET".to_owned()), ..SecretRef::default() }
}

/// Settings as they would be written.
pub(crate) fn settings<T: serde::de::DeserializeOwned>(settings: Value) -> T {
    serde_json::from_value(settings).unwrap()
}

/// An outcome in a few words.
pub(crate) fn brief(outcome: &Outcome) -> String {
    let text = match outcome {
        Outcome::Accepted => "accepted".to_owned(),
        Outcome::AcceptedExcept(letters) => {
            let seqs: Vec<_> = letters.iter().map(|letter| letter.seq.0).collect();
            format!("accepted except {seqs:?}: {}", letters[0].why)
        }
        Outcome::Refused(why) => format!("refused: {why}"),
        Outcome::Failed { why, after_millis: None } => format!("failed: {why}"),
        Outcome::Failed { why, after_millis: Some(after) } => format!("failed for {after}: {why}"),
        Outcome::Denied(why) => format!("denied: {why}"),
    };
    assert!(!text.contains(SECRET), "a secret is told: {text}");
    text
}
