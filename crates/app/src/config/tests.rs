use std::fs;

use super::*;
use crate::failure::Exit;

fn load(text: &str) -> Result<Config, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bakerst.yaml");
    fs::write(&file, text).unwrap();
    Config::load(Some(&file))
}

/// Where and what is wrong, without the folder's name.
#[track_caller]
fn check_failure(text: &str, want: &str) {
    let failure = load(text).map(|_| ()).expect_err("this must not load");
    assert_eq!(failure.exit, Exit::Usage);
    let place = failure.place.map(|place| format!("{}:{} ", place.line, place.column));
    let hint = failure.hint.map(|hint| format!(" ({hint})"));
    let got = [
        place.unwrap_or_default(),
        failure.code.to_string(),
        " ".into(),
        failure.message,
        hint.unwrap_or_default(),
    ];
    assert_eq!(got.concat(), want);
}

#[test]
fn a_server_is_behind_an_address_or_started_and_never_both() {
    let server =
        |fields: &str| format!("gateway:\n  mcp:\n    servers:\n      a: {{ {fields} }}\n");
    let url = "url: \"http://127.0.0.1:1/mcp\"";
    for fields in [
        url.to_owned(),
        format!("{url}, transport: sse, bearer_secret: b"),
        format!("{url}, headers: {{ x-api-key: {{ secret: b }} }}, bearer_file: /b"),
        "command: [a, b], env: { A: b, C: { secret: d } }, cwd: /tmp".to_owned(),
    ] {
        assert!(load(&server(&fields)).is_ok(), "{fields}");
    }
    let both = format!("{url}, command: [a]");
    let env = format!("{url}, cwd: /tmp");
    let tokens = format!("{url}, bearer_file: /b, bearer_secret: b");
    let host = format!("{url}, headers: {{ host: {{ secret: b }} }}");
    let name = format!("{url}, headers: {{ mcp-name: {{ secret: b }} }}");
    for (fields, at, want) in [
        ("cwd: /tmp", "{ cwd", "expected a `url`, or a `command` to start"),
        (&both, "[a]", "a server has a `url` or a `command`, not both"),
        (&env, "/tmp", "only a server with a `command` is started by us"),
        ("command: [a], transport: sse", "sse", "only a server with a `url` is behind an address"),
        (&tokens, "b }", "expected one of `bearer_file` and `bearer_secret`"),
        ("command: [a], cwd: b", "b }", "expected a path from the root, such as `/srv/tools`"),
        ("command: [\"\"]", "[", "expected a program and its arguments"),
        (
            "command: [a], env: { \"A=B\": c }",
            "{ \"A",
            "a variable's name is not empty and holds no `=`",
        ),
        (&host, "{ host", "the header `host` cannot be sent: the transport sets it itself"),
        (&name, "{ mcp-", "the header `mcp-name` cannot be sent: the transport sets it itself"),
    ] {
        let text = server(fields);
        let column = text.lines().last().unwrap().find(at).unwrap() + 1;
        check_failure(&text, &format!("4:{column} CFG-004 {want}"));
    }
    let plain = load(&server(&format!("{url}, headers: {{ x-api-key: plain }}"))).err().unwrap();
    assert_eq!(plain.code, Code::ConfigValue);
}

const BARE: &str = "chain:\n  - name: prompt-injection\n    config: { sensitivity: high }\n";

#[test]
fn a_bare_file_and_a_config_map_are_the_same_policy() {
    let indented: String = BARE.lines().map(|line| format!("    {line}\n")).collect();
    let map = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: guardrail-config\ndata:\n  guardrails.yaml: |\n{indented}"
    );
    let digest = |text: &str| load(text).unwrap().compile().unwrap().digest();
    assert_eq!(digest(BARE), digest(&map));
    let inline: String = BARE.lines().map(|line| format!("  {line}\n")).collect();
    assert_eq!(digest(BARE), digest(&format!("guardrails:\n{inline}")));
}

#[test]
fn guardrails_may_stand_in_a_file_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rails.yaml"), BARE).unwrap();
    let file = folder.path().join("bakerst.yaml");
    fs::write(&file, "guardrails: { file: rails.yaml }\ndurability: batched\n").unwrap();
    let config = Config::load(Some(&file)).unwrap();
    assert_eq!(config.durability, Durability::Batched);
    assert_eq!(config.compile().unwrap().digest(), load(BARE).unwrap().compile().unwrap().digest());

    fs::write(folder.path().join("rails.yaml"), "chain:\n  - nmae: x\n").unwrap();
    let failure = Config::load(Some(&file)).err().unwrap();
    let place = failure.place.unwrap();
    assert!(place.file.ends_with("rails.yaml"));
    assert_eq!((place.line, place.column), (2, 5));
}

#[test]
fn the_effective_configuration_loads_again_as_itself() {
    let config =
        load("guardrails: { chain: [{name: human-approval}] }\ntools: { t: { risk: read } }")
            .unwrap();
    let printed = serde_saphyr::to_string(&config).unwrap();
    let again = load(&printed).unwrap_or_else(|failure| panic!("{failure:?}\n{printed}"));
    assert_eq!(serde_saphyr::to_string(&again).unwrap(), printed);
    assert_eq!(config.compile().unwrap().digest(), again.compile().unwrap().digest());
}

#[test]
fn what_is_wrong_is_shown_where_it_stands() {
    check_failure(
        "listen: {adress: x}",
        "1:10 CFG-003 unknown field `adress` (did you mean `address`?)",
    );
    check_failure("listn: {}", "1:1 CFG-003 unknown field `listn` (did you mean `listen`?)");
    check_failure(
        "durability:\n\tstrict\n",
        "2:2 CFG-002 tabs disallowed within this context (block indentation)",
    );
    check_failure(
        "durability: srtict",
        "1:13 CFG-004 unknown value `srtict` (did you mean `strict`?)",
    );
    check_failure(
        "budget: {}",
        "1:9 CFG-005 the section `budget` is not built yet (leave it out: it would not be enforced)",
    );
    check_failure(
        "listen: {address: '0.0.0.0:1'}",
        "1:9 NET-003 `0.0.0.0` is not loopback, and TLS is not built yet",
    );
    check_failure("limits: {json_depth_max: 1000}", "1:26 CFG-004 `json_depth_max` is at most 120");
    check_failure(
        "kind: ConfigMap\ndata: {}",
        "1:1 CFG-004 the ConfigMap has no text under `data.\"guardrails.yaml\"`",
    );
    check_failure(
        "kind: ConfigMap\ndata:\n  guardrails.yaml: |\n    chain:\n      - nam: x\n",
        "5:9 CFG-003 unknown field `nam` (did you mean `name`?)",
    );
}

#[test]
fn a_missing_file_and_a_file_that_is_no_text_are_said() {
    let missing = Config::load(Some(Path::new("/nowhere/bakerst.yaml"))).err().unwrap();
    assert_eq!(missing.code, Code::ConfigUnreadable);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.yaml");
    fs::write(&file, b"a: \xff").unwrap();
    let binary = Config::load(Some(&file)).err().unwrap();
    assert!(binary.message.ends_with("byte 3 is not valid UTF-8"), "{}", binary.message);
}

#[test]
fn off_is_a_word() {
    assert_eq!(load("enforcement: off").unwrap().enforcement, Enforcement::Off);
}
