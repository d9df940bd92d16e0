//! The log as those keep it who may, while a server writes it and while none does.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Home, Server, failure, stdout};

/// Calls whose records are so long that a few fill a segment.
fn fill(server: &Server, calls: usize) {
    for n in 0..calls {
        let input = json!({ "city": format!("{n} {}", "x".repeat(15_000)) });
        let call = json!({
            "conversationId": "c-1", "userId": "ann", "toolName": "timezone_lookup",
            "toolInput": input,
        });
        assert_eq!(server.before(&call).status, 200);
    }
}

/// Runs `bakerst audit …` with a configuration.
struct Keeping<'h> {
    home: &'h Home,
    config: String,
}

impl<'h> Keeping<'h> {
    fn new(home: &'h Home, config: &str) -> Self {
        Self { home, config: home.config(config).to_str().unwrap().to_owned() }
    }

    fn up(&self) -> Server {
        self.home.up(&["--config", &self.config])
    }

    /// What a command answers, as JSON.
    fn audit(&self, args: &[&str]) -> Value {
        let output =
            self.home.run(&[&["audit", "--json", "--config", &self.config], args].concat());
        assert!(output.status.success(), "{args:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Records with this action.
    fn records(&self, action: &str) -> Vec<Value> {
        let query = ["audit", "query", "--json", "--action", action, "-n", "0"];
        let found = stdout(&self.home.run(&query));
        found.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn proves(&self, seq: u64) -> bool {
        let proof = self.home.run(&["audit", "prove", &seq.to_string()]);
        let file = self.home.path().join("proof");
        std::fs::write(&file, &proof.stdout).unwrap();
        let checked = self.home.run(&["audit", "check-proof", file.to_str().unwrap()]);
        proof.status.success() && checked.status.success()
    }
}

const SMALL: &str = "segment_bytes_max: 65536, checkpoints: {records_max: 5, seconds_max: 60}";

#[test]
fn a_key_is_replaced_while_the_server_writes_and_while_none_does() {
    let home = Home::new();
    let keeping = Keeping::new(&home, "audit: {}\n");
    let server = keeping.up();
    fill(&server, 1);
    let first = keeping.audit(&["rotate-key"])["key"].clone();
    fill(&server, 1);
    let token = server.token.clone();
    assert_eq!(server.stop(), Some(0));
    let second = keeping.audit(&["rotate-key"])["key"].clone();
    assert_ne!(first, second);
    assert_eq!(keeping.records("system.key_rotated").len(), 2);
    let verified = keeping.audit(&["verify"]);
    assert_eq!((&verified["verified"], &verified["key"]), (&json!(true), &second));
    let mut again = keeping.up();
    again.token = token;
    fill(&again, 1);
    again.stop();
    assert_eq!(keeping.audit(&["verify"])["key"], second, "the key that was drawn is gone on with");
}

#[test]
fn a_person_is_erased_while_the_server_runs() {
    let home = Home::new();
    let keeping = Keeping::new(&home, "audit: { erasure: on }\n");
    let server = keeping.up();
    fill(&server, 2);
    // Long enough that no sealed record holds it by chance.
    let city = "x".repeat(40);
    let told = || stdout(&home.run(&["audit", "query", "--json", "--reveal", "--text", &city]));
    let revealed = || stdout(&home.run(&["audit", "query", "--json", "--reveal", "--user", "ann"]));
    assert!(revealed().contains("\"city\""));
    let erased = keeping.audit(&["erase", "--subject", "ann", "--apply"]);
    assert_eq!((&erased["records"], &erased["applied"]), (&json!(2), &json!(true)));
    assert_eq!(revealed(), "");
    assert_eq!(told(), "");
    // What comes later is sealed under another key, and the server knows it.
    fill(&server, 1);
    let later: Value = serde_json::from_str(&revealed()).unwrap();
    assert_eq!(later["actor"]["user"], "ann");
    assert_eq!(server.stop(), Some(0));
    assert_eq!(keeping.records("admin.subject_erased")[0]["detail"]["subject"], erased["name"]);
    assert_eq!(keeping.audit(&["verify"])["verified"], true);
}

#[test]
fn old_segments_go_while_the_server_runs_and_what_is_left_is_proved() {
    let home = Home::new();
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL} }}\n"));
    let server = keeping.up();
    fill(&server, 30);
    let plan = keeping.audit(&["retain", "--bytes-max", "200000"]);
    assert!(plan["expire"].as_array().unwrap().len() > 2, "{plan}");
    assert_eq!(keeping.audit(&["verify"])["first"], 0, "a plan changes nothing");
    let done = keeping.audit(&["retain", "--bytes-max", "200000", "--apply"]);
    let next = done["tombstone"]["next"].as_u64().unwrap();
    let verified = keeping.audit(&["verify"]);
    assert_eq!((&verified["verified"], &verified["first"]), (&json!(true), &json!(next)));
    assert_eq!(server.stop(), Some(0));
    let head = keeping.audit(&["verify"])["records"].as_u64().unwrap();
    for seq in next..head {
        assert!(keeping.proves(seq), "record {seq} of {next} to {head}");
    }
    let gone = home.run(&["audit", "prove", "1"]);
    assert_eq!(gone.status.code(), Some(1));
    let said = String::from_utf8(gone.stderr).unwrap();
    assert!(said.contains(&format!("the log begins with record {next}")), "{said}");
}

