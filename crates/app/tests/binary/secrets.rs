//! `bakerst secret`: what is sealed, by whom it may be named, and who never sees it.

use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Home, failure, stdout};

/// Runs a command that is given this on its standard input.
fn fed(home: &Home, args: &[&str], input: &str) -> Output {
    let mut command = home.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Seals a secret.
pub(crate) fn seal(home: &Home, name: &str, secret: &str) {
    let sealed = fed(home, &["secret", "set", name], &format!("{secret}\n"));
    assert!(sealed.status.success(), "{sealed:?}");
}

#[test]
fn a_secret_is_sealed_named_and_forgotten_and_never_shown() {
    let home = Home::new();
    seal(&home, "github-token", "hunter2-and-more");
    seal(&home, "other", "x");
    let listed = home.run(&["secret", "list", "--json"]);
    let names: Value = serde_json::from_str(&stdout(&listed)).unwrap();
    assert_eq!(names, json!(["github-token", "other"]));
    assert!(home.run(&["secret", "remove", "other"]).status.success());
    assert_eq!(stdout(&home.run(&["secret", "list"])), "github-token\n");
    assert_eq!(failure(&home.run(&["secret", "remove", "other"])), "1 SEC-004");
    let log = stdout(&home.run(&["audit", "tail", "-n", "100", "--json"]));
    assert!(log.contains("secret.updated") && log.contains("secret.removed"), "{log}");
    for entry in walk(&home.state()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    folders.iter().flat_map(|folder| walk(folder)).chain(files).collect()
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let home = Home::new();
    for (name, input, want) in [
        ("log-key", "x", "2 SEC-004"),
        ("log-key-2", "x", "2 SEC-004"),
        ("flow-key", "x", "2 SEC-004"),
        ("empty", " \n", "2 SEC-004"),
        ("long", &"x".repeat(70_000), "2 SEC-004"),
    ] {
        assert_eq!(failure(&fed(&home, &["secret", "set", name], input)), want, "{name}");
    }
    let running = home.up(&[]);
    assert_eq!(failure(&fed(&home, &["secret", "set", "late"], "x")), "3 STA-002");
    drop(running);
}

#[test]
fn our_own_keys_are_nobodys_to_name() {
    let home = Home::new();
    seal(&home, "any", "x");
    let config = home.config(
        "gateway: { mcp: { servers: { a: { url: \"http://127.0.0.1:9/mcp\", bearer_secret: log-key } } } }",
    );
    let refused =
        home.run(&["up", "--listen", "127.0.0.1:0", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("there is no sealed secret `log-key`"), "{said}");
    assert_eq!(refused.status.code(), Some(2));
}
