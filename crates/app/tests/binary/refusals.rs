//! What must end in a clear error with a code: the machine's troubles and the operator's slips.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::{BAKERST, Home, Server, failure, stdout};
use serde_json::json;

#[test]
fn a_taken_port_is_said() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(failure(&home.run(&["up", "--listen", &address])), "3 NET-001");
}

#[test]
fn an_address_off_loopback_is_refused() {
    let home = Home::new();
    assert_eq!(failure(&home.run(&["up", "--listen", "0.0.0.0:0"])), "2 NET-003");
}

#[test]
fn a_state_folder_in_use_is_said() {
    let home = Home::new();
    let _server = home.up(&[]);
    assert_eq!(failure(&home.run(&["up", "--listen", "127.0.0.1:0"])), "3 STA-002");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_said() {
    let home = Home::new();
    std::fs::write(home.path().join("state"), "a file, not a folder").unwrap();
    assert_eq!(failure(&home.run(&["up", "--listen", "127.0.0.1:0"])), "3 STA-001");
}

/// The number of an account that owns nothing. Root may write anywhere, so the binary runs as
/// this account wherever the tests run as root.
const NOBODY: u32 = 65534;

#[test]
fn a_read_only_state_folder_is_said() {
    let home = Home::new();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    std::fs::create_dir(home.state()).unwrap();
    open(home.path(), 0o755);
    open(&home.state(), 0o555);
    let binary = home.path().join("bakerst");
    std::fs::copy(BAKERST, &binary).unwrap();
    let mut command = Command::new(&binary);
    command.args(["up", "--listen", "127.0.0.1:0", "--state"]).arg(home.state());
    command.arg("--master-key").arg(home.path().join("master.key"));
    home.isolate(&mut command);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    assert_eq!(failure(&command.output().unwrap()), "3 STA-001");
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

#[test]
fn a_full_disk_stops_every_call_and_loses_nothing() {
    let home = Home::new();
    let first = home.up(&[]);
    let token = first.token.clone();
    first.stop();
    // Files may not grow beyond 256 KiB: what a full disk looks like to a writer.
    let mut command = Command::new("/bin/bash");
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\"";
    command.args(["-c", script, BAKERST, "up", "--json", "--listen", "127.0.0.1:0", "--state"]);
    command.arg(home.state()).arg("--master-key").arg(home.path().join("master.key"));
    home.isolate(&mut command);
    let mut server = Server::start(command);
    server.token = token;
    let call = json!({
        "conversationId": "c",
        "toolName": "timezone_lookup",
        "toolInput": { "city": "x".repeat(150) },
        "prompt": "fill it",
    });
    let answers: Vec<String> = (0..2000)
        .map(|_| server.before(&call).brief())
        .scan(false, |full, brief| {
            let done = std::mem::replace(full, brief.starts_with("503"));
            (!done).then_some(brief)
        })
        .collect();
    let (last, allowed) = answers.split_last().unwrap();
    assert!(last == "503 reject AUD-001" || last == "503 reject AUD-002", "{last}");
    assert!(allowed.len() > 10 && allowed.iter().all(|brief| brief == "200 approve GRD-000"));
    let ready = server.get("/readyz");
    assert!(
        ready.status == 503 || !ready.body["alarms"].as_array().unwrap().is_empty(),
        "{ready:?}"
    );
    server.kill();

    let verified = home.run(&["audit", "verify", "--json"]);
    assert!(verified.status.success(), "{verified:?}");
    let log = stdout(&home.run(&["audit", "tail", "-n", "100000", "--json"]));
    let recorded = log.lines().filter(|line| line.contains("\"tool.allowed\"")).count();
    assert!(recorded >= allowed.len(), "{recorded} of {} are in the log", allowed.len());
}

#[test]
fn a_master_key_that_others_may_read_is_refused() {
    let home = Home::new();
    home.up(&[]).stop();
    let key = home.path().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(failure(&home.run(&["up", "--listen", "127.0.0.1:0"])), "3 SEC-003");
}

#[test]
fn another_master_key_opens_nothing() {
    let home = Home::new();
    home.up(&[]).stop();
    std::fs::remove_file(home.path().join("master.key")).unwrap();
    assert_eq!(failure(&home.run(&["up", "--listen", "127.0.0.1:0"])), "3 SEC-001");
    assert_eq!(failure(&home.run(&["audit", "verify"])), "1 SEC-001");
    std::fs::remove_file(home.path().join("master.key")).unwrap();
    assert_eq!(failure(&home.run(&["audit", "verify"])), "1 AUD-004");
}

#[test]
fn a_log_that_was_changed_is_not_written_to() {
    let home = Home::new();
    home.up(&[]).stop();
    let path = home.state().join("audit/00000000000000000000.jsonl");
    let log = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, log.replace("system.started", "system.stopped")).unwrap();
    assert_eq!(failure(&home.run(&["up", "--listen", "127.0.0.1:0"])), "3 AUD-003");
}

#[test]
fn slips_in_the_configuration_are_shown_where_they_stand() {
    let home = Home::new();
    let check = |text: &str| {
        let config = home.config(text);
        let output = home.run(&["check", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr.clone()).unwrap();
        (failure(&output), said.replace(home.path().to_str().unwrap(), ""))
    };
    let (code, said) = check("guardrails:\n  chain:\n    - name: promt-injection\n");
    assert_eq!(code, "2 CFG-003");
    insta::assert_snapshot!("a_typo", said);
    let (code, said) = check("listen:\n\taddress: 127.0.0.1:1\n");
    assert_eq!(code, "2 CFG-002");
    insta::assert_snapshot!("a_tab", said);
}

#[test]
fn commands_that_need_a_server_say_so() {
    let home = Home::new();
    assert_eq!(failure(&home.run(&["approvals", "approve", "apr-1"])), "1 API-013");
    assert_eq!(failure(&home.run(&["approvals", "show", "17"])), "2 API-013");
}

#[test]
fn rows_that_cannot_be_judged_are_named() {
    let home = Home::new();
    let rows = home.path().join("rows.jsonl");
    let eval = |form: &str, bytes: &[u8]| {
        std::fs::write(&rows, bytes).unwrap();
        let output = home.run(&["eval", form, "--input", rows.to_str().unwrap()]);
        (failure(&output), String::from_utf8(output.stderr.clone()).unwrap())
    };
    let deep = [b"{\"text\":".as_slice(), &b"[".repeat(5000)].concat();
    let endless = b"x".repeat(5 << 20);
    for form in ["injection", "redaction", "commands", "calls"] {
        for bad in [b"{\"text\":\"\xff\xfe\"}".as_slice(), &deep, &endless, b"{}", b"[]"] {
            let (code, said) =
                eval(form, &[b"\n".as_slice(), bad, b"\n{\"text\":\"fine\"}"].concat());
            assert_eq!(code, "2 API-002", "{form}: {said}");
            assert!(said.contains("line 2 cannot be judged"), "{form}: {said}");
        }
    }
}
