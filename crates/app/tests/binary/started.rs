//! Servers that Baker Street starts itself: how they live, what they are given, and that nothing of
//! them is left.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::secrets::seal;
use crate::support::{ANSWERING, Answer, Home, Server, running};

/// A configuration with one server, a shell script.
fn config(home: &Home, script: &str, more: &Value) -> String {
    let mut server = json!({ "command": ["/bin/sh", "-c", script] });
    for (name, value) in more.as_object().into_iter().flatten() {
        server[name] = value.clone();
    }
    let config = json!({
        "gateway": { "mcp": { "servers": { "script": server } } },
        "limits": { "server_sessions_per_caller_max": 200, "server_sessions_max": 200 },
    });
    home.config(&config.to_string()).to_str().unwrap().to_owned()
}

fn ask(server: &Server, session: Option<&str>, message: &Value) -> Answer {
    let session = session.map(|session| format!("mcp-session-id: {session}\r\n"));
    let headers =
        format!("accept: application/json, text/event-stream\r\n{}", session.unwrap_or_default());
    server.mcp("script", &headers, &message.to_string())
}

fn greeting() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} })
}

/// Begins a session.
fn begun(server: &Server) -> (String, Value) {
    let reply = ask(server, None, &greeting());
    let session = reply.header("mcp-session-id").unwrap_or_else(|| panic!("{reply:?}")).to_owned();
    (session, reply.body)
}

/// Waits until nothing runs any more that has this on its command line. What was killed last is
/// still there until the machine gets round to it; what was forgotten sleeps for days.
#[track_caller]
fn gone(words: &str) {
    let began = Instant::now();
    while running(words) > 0 && began.elapsed() < Duration::from_secs(15) {
        std::thread::yield_now();
    }
    assert_eq!(running(words), 0, "{words}");
}

/// Some of what the servers start leaves their group; one does not listen when it is told to end.
#[test]
fn a_hundred_servers_that_we_start_leave_no_orphans() {
    let mark = format!("78{}", std::process::id());
    let script =
        format!("sleep {mark} & setsid sleep {mark} & {ANSWERING}; trap '' TERM; sleep {mark}");
    let orphan = format!("sleep\0{mark}");
    for is_killed in [false, true] {
        let home = Home::new();
        let config = config(&home, &script, &json!({}));
        let server = home.up(&["--config", &config]);
        for number in 0..100 {
            let (session, _) = begun(&server);
            let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
            assert_eq!(ask(&server, Some(&session), &ping).body["id"], 1);
            if number % 2 == 0 {
                let ended = server.mcp_end("script", &session);
                assert_eq!(ended, 204);
            }
        }
        assert!(running(&orphan) > 0);
        match is_killed {
            true => server.kill(),
            false => assert_eq!(server.stop(), Some(0)),
        }
        gone(&orphan);
    }
}

#[test]
fn a_server_that_we_start_sees_nothing_of_ours_but_what_it_is_given() {
    let script = r#"while read -r line; do
        names=$(env | cut -d= -f1 | sort | tr '\n' ' ')
        printf '{"jsonrpc":"2.0","id":0,"result":{"names":"%s","given":"%s","length":%s,"folder":"%s"}}\n' "$names" "$GIVEN" "${#SEALED}" "$PWD"
    done"#;
    let home = Home::new();
    seal(&home, "for-it", "hunter2-and-more");
    let given = json!({
        "env": { "GIVEN": "plain", "SEALED": { "secret": "for-it" } }, "cwd": "/usr",
    });
    let config = config(&home, script, &given);
    let mut command =
        home.command(&["up", "--json", "--listen", "127.0.0.1:0", "--config", &config]);
    command.env("OURS_ALONE", "x").env("BAKERST_TOKEN", "x").env("LANG", "C");
    let server = Server::start(command);
    let (_, answer) = begun(&server);
    let result = &answer["result"];
    let names = result["names"].as_str().unwrap().split_whitespace();
    // The shell adds some of its own.
    let names: Vec<_> =
        names.filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert_eq!(names, ["GIVEN", "HOME", "LANG", "PATH", "SEALED"]);
    assert_eq!(result["given"], "plain");
    assert_eq!(result["length"], "hunter2-and-more".len());
    assert_eq!(result["folder"], "/usr");
}

#[test]
fn what_a_server_complains_about_is_said_without_what_it_was_given() {
    let script = r#"echo "the key is $KEY" >&2; read -r line; exit 1"#;
    let home = Home::new();
    seal(&home, "for-it", "hunter2-and-more");
    let config = config(&home, script, &json!({ "env": { "KEY": { "secret": "for-it" } } }));
    let mut server = home.up(&["--config", &config]);
    let mut said = server.said();
    let reply = ask(&server, None, &greeting());
    assert_eq!(reply.body["error"]["message"], "the server ended before it answered");
    let line = said.find(|line| line.starts_with("script:")).unwrap();
    assert_eq!(line, "script: the key is [REDACTED]");
}

#[test]
fn a_server_that_cannot_be_started_is_told_of_by_name() {
    let home = Home::new();
    let config = home
        .config("gateway: { mcp: { servers: { script: { command: [no-such-program, --now] } } } }");
    let mut server = home.up(&["--config", config.to_str().unwrap()]);
    let mut said = server.said();
    let reply = ask(&server, None, &greeting());
    assert_eq!(reply.body["error"]["data"]["code"], "NET-005");
    let line = said.find(|line| line.contains("cannot be started")).unwrap();
    assert!(line.contains("`script`") && line.contains("No such file"), "{line}");
}

#[test]
fn a_wrapper_that_is_killed_takes_its_server_along() {
    let home = Home::new();
    let server = home.up(&[]);
    let mark = format!("79{}", std::process::id());
    let mut wrapper = std::process::Command::new(crate::support::BAKERST);
    wrapper.args(["mcp", "--state"]).arg(home.state()).arg("--master-key");
    wrapper.arg(home.path().join("master.key")).args(["--", "/bin/sh", "-c"]);
    wrapper.arg(format!("trap '' TERM; setsid sleep {mark} & sleep {mark}; sleep {mark}"));
    home.isolate(&mut wrapper);
    let (input, _held) = std::io::pipe().unwrap();
    let mut child = wrapper.stdin(input).spawn().unwrap();
    let orphan = format!("sleep\0{mark}");
    let began = Instant::now();
    while running(&orphan) < 2 && began.elapsed() < Duration::from_secs(15) {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    gone(&orphan);
    drop(server);
}
