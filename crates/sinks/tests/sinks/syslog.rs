mod receivers;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bakerst_audit::delivery::Shipped;
use bakerst_audit::encode::syslog::{Form, message};
use bakerst_sinks::{Sink as _, syslog};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::support::{NOW, brief, event_id, long_record, origin, record, records, settings};

#[expect(clippy::needless_pass_by_value, reason = "JSON is written in place")]
fn sink(address: &str, more: Value) -> syslog::Syslog {
    let mut config = json!({"address": address, "protocol": "tcp"});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    syslog::Syslog::open(&settings(config), &origin()).unwrap()
}

/// The messages of a stream with octet counting.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (message, rest) = bytes[space + 1..].split_at(length);
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        bytes = rest;
    }
    messages
}

/// Holds a message against RFC 5424 and hands out its structured data and text.
fn check(message: &str) -> (Vec<(String, String)>, String) {
    let (head, rest) = message.split_once("1 ").unwrap();
    let priority: u8 = head.strip_prefix('<').unwrap().strip_suffix('>').unwrap().parse().unwrap();
    assert_eq!(priority / 8, 13, "log audit");
    let words: Vec<&str> = rest.splitn(6, ' ').collect();
    let [at, host, app, process, id, rest] = words[..] else { panic!("{message}") };
    assert!(at.len() <= 32 && at.ends_with('Z') && at.contains('T'), "{at}");
    assert_eq!((host, app, process), ("guard-1.example", "bakerst", "-"));
    assert!(id.len() <= 32 && id.bytes().all(|b| b.is_ascii_graphic()), "{id}");
    let (data, rest) = structured(rest);
    let text = rest.strip_prefix(" \u{feff}").unwrap_or_else(|| panic!("no BOM: {rest}"));
    (data, text.to_owned())
}

/// One element of structured data, with its escapes undone.
fn structured(text: &str) -> (Vec<(String, String)>, &str) {
    let mut rest = text.strip_prefix("[bakerst@32473").unwrap();
    let mut found = Vec::new();
    while let Some(parameter) = rest.strip_prefix(' ') {
        let (name, value) = parameter.split_once("=\"").unwrap();
        assert!(name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        let (mut text, mut end, mut escaped) = (String::new(), 0, false);
        for (at, c) in value.char_indices() {
            match (escaped, c) {
                (false, '\\') => escaped = true,
                (false, '"') => {
                    end = at;
                    break;
                }
                (false, ']') => panic!("`]` without an escape"),
                _ => {
                    text.push(c);
                    escaped = false;
                }
            }
        }
        found.push((name.to_owned(), text));
        rest = &value[end + 1..];
    }
    (found, rest.strip_prefix(']').unwrap())
}

/// Reads one connection to its end, and closes it.
async fn read_one(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn messages_are_framed_escaped_and_counted_only_once_they_are_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        read_one(stream).await
    });
    let sent = records(5);
    assert_eq!(brief(&sink(&address, json!({})).send(&sent, NOW).await), "accepted");
    let messages = frames(&received.await.unwrap());
    assert_eq!(messages.len(), 5);
    for (message, record) in messages.iter().zip(&sent) {
        let (data, text) = check(message);
        assert_eq!(text, record.line.as_ref());
        assert_eq!(data[0], ("event_id".to_owned(), record.id.to_string()));
        assert!(data.contains(&("tool".to_owned(), "send_money".to_owned())), "{data:?}");
    }
    assert!(messages[0].contains(" tool.blocked "));
}

#[tokio::test]
async fn a_receiver_that_dies_before_it_has_read_everything_has_not_got_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let reset = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 100];
        stream.read_exact(&mut some).await.unwrap();
        // Closed with bytes unread: the sender gets a reset.
        drop(stream);
    });
    let outcome = sink(&address, json!({})).send(&records(200), NOW).await;
    reset.await.unwrap();
    assert!(brief(&outcome).starts_with("failed: "), "{outcome:?}");
}

