//! The log as those read it who may.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Home, Server, failure, stdout};

fn call(server: &Server, conversation: &str, tool: &str, input: &Value) {
    let call = json!({ "conversationId": conversation, "userId": "ann", "toolName": tool, "toolInput": input });
    assert_eq!(server.before(&call).status, 200);
}

/// A home whose agents looked up two cities and were refused once.
fn home_with_calls() -> Home {
    let home = Home::new();
    let server = home.up(&[]);
    call(&server, "c-1", "timezone_lookup", &json!({ "city": "Tokyo" }));
    call(&server, "c-1", "timezone_lookup", &json!({ "city": "Zürich \"old\" town" }));
    call(&server, "c-2", "unheard_of", &json!({}));
    server.stop();
    home
}

/// The actions that a query finds.
fn found(home: &Home, args: &[&str]) -> Vec<String> {
    let output = home.run(&[&["audit", "query", "--json"], args].concat());
    assert!(output.status.success(), "{output:?}");
    let action = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["action"].as_str().unwrap().to_owned()
    };
    stdout(&output).lines().map(action).collect()
}

#[test]
fn a_query_finds_what_its_flags_say() {
    let home = home_with_calls();
    let allowed = vec!["tool.allowed"; 2];
    assert_eq!(found(&home, &["--tool", "timezone_lookup"]), allowed);
    assert_eq!(found(&home, &["--decision", "allow", "--agent", "default"]), allowed);
    assert_eq!(found(&home, &["--decision", "deny", "--decision", "ask"]), ["tool.blocked"]);
    assert_eq!(found(&home, &["--text", "Zürich \"old\" town"]), ["tool.allowed"]);
    assert_eq!(found(&home, &["--conversation", "c-2", "--code", "GRD-030"]), ["tool.blocked"]);
    assert_eq!(found(&home, &["--until", "1d"]), Vec::<String>::new());
    assert_eq!(found(&home, &["--since", "1h", "--newest", "-n", "1"]), ["system.stopped"]);
    assert_eq!(found(&home, &["--user", "ann", "--category", "tool", "-n", "1"]), ["tool.allowed"]);
    assert_eq!(failure(&home.run(&["audit", "query", "--since", "soon"])), "2 API-011");
}

#[test]
fn what_is_no_record_is_said_and_hides_nothing() {
    let home = home_with_calls();
    let folder = home.state().join("audit");
    let segment = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let segment = segment.filter(|path| path.extension().is_some_and(|e| e == "jsonl")).min();
    let segment = segment.unwrap();
    let log = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, log.replacen('\n', "\nno record\n", 1)).unwrap();
    let output = home.run(&["audit", "query", "--decision", "deny", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output).lines().count(), 1);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("1 of "), "{said}");
}

#[test]
fn records_are_counted() {
    let home = home_with_calls();
    let counted: Value =
        serde_json::from_slice(&home.run(&["audit", "stats", "--json"]).stdout).unwrap();
    assert_eq!(counted["tool"], json!({ "timezone_lookup": 2, "unheard_of": 1 }));
    assert_eq!(counted["decision"], json!({ "allow": 2, "deny": 1 }));
    assert_eq!(counted["damaged"], 0);
    let chart = stdout(&home.run(&["audit", "stats", "--by", "day", "--decision", "allow"]));
    assert!(chart.starts_with("2 records\n"), "{chart}");
    assert!(chart.contains('█'), "{chart}");
}

#[test]
fn a_log_is_followed_until_somebody_has_seen_enough() {
    let home = Home::new();
    let server = home.up(&[]);
    let args = ["audit", "tail", "-f", "-n", "0", "--json", "--tool", "unheard_of"];
    let mut tail = home.command(&args);
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = [0];
    tail.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    call(&server, "c-1", "timezone_lookup", &json!({ "city": "Tokyo" }));
    call(&server, "c-1", "unheard_of", &json!({ "n": 7 }));
    let mut line = String::new();
    BufReader::new(tail.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let record: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&record["action"], &record["detail"]["tool"]),
        (&json!("tool.blocked"), &json!("unheard_of"))
    );
    let pid = tail.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
    assert_eq!(tail.wait().unwrap().code(), Some(0));
}
