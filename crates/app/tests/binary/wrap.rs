//! `bakerst wrap` and `bakerst unwrap`, on the configurations of clients.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{BAKERST, Home, failure, stdout};

const CURSOR: &str = "{\n  // mine\n  \"mcpServers\": {\n    \"notes\": {\n      \"command\": \"npx\",\n      \"args\": [\"-y\", \"notes\", \"--key=sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789\"],\n    },\n    \"far\": { \"url\": \"https://far.example/mcp\" },\n  },\n}\n";

fn config_of(home: &Home, file: &str, text: &str) -> PathBuf {
    let path = home.path().join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    path
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_client_is_led_through_us_and_given_back_byte_for_byte() {
    let home = Home::new();
    let file = config_of(&home, ".cursor/mcp.json", CURSOR);
    let planned = home.run(&["wrap", "cursor"]);
    assert_eq!(planned.status.code(), Some(0), "{planned:?}");
    let told = stdout(&planned);
    assert!(told.contains("-      \"command\": \"npx\","), "{told}");
    assert!(told.contains(&format!("+      \"command\": \"{BAKERST}\",")), "{told}");
    assert!(!told.contains("sk-ant-api03"), "{told}");
    assert!(told.contains("left  far  no server under `gateway.mcp.servers`"), "{told}");
    assert_eq!(read(&file), CURSOR);

    // One server stays unguarded, so not all is well.
    assert_eq!(home.run(&["wrap", "cursor", "--apply"]).status.code(), Some(1));
    let wrapped = read(&file);
    let state = home.state();
    let start = format!(
        "[\"mcp\", \"--name\", \"notes\", \"--state\", \"{}\", \"--\", \"npx\", \"-y\", \"notes\"",
        state.display()
    );
    assert!(wrapped.contains(&start), "{wrapped}");
    assert!(wrapped.contains("// mine"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);

    home.run(&["wrap", "cursor", "--apply"]);
    assert_eq!(read(&file), wrapped, "led twice");

    let planned = stdout(&home.run(&["unwrap", "cursor", "--json"]));
    let planned: Value = serde_json::from_str(&planned).unwrap();
    let copy = planned["files"][0]["copy"].as_str().unwrap();
    assert_eq!(fs::read_to_string(copy).unwrap(), CURSOR);
    assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(read(&file), wrapped);

    assert_eq!(home.run(&["unwrap", "cursor", "--apply"]).status.code(), Some(0));
    assert_eq!(read(&file), CURSOR);
    assert!(!fs::exists(copy).unwrap());
}

#[test]
fn what_a_client_wrote_since_stays_when_it_is_given_back() {
    let home = Home::new();
    let file = config_of(&home, ".claude.json", r#"{"mcpServers":{"a":{"command":"x"}}}"#);
    assert_eq!(home.run(&["wrap", "claude-code", "--apply"]).status.code(), Some(0));
    let grown = read(&file).replacen(
        r#""mcpServers":{"#,
        r#""numStartups":3,"mcpServers":{"b":{"command":"y","args":[]},"#,
        1,
    );
    fs::write(&file, &grown).unwrap();
    assert_eq!(home.run(&["wrap", "claude-code", "--apply"]).status.code(), Some(0));
    assert_eq!(read(&file).matches(BAKERST).count(), 2);
    assert_eq!(home.run(&["unwrap", "claude-code", "--apply"]).status.code(), Some(0));
    assert_eq!(
        read(&file),
        r#"{"numStartups":3,"mcpServers":{"b":{"command":"y","args":[]},"a":{"command":"x"}}}"#
    );
}

#[test]
fn a_servers_address_is_ours_once_the_gateway_knows_it() {
    let home = Home::new();
    let config = home.config(
        "listen: { address: \"127.0.0.1:9000\" }\ngateway:\n  mcp:\n    servers:\n      near: { url: \"http://127.0.0.1:3001/mcp\" }\n",
    );
    let text =
        "[mcp_servers.n]\nurl = \"http://127.0.0.1:3001/mcp\"\nhttp_headers = { A = \"b\" }\n";
    let file = config_of(&home, ".codex/config.toml", text);
    let config = ["--config", config.to_str().unwrap()];
    assert_eq!(
        home.run(&[&["wrap", "codex", "--apply"], &config[..]].concat()).status.code(),
        Some(0)
    );
    let wrapped = read(&file);
    assert!(wrapped.contains("url = \"http://127.0.0.1:9000/mcp/near\"\nbearer_token_env_var"));
    assert_eq!(home.run(&["unwrap", "codex", "--apply"]).status.code(), Some(0));
    assert_eq!(read(&file), text);
}

#[test]
fn what_cannot_be_read_or_found_is_said() {
    let home = Home::new();
    assert_eq!(failure(&home.run(&["wrap", "gemini"])), "2 CFG-001");
    config_of(&home, ".gemini/settings.json", "{\"mcpServers\":{},\"mcpServers\":{}}");
    assert_eq!(failure(&home.run(&["wrap", "gemini"])), "2 CFG-001");
}