#[test]
fn what_does_not_fit_is_cut_and_the_cut_is_stated() {
    let long = long_record(9, 100_000);
    for (form, bytes_max) in [(Form::Rfc5424, 2048), (Form::Rfc5424, 8192), (Form::Rfc3164, 2048)] {
        let message = message(&long, form, "guard-1.example", bytes_max, NOW);
        assert!((bytes_max - 4..=bytes_max).contains(&message.len()), "{}", message.len());
        if form == Form::Rfc5424 {
            let (data, text) = check(&message);
            let cut = data.iter().find(|(name, _)| name == "cut").unwrap();
            assert_eq!(cut.1, long.line.len().to_string());
            assert!(long.line.starts_with(&text));
        }
    }
}

#[test]
fn an_old_receiver_gets_the_old_form_when_it_is_asked_for() {
    let message = message(&record(1), Form::Rfc3164, "guard-1.example", 8192, NOW);
    let begins = "<108>Feb 24 09:29:00 guard-1.example bakerst: {\"seq\":1,";
    assert!(message.starts_with(begins), "{message}");
}

#[test]
fn nobody_can_forge_structured_data() {
    let Shipped { id, line, .. } = record(1);
    let forged = line.replace("bot-7", "x\\\"] [forged@1 a=\\\"b\\u0007\\n");
    let shipped = Shipped::new(id, forged);
    let (data, _) = check(&message(&shipped, Form::Rfc5424, "guard-1.example", 8192, NOW));
    let agent = data.iter().find(|(name, _)| name == "agent").unwrap();
    assert_eq!(agent.1, "x\"] [forged@1 a=\"b");
}

#[tokio::test]
async fn a_datagram_is_one_message_without_a_frame() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut sink = sink(&address, json!({"protocol": "udp", "message_bytes_max": 2048}));
    assert_eq!(brief(&sink.send(&records(3), NOW).await), "accepted");
    for seq in 1..=3 {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).await.unwrap();
        let (data, text) = check(std::str::from_utf8(&bytes[..length]).unwrap());
        assert_eq!(data[0].1, event_id(seq));
        assert_eq!(text, record(seq).line.as_ref());
    }
}

/// A certificate for 127.0.0.1, who signed it, and its key, as files.
struct Certificates {
    folder: tempfile::TempDir,
    server: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let ca = authority.self_signed(&authority_key).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let server = params.signed_by(&key, &issuer).unwrap();
        let write =
            |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", ca.pem());
        write("server.pem", server.pem());
        write("server.key", key.serialize_pem());
        Self { folder, server, key }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn acceptor(&self) -> TlsAcceptor {
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.server.der().clone()], key.into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Accepts TLS connections and hands each one's messages over.
async fn tls_receiver(
    certificates: &Certificates,
) -> (SocketAddr, tokio::sync::mpsc::Receiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (acceptor, (sender, received)) = (certificates.acceptor(), tokio::sync::mpsc::channel(8));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut bytes = Vec::new();
            if stream.read_to_end(&mut bytes).await.is_ok() {
                use tokio::io::AsyncWriteExt as _;
                stream.shutdown().await.ok();
                sender.send(frames(&bytes)).await.unwrap();
            }
        }
    });
    (address, received)
}

#[tokio::test]
async fn tls_goes_to_whom_we_trust_and_to_nobody_else() {
    let certificates = Certificates::new();
    let (address, mut received) = tls_receiver(&certificates).await;
    let over_tls = |ca: &Path| {
        sink(&address.to_string(), json!({"protocol": "tls", "transport": {"ca_file": ca}}))
    };
    let mut trusting = over_tls(&certificates.path("ca.pem"));
    assert_eq!(brief(&trusting.send(&records(3), NOW).await), "accepted");
    assert_eq!(received.recv().await.unwrap().len(), 3);

    let strangers = Certificates::new();
    let outcome = over_tls(&strangers.path("ca.pem")).send(&records(3), NOW).await;
    assert!(brief(&outcome).starts_with("failed: invalid peer certificate"), "{outcome:?}");
    // The certificate is for 127.0.0.1 and localhost.
    let other = format!("127.0.0.2:{}", address.port());
    let mut other = sink(
        &other,
        json!({"protocol": "tls", "transport": {"ca_file": certificates.path("ca.pem")}}),
    );
    let outcome = other.send(&records(1), NOW).await;
    assert!(brief(&outcome).starts_with("failed: "), "{outcome:?}");
}