#[test]
fn segments_and_checkpoints_come_as_often_as_is_configured() {
    let home = Home::new();
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL} }}\n"));
    let server = keeping.up();
    fill(&server, 30);
    server.stop();
    let segments = keeping.records("system.segment_begun").len();
    assert!((6..14).contains(&segments), "{segments}");
    assert!(keeping.records("system.checkpoint").len() >= 5);
    for (wrong, place) in [
        ("segment_bytes_max: 1000", ":1:29"),
        ("checkpoints: {records_max: 0}", ":1:37"),
        ("checkpoints: {records: 7}", ":1:24"),
        ("disk: {when_low: panic}", ":1:27"),
        ("retention: {wait_for_sinks: 7}", ":1:38"),
    ] {
        let config = home.config(&format!("audit: {{ {wrong} }}\n"));
        let refused = home.run(&["check", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {said}");
        assert!(said.contains("bakerst.yaml:1:"), "{wrong} at {place}: {said}");
    }
}

/// A sink whom nobody answers.
fn away(home: &Home) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let key = home.path().join("key");
    std::fs::write(&key, "k".repeat(32)).unwrap();
    let key = key.display();
    format!(
        "sinks: [{{name: siem, kind: webhook, config: {{url: 'http://127.0.0.1:{port}', signing_key: {{file: {key}}}}}}}]"
    )
}

#[test]
fn what_a_sink_has_not_got_stays_with_an_alarm() {
    let home = Home::new();
    let retention = "retention: {bytes_max: 1, wait_hours_max: 0}";
    let sinks = away(&home);
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL}, {sinks} }}\n"));
    let server = keeping.up();
    fill(&server, 20);
    let held = keeping.audit(&["retain", "--bytes-max", "1", "--apply"]);
    assert!(held["held"].as_str().unwrap().ends_with("wait for the sinks `siem`"), "{held}");
    assert!(held.get("tombstone").is_none(), "{held}");
    server.stop();

    // A server looks as soon as it starts.
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL}, {retention}, {sinks} }}\n"));
    let mut server = keeping.up();
    let alarm = server.said().find(|line| line.contains("wait for the sinks `siem`"));
    assert!(alarm.is_some_and(|line| line.contains("should have expired")));
    let ready = server.get("/readyz").body;
    assert!(ready["alarms"].to_string().contains("wait for the sinks"), "{ready}");
    server.stop();
    let alarms = keeping.records("system.alarm");
    let said = |alarm: &Value| alarm["detail"].to_string().contains("wait for the sinks");
    assert!(alarms.iter().any(said), "{alarms:?}");
    assert_eq!(keeping.audit(&["verify"])["first"], 0);

    // Who would rather lose the copy than the disk says so.
    let retention = "retention: {wait_for_sinks: false}";
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL}, {retention}, {sinks} }}\n"));
    let gone = keeping.audit(&["retain", "--bytes-max", "1", "--apply"]);
    assert!(gone["tombstone"]["segments"].as_u64().unwrap() > 2, "{gone}");
}

#[test]
fn what_every_sink_has_goes() {
    let home = Home::new();
    let copy = home.path().join("copy.jsonl");
    let sink = format!(
        "sinks: [{{name: copy, kind: file, flush_records: 1, config: {{path: {}}}}}]",
        copy.display()
    );
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL}, {sink} }}\n"));
    let server = keeping.up();
    fill(&server, 20);
    server.stop();
    let gone = keeping.audit(&["retain", "--bytes-max", "1", "--apply"]);
    assert!(gone["tombstone"]["segments"].as_u64().unwrap() > 2, "{gone}");
    assert!(gone.get("held").is_none(), "{gone}");
}

