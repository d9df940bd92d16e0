//! `bakerst policy pin --server NAME`: servers that the configuration has are asked as it says; and
//! what `bakerst check` says of them.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use super::addresses::{certified, serve, tools};
use super::{STRICT, server};
use crate::secrets::seal;
use crate::support::{Home, failure, stdout};

/// The configuration with one server, as a path.
fn config(home: &Home, server: &Value) -> String {
    let config = json!({ "gateway": { "mcp": { "servers": { "notes": server } } } });
    home.config(&config.to_string()).to_str().unwrap().to_owned()
}

fn pin(home: &Home, server: &Value, name: &str, more: &[&str]) -> Output {
    let (config, lock) = (config(home, server), home.path().join("notes.lock"));
    let lock = lock.to_str().unwrap();
    let args = ["policy", "pin", "--config", &config, "--lock", lock, "--server", name];
    home.run(&[&args, more].concat())
}

#[test]
fn servers_of_the_configuration_are_asked_as_it_says() {
    let home = Home::new();
    seal(&home, "notes-key", "k-1");
    let picky = STRICT.replacen("n=0", "[ \"$KEY\" = k-1 ] || exit 5\nn=0", 1);
    let script = server(&home, "notes", &picky)["args"][0].clone();
    let (tls, authority) = certified(&home);
    let url = |scheme: &str, port: u16| format!("{scheme}://127.0.0.1:{port}/mcp");
    let sealed = json!({ "secret": "notes-key" });
    let token = home.path().join("token");
    fs::write(&token, "k-1\n").unwrap();
    for (server, want) in [
        (
            json!({ "command": ["/bin/sh", script], "env": { "KEY": sealed } }),
            &["mcp__notes__delete_note", "mcp__notes__read_note"][..],
        ),
        (
            json!({ "url": url("http", serve(None)), "headers": { "X-Key": sealed } }),
            &["mcp__notes__read_note"],
        ),
        (
            json!({ "url": url("http", serve(None)), "bearer_file": token }),
            &["mcp__notes__read_note"],
        ),
        (
            json!({ "url": url("https", serve(Some(tls))), "ca_file": authority, "bearer_secret": "notes-key" }),
            &["mcp__notes__read_note"],
        ),
    ] {
        let pinned = pin(&home, &server, "notes", &["--json", "--timeout-seconds", "20"]);
        assert!(pinned.status.success(), "{server}: {pinned:?}");
        let told: Value = serde_json::from_str(&stdout(&pinned)).unwrap();
        let mut pinned = tools(&told);
        pinned.sort_unstable();
        assert_eq!(pinned, want, "{server}");
        let lock = home.path().join("notes.lock");
        assert!(!fs::read_to_string(&lock).unwrap().contains("k-1"), "{server}");
        fs::remove_file(lock).unwrap();
    }
}

#[test]
fn a_server_that_cannot_be_asked_as_it_is_configured_is_said() {
    let home = Home::new();
    for (server, name, want) in [
        (json!({ "url": "http://127.0.0.1:1/sse", "transport": "sse" }), "notes", "2 CFG-004"),
        (json!({ "url": "http://127.0.0.1:1/mcp", "bearer_secret": "none" }), "notes", "2 CFG-004"),
        (json!({ "url": "http://127.0.0.1:1/mcp" }), "notes", "3 PIN-005"),
        (json!({ "url": "http://127.0.0.1:1/mcp" }), "other", "2 PIN-004"),
    ] {
        assert_eq!(failure(&pin(&home, &server, name, &[])), want, "{server} {name}");
    }
}

#[test]
fn a_credential_that_crosses_a_network_in_clear_is_warned_of() {
    let home = Home::new();
    for (server, want) in [
        (json!({ "url": "http://10.0.0.5:3001/mcp", "bearer_secret": "s" }), Some("bearer_secret")),
        (json!({ "url": "http://tools.example/mcp", "bearer_file": "/t" }), Some("bearer_file")),
        (
            json!({ "url": "http://tools.example/sse", "transport": "sse", "headers": { "X-Key": { "env": "K" } } }),
            Some("headers"),
        ),
        (json!({ "url": "http://tools.example/mcp" }), None),
        (json!({ "url": "https://tools.example/mcp", "bearer_secret": "s" }), None),
        (json!({ "url": "http://127.8.0.1:1/mcp", "bearer_secret": "s" }), None),
        (json!({ "url": "http://[::1]:1/mcp", "bearer_secret": "s" }), None),
        (json!({ "url": "http://localhost:1/mcp", "bearer_secret": "s" }), None),
        (json!({ "command": ["sh"], "env": { "KEY": { "secret": "s" } } }), None),
    ] {
        let checked = home.run(&["check", "--json", "--config", &config(&home, &server)]);
        let told: Value = serde_json::from_str(&stdout(&checked)).unwrap();
        let warnings = told["warnings"].as_array().unwrap();
        let said = warnings.iter().find(|said| said.as_str().unwrap().starts_with("NET-010"));
        let said = said.map(|said| said.as_str().unwrap().to_owned());
        let words = want.map(|field| {
            let url = server["url"].as_str().unwrap();
            format!(
                "NET-010 the server `notes` gets its `{field}` at `{url}`, where whoever is on the way reads it: \
                 give the server an `https` address, or reach it over loopback"
            )
        });
        assert_eq!(said, words, "{server}");
    }
}
