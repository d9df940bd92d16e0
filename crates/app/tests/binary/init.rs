//! `bakerst init`, with servers that behave and servers that do not.

mod addresses;
mod configured;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Home, failure, stdout};

/// A strict server: it answers what it is asked, in order, and nothing else. Two pages of tools.
const STRICT: &str = r#"#!/bin/sh
say() { printf '%s\n' "$1"; }
n=0
while read -r line; do
  n=$((n+1))
  case "$n:$line" in
    1:*'"method":"initialize"'*) say '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"1"}}}' ;;
    2:*'"method":"notifications/initialized"'*) ;;
    3:*'"cursor"'*) exit 9 ;;
    3:*'"method":"tools/list"'*)
      say '{"jsonrpc":"2.0","method":"notifications/message","params":{}}'
      say '{"jsonrpc":"2.0","id":"q","method":"roots/list"}'
      read -r reply
      case "$reply" in *-32601*) ;; *) exit 8 ;; esac
      say '{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"read_note","description":"Reads a note.","inputSchema":{"type":"object","properties":{"id":{"type":"string"}}},"annotations":{"readOnlyHint":true}}],"nextCursor":"p2"}}' ;;
    4:*'"cursor":"p2"'*) say '{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"delete_note","description":"Deletes a note.\n# for ever","inputSchema":{"type":"object"}}]}}' ;;
    *) echo "unexpected: $line" >&2; exit 7 ;;
  esac
done
"#;

/// A server of the newest version: it knows no greeting, and wants to know who asks every time.
const MODERN: &str = r#"#!/bin/sh
say() { printf '%s\n' "$1"; }
while read -r line; do
  case "$line" in
    *'"method":"initialize"'*) say '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}' ;;
    *'"method":"tools/list"'*'"io.modelcontextprotocol/protocolVersion":"2026-07-28"'*|*'"io.modelcontextprotocol/protocolVersion":"2026-07-28"'*'"method":"tools/list"'*|*'tools/list'*)
      say '{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","tools":[{"name":"look","inputSchema":{"type":"object"}}]}}' ;;
  esac
done
"#;

fn server(home: &Home, name: &str, text: &str) -> Value {
    use std::os::unix::fs::PermissionsExt as _;
    let path = home.path().join(format!("{name}.sh"));
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    json!({"command": "/bin/sh", "args": [path]})
}

fn clients(home: &Home, servers: &Value) {
    let file = home.path().join(".claude.json");
    fs::write(file, json!({ "mcpServers": servers }).to_string()).unwrap();
}

fn out(home: &Home) -> PathBuf {
    home.path().join("out")
}

fn init(home: &Home, more: &[&str]) -> std::process::Output {
    let out = out(home);
    home.run(&[&["init", "--output", out.to_str().unwrap()], more].concat())
}

#[test]
fn nothing_is_started_or_written_before_somebody_says_so() {
    let home = Home::new();
    let proof = home.path().join("started");
    let sly = format!("#!/bin/sh\ntouch {}\n", proof.display());
    clients(&home, &json!({"notes": server(&home, "notes", &sly), "far": {"url": "https://x"}}));
    let planned = init(&home, &[]);
    assert_eq!(planned.status.code(), Some(0));
    let told = stdout(&planned);
    assert!(told.contains("start  notes  /bin/sh"), "{told}");
    assert!(told.contains("call   far  https://x/"), "{told}");
    assert!(!proof.exists() && !out(&home).exists());
}

