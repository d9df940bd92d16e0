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
    assert_eq!(found(&home, &["--since", "1h", "--newest", "-n", "1"]), ["system.checkpoint"]);
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

#[test]
fn an_export_says_where_it_came_from_and_overwrites_nothing() {
    let home = home_with_calls();
    let output = home.path().join("calls.jsonl");
    let export = ["audit", "export", "--decision", "allow", "--output", output.to_str().unwrap()];
    assert!(home.run(&export).status.success());
    let lines = std::fs::read_to_string(&output).unwrap();
    assert_eq!(lines, stdout(&home.run(&["audit", "query", "--decision", "allow", "--json"])));
    let origin = std::fs::read(home.path().join("calls.jsonl.origin.json")).unwrap();
    let origin: Value = serde_json::from_slice(&origin).unwrap();
    let sound: Value =
        serde_json::from_slice(&home.run(&["audit", "verify", "--json"]).stdout).unwrap();
    assert_eq!((&origin["log"], &origin["headMac"]), (&sound["log"], &sound["head"]));
    assert_eq!(
        (&origin["records"], &origin["filter"]),
        (&json!(2), &json!("--decision \"allow\""))
    );
    assert_eq!(failure(&home.run(&export)), "3 STA-001");

    let ocsf = stdout(&home.run(&["audit", "export", "--format", "ocsf", "--tool", "unheard_of"]));
    let event: Value = serde_json::from_str(&ocsf).unwrap();
    assert_eq!(
        (&event["class_uid"], &event["metadata"]["version"]),
        (&json!(2004), &json!("1.9.0"))
    );
    assert_eq!(event["attestation"]["chain_uid"], origin["log"]);
}

/// Python with `pyarrow` and `duckdb`, where the machine has them: the ones that are named, or the
/// system's own.
fn python(module: &str) -> Option<String> {
    let named = std::env::vars().find(|(name, _)| name == "BAKERST_TEST_PYTHON");
    let python = named.map_or_else(|| "python3".to_owned(), |(_, path)| path);
    let has = Command::new(&python).args(["-c", &format!("import {module}")]).output().ok()?;
    has.status.success().then_some(python)
}

/// What a script prints of the file.
fn read_by(python: &str, script: &str, file: &std::path::Path) -> String {
    let output = Command::new(python).arg("-c").arg(script).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output)
}

#[test]
fn strangers_read_the_parquet_that_we_write() {
    let home = home_with_calls();
    let file = home.path().join("all.parquet");
    let export = ["audit", "export", "--format", "parquet", "--output", file.to_str().unwrap()];
    assert!(home.run(&export).status.success());
    let bytes = std::fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    let all = stdout(&home.run(&["audit", "query", "--json"]));
    let want: Vec<_> = all
        .lines()
        .map(|line| {
            let record: Value = serde_json::from_str(line).unwrap();
            json!([
                record["seq"],
                record["timestamp"],
                record["action"],
                record["detail"]["tool"],
                record["mac"]
            ])
        })
        .collect();
    let rows = |printed: &str| -> Vec<Value> {
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let stamp = "t.strftime('%Y-%m-%dT%H:%M:%S.') + f'{t.microsecond // 1000:03}Z'";
    match python("pyarrow") {
        None => eprintln!("SKIPPED: pyarrow does not read the Parquet (no `pyarrow` in python3)"),
        Some(python) => {
            let script = format!(
                "import sys,json,pyarrow.parquet as p\nf=p.read_table(sys.argv[1])\nassert b'bakerst.log' in f.schema.metadata\nfor r in f.to_pylist():\n t=r['time']; json.loads(r['detail'])\n print(json.dumps([r['seq'],{stamp},r['action'],r['tool'],r['mac']]))"
            );
            assert_eq!(rows(&read_by(&python, &script, &file)), want);
        }
    }
    match python("duckdb") {
        None => eprintln!("SKIPPED: duckdb does not read the Parquet (no `duckdb` in python3)"),
        Some(python) => {
            let script = "import sys,json,duckdb\nfor r in duckdb.sql(f\"select seq,strftime(time,'%Y-%m-%dT%H:%M:%S.%gZ'),action,tool,mac from '{sys.argv[1]}' order by seq\").fetchall(): print(json.dumps(r))";
            assert_eq!(rows(&read_by(&python, script, &file)), want);
        }
    }
}

#[test]
fn what_is_told_of_a_person_goes_with_their_key_and_the_log_still_verifies() {
    let home = Home::new();
    let config = home.config("audit: { erasure: on }\n");
    let config = ["--config", config.to_str().unwrap()];
    let server = home.up(&config);
    call(&server, "c-1", "timezone_lookup", &json!({ "city": "Tokyo" }));
    server.stop();
    let query = |args: &[&str]| {
        stdout(
            &home.run(&[&["audit", "query", "--json", "--tool", "timezone_lookup"], args].concat()),
        )
    };
    let sealed = query(&[]);
    assert!(sealed.contains("\"subject-") && !sealed.contains("Tokyo") && !sealed.contains("ann"));
    let revealed: Value = serde_json::from_str(&query(&["--reveal", "--user", "ann"])).unwrap();
    assert_eq!(
        (&revealed["actor"]["user"], &revealed["detail"]["tool"]),
        (&json!("ann"), &json!("timezone_lookup"))
    );
    assert!(revealed["detail"]["input"].to_string().contains("Tokyo"), "{revealed}");

    let erase = |args: &[&str]| {
        home.run(&[&["audit", "erase", "--subject", "ann", "--json"], &config[..], args].concat())
    };
    let plan: Value = serde_json::from_slice(&erase(&[]).stdout).unwrap();
    assert_eq!((&plan["records"], &plan["applied"]), (&json!(1), &json!(false)));
    assert!(query(&["--reveal"]).contains("Tokyo"), "a plan changes nothing");
    assert!(erase(&["--apply"]).status.success());
    assert_eq!(query(&["--reveal"]), sealed);
    assert_eq!(query(&["--user", "ann"]), "");
    assert!(home.run(&["audit", "verify"]).status.success());
    assert_eq!(erase(&["--apply"]).status.code(), Some(1));
    assert_eq!(found(&home, &["--action", "admin.subject_erased"]).len(), 1);
}

#[test]
fn nothing_is_let_go_of_that_is_not_sealed() {
    let home = home_with_calls();
    let plan = stdout(&home.run(&["audit", "retain", "--bytes-max", "0", "--json"]));
    assert_eq!(plan.trim_end(), r#"{"applied":false,"expire":[]}"#);
    let applied = home.run(&["audit", "retain", "--bytes-max", "0", "--apply"]);
    assert_eq!(stdout(&applied), "nothing was to go\n");
    assert_eq!(found(&home, &["--action", "system.segments_expired"]), Vec::<String>::new());
}

#[test]
fn no_agents_token_reads_the_log() {
    let home = Home::new();
    let server = home.up(&[]);
    for path in ["/api/audit", "/api/audit/query", "/v1/guard/audit", "/api/approvals"] {
        let answer = server.get_as(path, &server.token);
        assert!([401, 403, 404, 405].contains(&answer.status), "{path} {}", answer.status);
        assert!(!answer.body.to_string().contains("system.started"), "{path}");
    }
}
