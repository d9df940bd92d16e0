use bakerst_sinks::{Sink as _, nats};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::programs::{Running, await_port, free_port};
use crate::support::{
    Keys, NOW, SECRET, brief, event_id, long_record, record, records, secret, settings,
};

fn sink(port: u16, more: &Value) -> nats::Nats {
    let mut config = json!({"address": format!("127.0.0.1:{port}"), "tls": false});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    nats::Nats::open(&settings(config), &Keys).unwrap()
}

/// A server with JetStream; nothing where none is installed.
fn server(folder: &tempfile::TempDir, port: u16, more: &[&str]) -> Option<Running> {
    let (store, port_text) = (folder.path().display().to_string(), port.to_string());
    let usual = ["-js", "-sd", &store, "-a", "127.0.0.1", "-p", &port_text];
    let running = Running::start("nats-server", &[&usual, more].concat())?;
    await_port(port);
    Some(running)
}

/// Asks the server's own API, as its tools do.
async fn api(port: u16, what: &str, body: Value) -> Value {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut stream = BufReader::new(stream);
    let body = body.to_string();
    let ask = format!(
        "CONNECT {{\"verbose\":false,\"pedantic\":true}}\r\nSUB answer 1\r\nPUB $JS.API.{what} answer {}\r\n{body}\r\n",
        body.len()
    );
    stream.get_mut().write_all(ask.as_bytes()).await.unwrap();
    let mut line = String::new();
    while !line.starts_with("MSG ") {
        line.clear();
        stream.read_line(&mut line).await.unwrap();
    }
    let length: usize = line.trim().rsplit(' ').next().unwrap().parse().unwrap();
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await.unwrap();
    let answer: Value = serde_json::from_slice(&bytes).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}

async fn create_stream(port: u16, name: &str, more: Value) {
    let mut stream = json!({"name": name, "subjects": ["bakerst.audit"], "storage": "file", "retention": "limits", "duplicate_window": 120_000_000_000_u64});
    stream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api(port, &format!("STREAM.CREATE.{name}"), stream).await;
}

async fn stored(port: u16, name: &str) -> u64 {
    api(port, &format!("STREAM.INFO.{name}"), json!({})).await["state"]["messages"]
        .as_u64()
        .unwrap()
}

#[tokio::test]
async fn jetstream_stores_each_record_once_however_often_it_is_sent() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let Some(running) = server(&folder, port, &[]) else { return };
    let mut sink = sink(port, &json!({"stream": "AUDIT"}));
    let outcome = sink.send(&records(1), NOW).await;
    assert_eq!(brief(&outcome), "denied: no stream listens to the subject");

    create_stream(port, "AUDIT", json!({})).await;
    let sent = records(250);
    for _ in 0..2 {
        assert_eq!(brief(&sink.send(&sent, NOW).await), "accepted");
    }
    assert_eq!(stored(port, "AUDIT").await, 250);
    let got = api(port, "STREAM.MSG.GET.AUDIT", json!({"seq": 7})).await;
    use base64::Engine as _;
    let decode = |name: &str| {
        let text = got["message"][name].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    assert_eq!(decode("data"), record(7).line.as_ref());
    assert!(decode("hdrs").contains(&format!("Nats-Msg-Id: {}\r\n", event_id(7))));

    // The server goes away in the midst of things, and comes back.
    drop(running);
    let outcome = sink.send(&records(260), NOW).await;
    assert!(brief(&outcome).starts_with("failed: "), "{outcome:?}");
    let _running = server(&folder, port, &[]).unwrap();
    assert_eq!(brief(&sink.send(&records(260), NOW).await), "accepted");
    assert_eq!(stored(port, "AUDIT").await, 260);
}

#[tokio::test]
async fn jetstream_says_what_it_will_never_take() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let Some(_running) = server(&folder, port, &[]) else { return };
    create_stream(port, "AUDIT", json!({"max_msg_size": 4096})).await;
    let mut sink = sink(port, &json!({}));
    let mixed = [record(1), long_record(2, 8_000), long_record(3, 2_000_000), record(4)];
    let outcome = brief(&sink.send(&mixed, NOW).await);
    assert!(outcome.starts_with("accepted except [2, 3]: "), "{outcome}");
    assert_eq!(stored(port, "AUDIT").await, 2);
    let mut other = sink_for_other_stream(port);
    let outcome = brief(&other.send(&records(1), NOW).await);
    assert!(outcome.starts_with("denied: ") && outcome.contains("expected stream"), "{outcome}");
}

