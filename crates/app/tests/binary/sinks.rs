//! Records that leave, through the real binary.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Home, stdout};

fn call(tool: &str) -> Value {
    json!({ "conversationId": "c-1", "toolName": tool, "toolInput": {} })
}

#[test]
fn every_record_is_in_the_copy_after_a_stop_and_metrics_say_so() {
    let home = Home::new();
    let copy = home.path().join("copy.jsonl");
    let config = home.config(&format!(
        "audit:\n  sinks:\n    - {{name: copy, kind: file, flush_records: 1, config: {{path: {}}}}}\n",
        copy.display()
    ));
    let config = config.to_str().unwrap();
    let server = home.up(&["--config", config]);
    server.before(&call("unheard_of"));
    let metrics = server.get_text("/metrics");
    for line in [
        "bakerst_decisions_total{verdict=\"deny\"} 1",
        "bakerst_enforcing 1",
        "# TYPE bakerst_log_sync_seconds gauge",
        "bakerst_sink_serving{sink=\"copy\",kind=\"file\"} 1",
        "bakerst_sink_dead_letters{sink=\"copy\",kind=\"file\"} 0",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "{line} is not in:\n{metrics}");
    }
    assert_eq!(server.stop(), Some(0));
    let copied = std::fs::read_to_string(&copy).unwrap();
    let mut last = Value::Null;
    for (line, seq) in copied.lines().zip(1_u64..) {
        last = serde_json::from_str(line).unwrap();
        assert_eq!(last["seq"], seq);
    }
    assert_eq!(last["action"], "system.stopped");
}

/// Answers every request with this status, and remembers what was sent.
fn hook(status: &'static str) -> (u16, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let remember = bodies.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            remember.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
        }
    });
    (port, bodies)
}

fn webhook(home: &Home, port: u16) -> String {
    let key = home.path().join("key");
    std::fs::write(&key, "k".repeat(32)).unwrap();
    let config = format!(
        "audit:\n  sinks:\n    - name: hook\n      kind: webhook\n      flush_records: 1\n      config: {{url: 'http://127.0.0.1:{port}', signing_key: {{file: {}}}}}\n",
        key.display()
    );
    home.config(&config).to_str().unwrap().to_owned()
}

#[test]
fn what_a_sink_refused_is_listed_sent_again_and_dropped() {
    let home = Home::new();
    let (port, _) = hook("422 Unprocessable Entity");
    let config = webhook(&home, port);
    assert_eq!(home.up(&["--config", &config]).stop(), Some(0));

    let run = |args: &[&str], config: &str| {
        home.run(&[&["audit", "dlq"], args, &["--json", "--config", config]].concat())
    };
    let read = |args: &[&str], config: &str| -> Value {
        serde_json::from_str(&stdout(&run(args, config))).unwrap()
    };
    let listed = read(&["list"], &config);
    let count = listed.as_array().unwrap().len();
    assert!((2..10).contains(&count), "{listed}");
    let first = &listed[0];
    assert_eq!(
        (&first["sink"], &first["seq"], &first["why"]),
        (&json!("hook"), &json!(1), &json!("422"))
    );
    let letter = first["letter"].as_str().unwrap();
    assert_eq!(read(&["show", "hook", letter], &config)["record"]["action"], "system.started");
    assert_eq!(run(&["show", "hook", "nothing"], &config).status.code(), Some(2));

    // Without `--apply` nothing happens, and a sink that is away takes nothing.
    assert_eq!(read(&["retry", "hook"], &config)["plan"], "would send");
    assert_eq!(read(&["drop", "hook", letter], &config)["plan"], "would drop");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = run(&["retry", "hook", "--apply"], &webhook(&home, nobody));
    assert_eq!(away.status.code(), Some(1));
    assert_eq!(read(&["list"], &config).as_array().unwrap().len(), count);

    assert_eq!(read(&["drop", "hook", letter, "--apply"], &config)["dropped"], json!([letter]));
    let (port, accepted) = hook("204 No Content");
    let config = webhook(&home, port);
    let sent = read(&["retry", "hook", "--apply"], &config);
    assert_eq!(sent, json!({"sink": "hook", "accepted": count - 1, "refused": 0}));
    assert_eq!(accepted.lock().unwrap()[0]["records"][0]["seq"], 2);
    assert_eq!(stdout(&home.run(&["audit", "dlq", "list"])), "nothing was refused\n");
}

#[test]
fn a_sink_whose_secret_is_not_there_is_told_before_anything_starts() {
    let home = Home::new();
    let config = home.config(
        "audit:\n  sinks:\n    - {name: siem, kind: loki, config: {url: 'https://loki.example', token: {env: NO_SUCH_VARIABLE}}}\n",
    );
    let config = config.to_str().unwrap();
    // The configuration as such is sound.
    assert_eq!(home.run(&["check", "--config", config]).status.code(), Some(0));
    let refused = home.run(&["up", "--config", config]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("the variable `NO_SUCH_VARIABLE` is not set"), "{said}");
}

#[test]
fn slips_in_sinks_are_shown_where_they_stand() {
    let home = Home::new();
    for (text, place) in [
        ("audit: {sink: []}", ":1:9"),
        ("audit: {sinks: [{name: a, kind: lokki}]}", ":1:33"),
        ("audit: {sinks: [{name: a, kind: file, config: {path: x, pth: y}}]}", ":1:57"),
        ("audit: {sinks: [{name: a, kind: file}]}", ":1:17"),
        ("audit: {sinks: [{name: A, kind: file, config: {path: x}}]}", ":1:17"),
        ("audit: {sinks: [{name: a, kind: file, flush_records: 0, config: {path: x}}]}", ":1:54"),
        ("audit: {sinks: [{name: a, kind: loki, config: {url: 'http://x.example'}}]}", ":1:53"),
        (
            "audit: {sinks: [{name: a, kind: file, config: {path: x}}, {name: a, kind: file, config: {path: y}}]}",
            ":1:66",
        ),
    ] {
        let config = home.config(text);
        let refused = home.run(&["check", "--config", config.to_str().unwrap()]);
        assert_eq!(refused.status.code(), Some(2), "{text}");
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(&format!("bakerst.yaml{place}")), "{text}: {said}");
    }
}