#[test]
fn servers_are_asked_and_a_first_policy_is_drafted_that_loads() {
    let home = Home::new();
    clients(
        &home,
        &json!({"notes": server(&home, "notes", STRICT), "new": server(&home, "new", MODERN)}),
    );
    let done = init(&home, &["--apply"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    let policy = fs::read_to_string(out(&home).join("bakerst.yaml")).unwrap();
    let tools = policy.split_once("\ntools:\n").unwrap().1;
    assert_eq!(
        tools,
        "  mcp__new__look:\n    risk: sensitive # nothing tells what it does\n    \
         reads: untrusted # guess: others may write what it returns\n    \
         sends: external # guess: nothing says that it reaches nobody\n    \
         writes: true # guess: it does not only read\n  \
         mcp__notes__read_note:\n    # Reads a note.\n    risk: read # `read` in its name, its server says `readOnlyHint`\n    \
         reads: [private, untrusted] # guess: `note` in its name\n  \
         mcp__notes__delete_note:\n    # Deletes a note. # for ever\n    risk: destructive # `delete` in its name\n    \
         reads: [private, untrusted] # guess: `note` in its name\n    \
         sends: external # guess: nothing says that it reaches nobody\n    \
         writes: true # guess: it does not only read\n"
    );
    let config = out(&home).join("bakerst.yaml");
    let config = config.to_str().unwrap();
    let reason = |tool: &str| {
        let told = stdout(&home.run(&["explain", "--json", "--config", config, "--tool", tool]));
        serde_json::from_str::<Value>(&told).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("mcp__notes__read_note"), "allow");
    assert_eq!(reason("mcp__notes__delete_note"), "ask");
    assert_eq!(reason("mcp__new__look"), "ask");
    assert_eq!(reason("mcp__notes__wipe"), "deny");

    assert_eq!(failure(&init(&home, &["--apply"])), "1 CFG-008");
    assert_eq!(init(&home, &["--apply", "--force"]).status.code(), Some(0));
}

#[test]
fn servers_that_misbehave_are_named_and_ended() {
    let home = Home::new();
    let hello =
        r#"read -r line; echo '{"jsonrpc":"2.0","id":1,"result":{}}'; read -r line; read -r line"#;
    let page = r#"'{"jsonrpc":"2.0","id":2,"result":{"tools":[],"nextCursor":"x"}}'"#;
    let pid = home.path().join("pid");
    clients(
        &home,
        &json!({
            "silent": server(&home, "silent", &format!("sleep 1000 & echo $! > {}; exec sleep 1000", pid.display())),
            "dead": server(&home, "dead", "echo 'no licence' >&2; exit 3"),
            "garbage": server(&home, "garbage", "read -r line; echo 'hello'; echo '{\"id\":1,\"id\":1}'"),
            "circle": server(&home, "circle", &format!("{hello}; echo {page}; read -r line; echo {}", page.replace("\"id\":2", "\"id\":3"))),
            "missing": {"command": "/nowhere/server"},
            "good": server(&home, "good", STRICT),
        }),
    );
    let began = Instant::now();
    let done = init(&home, &["--apply", "--json", "--timeout-seconds", "2"]);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(done.status.code(), Some(1));
    let told: Value = serde_json::from_str(&stdout(&done)).unwrap();
    let failed: Vec<&str> = told["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        failed,
        [
            "the server `circle` cannot be asked: its list of tools goes round in a circle",
            "the server `dead` cannot be asked: it ended before it answered `initialize`; it said `no licence`",
            "the server `garbage` cannot be asked: its answer to `initialize` cannot be read: the key `id` occurs twice in one object",
            "the server `missing` cannot be asked: `/nowhere/server` cannot be started: No such file or directory (os error 2)",
            "the server `silent` cannot be asked: it did not answer `initialize` in time",
        ]
    );
    assert_eq!(told["tools"].as_array().unwrap().len(), 2);
    // What the silent one had started ended with it.
    let child = fs::read_to_string(&pid).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap_or_default();
    assert!(status.is_empty() || status.contains(") Z "), "{status}");
}

#[test]
fn the_reference_server_is_asked_where_npm_can_be_reached() {
    let home = Home::new();
    let npx =
        ["/usr/bin/npx", "/usr/local/bin/npx"].into_iter().find(|path| fs::exists(path).unwrap());
    let Some(npx) = npx else {
        eprintln!(
            "skipped: the_reference_server_is_asked_where_npm_can_be_reached: there is no npx"
        );
        return;
    };
    clients(
        &home,
        &json!({"everything": {"command": npx, "args": ["-y", "@modelcontextprotocol/server-everything"], "env": npm_settings()}}),
    );
    let done = init(&home, &["--apply", "--json", "--timeout-seconds", "120"]);
    let told: Value = serde_json::from_str(&stdout(&done)).unwrap();
    if told["failed"].as_array().is_some_and(|failed| !failed.is_empty()) {
        eprintln!(
            "skipped: the_reference_server_is_asked_where_npm_can_be_reached: {}",
            told["failed"]
        );
        return;
    }
    assert!(told["tools"].as_array().unwrap().len() > 5, "{told}");
    assert!(out(&home).join("bakerst.lock").exists());
}

/// How npm reaches its registry on this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "npm is reached as whoever runs the tests reaches it"
)]
fn npm_settings() -> Value {
    let names = [
        "npm_config_registry",
        "NPM_CONFIG_REGISTRY",
        "NPM_CONFIG_USERCONFIG",
        "HTTPS_PROXY",
        "https_proxy",
        "NODE_EXTRA_CA_CERTS",
    ];
    names.into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?))).collect()
}