#[test]
fn a_disk_that_is_nearly_full_is_an_alarm_and_stops_every_call_where_that_is_wanted() {
    for (when_low, verdict) in [("alarm", "200 approve GRD-000"), ("stop", "503 reject AUD-001")] {
        let home = Home::new();
        // No disk has so much room.
        let disk = format!("disk: {{free_bytes_min: 9007199254740992, when_low: {when_low}}}");
        let keeping = Keeping::new(&home, &format!("audit: {{ {disk} }}\n"));
        let mut server = keeping.up();
        let alarm = server.said().find(|line| line.contains("bytes free, fewer than"));
        assert!(alarm.is_some());
        let call = json!({
            "conversationId": "c-1", "toolName": "timezone_lookup", "toolInput": {"city": "Tokyo"},
        });
        assert_eq!(server.before(&call).brief(), verdict, "{when_low}");
        let ready = server.get("/readyz").body;
        assert!(ready["alarms"].to_string().contains("`free_bytes_min`"), "{ready}");
        assert!(server.get_text("/metrics").contains("\nbakerst_log_disk_free_bytes "));
        // Whoever makes room again is let in, and what they do is recorded.
        assert!(keeping.audit(&["rotate-key"])["key"].is_string());
        assert_eq!(server.stop(), Some(0));
        assert_eq!(keeping.records("system.alarm").len(), 1);
        assert_eq!(keeping.records("tool.allowed").is_empty(), when_low == "stop");
    }
}

#[test]
fn an_auditor_reads_a_log_page_by_page_from_the_server_that_writes_it() {
    let home = Home::new();
    let limits = "limits: {audit_scan_bytes_max: 1, audit_page_records_max: 7}";
    let keeping = Keeping::new(&home, &format!("audit: {{ {SMALL}, erasure: on }}\n{limits}\n"));
    let server = keeping.up();
    fill(&server, 20);
    let made = home.run(&["token", "create", "--name", "vera", "--role", "auditor", "--json"]);
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let vera = made["token"].as_str().unwrap();
    let ask = |token: &str, body: &Value| server.post("/api/audit/query", token, &body.to_string());
    let (mut found, mut body) = (0, json!({ "filter": { "user": ["ann"] }, "limit": 7 }));
    loop {
        let page = ask(vera, &body);
        assert_eq!(page.status, 200, "{page:?}");
        let records = page.body["records"].as_array().unwrap();
        found += records.len();
        assert!(records.iter().all(|record| record["detail"]["tool"] == "timezone_lookup"));
        match page.body.get("next") {
            Some(next) => body["from"] = next.clone(),
            None => break,
        }
    }
    assert_eq!(found, 20);
    assert_eq!(ask(vera, &json!({ "limit": 8 })).brief(), "400 reject API-005");
    assert_eq!(ask(&server.token, &json!({})).brief(), "403 reject AUT-003");
    server.stop();
    let reads = keeping.records("admin.log_read");
    assert!(reads.len() > 3 && reads.iter().all(|read| read["actor"]["name"] == "vera"));
    assert_eq!(failure(&home.run(&["audit", "verify"])), "0 ");
}

/// What a look around the log came to: `what thought` by line, and the exit code.
fn looked(keeping: &Keeping<'_>) -> (Vec<String>, Option<i32>) {
    let args = ["audit", "doctor", "--json", "--config", &keeping.config];
    let output = keeping.home.run(&args);
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let brief = |finding: &Value| {
        let text = |name: &str| finding[name].as_str().unwrap().to_owned();
        format!("{} {}", text("what"), text("thought"))
    };
    (findings.iter().map(brief).collect(), output.status.code())
}

/// Changes a file's attributes, where the machine and the file system let us.
fn chattr(change: &str, path: &Path) -> bool {
    Command::new("chattr").arg(change).arg(path).output().is_ok_and(|done| done.status.success())
}

#[test]
fn a_look_around_the_log_finds_what_lets_others_at_it() {
    let home = Home::new();
    let keeping =
        Keeping::new(&home, &format!("audit: {{ {SMALL}, disk: {{free_bytes_min: 0}} }}\n"));
    let server = keeping.up();
    fill(&server, 10);
    server.stop();
    let (findings, exit) = looked(&keeping);
    assert_eq!(exit, Some(0), "{findings:?}");
    for sound in ["rights sound", "master key sound", "room sound", "copies note"] {
        assert!(findings.iter().any(|finding| finding == sound), "{sound}: {findings:?}");
    }
    let mut segments: Vec<_> = std::fs::read_dir(home.state().join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    segments.sort();
    let rights = |mode| {
        let rights = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&segments[0], rights).unwrap();
    };
    rights(0o644);
    let (findings, exit) = looked(&keeping);
    assert_eq!((findings[0].as_str(), exit), ("rights wrong", Some(1)));
    rights(0o600);

    let (sealed, live) = segments.split_at(segments.len() - 1);
    if !sealed.iter().all(|segment| chattr("+a", segment)) {
        eprintln!("SKIPPED: the append-only attribute cannot be set here");
        return;
    }
    assert_eq!(looked(&keeping).0[3], "append-only sound");
    // Sealed segments are read and never written, so the server minds nothing.
    assert_eq!(keeping.up().stop(), Some(0));
    assert!(chattr("+a", &live[0]));
    assert_eq!(looked(&keeping).0[3], "append-only wrong");
    for segment in &segments {
        assert!(chattr("-a", segment));
    }
}