fn sink_for_other_stream(port: u16) -> nats::Nats {
    sink(port, &json!({"stream": "OTHER"}))
}

#[tokio::test]
async fn a_stream_that_is_full_is_waited_for() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let Some(_running) = server(&folder, port, &[]) else { return };
    create_stream(port, "AUDIT", json!({"max_msgs": 3, "discard": "new"})).await;
    let outcome = brief(&sink(port, &json!({})).send(&records(5), NOW).await);
    assert!(
        outcome.starts_with("failed: ") && outcome.contains("maximum messages exceeded"),
        "{outcome}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_know_us_is_told_apart() {
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let Some(_running) = server(&folder, port, &["--user", "ann", "--pass", SECRET]) else {
        return;
    };
    let outcome =
        sink(port, &json!({"user": "bob", "password": secret()})).send(&records(1), NOW).await;
    assert_eq!(brief(&outcome), "denied: Authorization Violation");
    let outcome =
        sink(port, &json!({"user": "ann", "password": secret()})).send(&records(1), NOW).await;
    assert_eq!(brief(&outcome), "denied: no stream listens to the subject");
}

/// A server that says these words once it has heard so many lines, whoever is there.
async fn says(words: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let greeting = "INFO {\"headers\":true,\"jetstream\":true,\"max_payload\":1048576}\r\n";
        stream.get_mut().write_all(greeting.as_bytes()).await.unwrap();
        let mut line = String::new();
        while !line.starts_with("PING") {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
            if let Some(hello) = line.strip_prefix("CONNECT ") {
                let hello: Value = serde_json::from_str(hello).unwrap();
                assert_eq!(
                    (&hello["headers"], &hello["no_responders"]),
                    (&json!(true), &json!(true))
                );
            }
        }
        stream.get_mut().write_all(b"PONG\r\n").await.unwrap();
        line.clear();
        stream.read_line(&mut line).await.unwrap();
        let words_of_line: Vec<&str> = line.split_ascii_whitespace().collect();
        let ["HPUB", "bakerst.audit", inbox, head, whole] = words_of_line[..] else {
            panic!("{line}")
        };
        let (head, whole): (usize, usize) = (head.parse().unwrap(), whole.parse().unwrap());
        let mut bytes = vec![0; whole + 2];
        stream.read_exact(&mut bytes).await.unwrap();
        assert!(bytes[..head].starts_with(b"NATS/1.0\r\n") && bytes[..head].ends_with(b"\r\n\r\n"));
        assert_eq!(&bytes[head..whole], record(1).line.as_bytes());
        let answer = words.replace("INBOX", inbox);
        stream.get_mut().write_all(answer.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.ok();
    });
    port
}

#[tokio::test]
async fn whatever_a_server_says_is_bounded_and_understood() {
    for (words, want) in [
        ("MSG INBOX 1 29\r\n{\"stream\":\"AUDIT\",\"seq\":1}   \r\n", "accepted"),
        (
            "PING\r\n+OK\r\nMSG _INBOX.else.9 1 2\r\n{}\r\nMSG INBOX 1 26\r\n{\"stream\":\"AUDIT\",\"seq\":1}\r\n",
            "accepted",
        ),
        (
            "HMSG INBOX 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
            "denied: no stream listens to the subject",
        ),
        ("MSG INBOX 1 2\r\n{}\r\n", "failed: the answer says nothing of a stream"),
        (
            "-ERR 'Permissions Violation for Publish to \"bakerst.audit\"'\r\n",
            "denied: Permissions Violation for Publish to \"bakerst.audit\"",
        ),
        ("-ERR 'Stale Connection'\r\n", "failed: Stale Connection"),
        ("MSG INBOX 1 99999999999\r\n", "failed: its message is too long"),
        ("HMSG INBOX 1 30 20\r\n", "failed: its message is too long"),
        ("MSG INBOX\r\n", "failed: its message has no length"),
        ("HELLO\r\n", "failed: it says something unknown"),
    ] {
        let port = says(words).await;
        assert_eq!(brief(&sink(port, &json!({})).send(&records(1), NOW).await), want, "{words}");
    }
}
