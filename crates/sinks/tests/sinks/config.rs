use bakerst_sinks::{SecretRef, SinkName, SinkShape, loki, nats, syslog, webhook};
use serde_json::{Value, json};

use crate::support::{Keys, origin, settings};

#[test]
fn a_name_is_a_plain_word() {
    assert!(SinkName::parse("siem-2_eu").is_some());
    for wrong in ["", "-x", "A", "a/b", "..", "a b", &"x".repeat(65)] {
        assert!(SinkName::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    for (field, value) in [
        ("flush_records", 0),
        ("flush_records", 2_000),
        ("batch_records_max", 0),
        ("batch_records_max", 10_001),
        ("batch_bytes_max", 0),
        ("batch_bytes_max", 5 << 20),
        ("failures_max", 0),
        ("backoff_millis", 0),
        ("backoff_millis", 70_000),
    ] {
        let shape: SinkShape = settings(json!({"name": "a", "kind": "file", field: value}));
        assert_eq!(shape.check().unwrap_err().setting(), field, "{value}");
    }
    let usual: SinkShape = settings(json!({"name": "a", "kind": "file"}));
    usual.check().unwrap();
    let pace = usual.pace();
    assert_eq!((pace.flush_records, pace.flush_millis), (100, 5_000));
}

#[test]
fn records_and_credentials_do_not_cross_a_network_in_plain_sight() {
    let open = |config: Value| {
        let opened = loki::Loki::open(&settings(config), &Keys);
        opened.map(drop).map_err(|error| error.to_string())
    };
    for url in [
        "http://127.0.0.1:3100",
        "http://localhost",
        "http://[::1]:3100/loki",
        "https://loki.example",
    ] {
        assert_eq!(open(json!({"url": url})), Ok(()), "{url}");
    }
    let plain = open(json!({"url": "http://loki.example"})).unwrap_err();
    assert!(plain.starts_with("`url`: expected `https`"), "{plain}");
    let allowed = json!({"url": "http://loki.example", "transport": {"allow_plaintext": true}});
    assert_eq!(open(allowed), Ok(()));
    for (url, want) in [
        ("loki.example", "`url`: expected `https://` or `http://`"),
        ("ftp://loki.example", "`url`: expected `https://` or `http://`"),
        (
            "https://ann:pw@loki.example",
            "`url`: expected no credentials in it: they would be shown wherever it is",
        ),
        ("/path", "`url`: expected `https://` and a host"),
    ] {
        assert_eq!(open(json!({"url": url})).unwrap_err(), want, "{url}");
    }
    let syslog = |config: Value| {
        syslog::Syslog::open(&settings(config), &origin()).map(drop).map_err(|e| e.setting())
    };
    assert_eq!(syslog(json!({"address": "logs.example:514", "protocol": "tcp"})), Err("protocol"));
    assert_eq!(syslog(json!({"address": "logs.example:6514"})), Ok(()));
    assert_eq!(syslog(json!({"address": "logs.example"})), Err("address"));
    let nats = |config: Value| {
        nats::Nats::open(&settings(config), &Keys).map(drop).map_err(|e| e.setting())
    };
    assert_eq!(nats(json!({"address": "nats.example:4222", "tls": false})), Err("tls"));
    assert_eq!(nats(json!({"address": "nats.example:4222"})), Ok(()));
    assert_eq!(
        nats(json!({"address": "127.0.0.1:4222", "tls": false, "subject": "a.>"})),
        Err("subject")
    );
}

#[test]
fn a_secret_is_in_exactly_one_place_and_never_empty() {
    for (reference, want) in [
        (json!({}), "`token`: the secret cannot be had: name one of `env`, `file` and `secret`"),
        (
            json!({"env": "SECRET", "file": "/x"}),
            "`token`: the secret cannot be had: name one of `env`, `file` and `secret`",
        ),
        (
            json!({"env": "MISSING"}),
            "`token`: the secret cannot be had: the variable `MISSING` is not set",
        ),
        (
            json!({"secret": "x"}),
            "`token`: the secret cannot be had: there is no sealed secret `x`",
        ),
        (
            json!({"file": "/x"}),
            "`token`: the secret cannot be had: cannot read `/x`: entity not found",
        ),
    ] {
        let reference: SecretRef = settings(reference);
        assert_eq!(reference.fetch("token", &Keys).unwrap_err().to_string(), want);
    }
    let both = json!({"url": "https://loki.example", "user": "ann", "token": {"env": "SECRET"}});
    let refused = loki::Loki::open(&settings(both), &Keys).err().unwrap();
    assert_eq!(refused.to_string(), "`user`: expected `user` with `password`, or `token` alone");
}

#[test]
fn a_key_that_can_be_guessed_signs_nothing() {
    struct Short;
    impl bakerst_sinks::Keyring for Short {
        fn variable(&self, _: &str) -> Option<bakerst_model::Secret> {
            Some(bakerst_model::Secret::new(b"hunter2".to_vec()))
        }
        fn file(&self, _: &std::path::Path) -> std::io::Result<bakerst_model::Secret> {
            Err(std::io::ErrorKind::NotFound.into())
        }
        fn sealed(&self, _: &str) -> Option<bakerst_model::Secret> {
            None
        }
    }
    let config = json!({"url": "https://hook.example", "signing_key": {"env": "KEY"}});
    let refused = webhook::Webhook::open(&settings(config), &Short).err().unwrap().to_string();
    assert_eq!(refused, "`signing_key`: the secret cannot be had: it is shorter than 24 bytes");
}
