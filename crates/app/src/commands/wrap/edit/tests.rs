use proptest::prelude::*;

use super::*;

fn how(client: Client) -> How {
    How {
        client,
        program: "/opt/bakerst".into(),
        options: vec!["--agent".into(), "coder".into()],
        address: "127.0.0.1:8731".parse().unwrap(),
        servers: vec![("far".into(), "https://far.example/mcp".into())],
    }
}

#[track_caller]
fn check(client: Client, form: Form, text: &str, want: &str) {
    let wrapped = wrap(text, form, &how(client)).unwrap();
    let new = wrapped.text(text);
    assert_eq!(new, want);
    let again = wrap(&new, form, &how(client)).unwrap();
    assert!(again.edits.is_empty(), "{:?}", again.edits);
    let back = unwrap(&new, form, Some(text)).unwrap();
    assert!(back.left.is_empty(), "{:?}", back.left);
    assert_eq!(back.text(&new), text);
}

fn json(text: &str, want: &str) {
    check(Client::ClaudeCode, Form::Json, text, want);
}

#[test]
fn programs_are_led_and_everything_else_stays() {
    json(
        "\u{feff}{ // mine, ä\n  \"mcpServers\": {\n    \"a\": {\n      \"command\": \"npx\", /* \"args\": 1 */\n      \"args\": [\n        \"-y\", // yes\n        \"x\",\n      ],\n      \"env\": { \"K\": \"v\" },\n    },\n  },\n}\n",
        "\u{feff}{ // mine, ä\n  \"mcpServers\": {\n    \"a\": {\n      \"command\": \"/opt/bakerst\", /* \"args\": 1 */\n      \"args\": [\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", \"npx\",\n        \"-y\", // yes\n        \"x\",\n      ],\n      \"env\": { \"K\": \"v\" },\n    },\n  },\n}\n",
    );
    json(
        r#"{"mcpServers":{"a b":{"args":["\u0078"],"command":"n\u0070x"}}}"#,
        r#"{"mcpServers":{"a b":{"args":["mcp", "--name", "a b", "--agent", "coder", "--", "n\u0070x", "\u0078"],"command":"/opt/bakerst"}}}"#,
    );
    json(
        "{\"servers\":{\"a\":{\"type\":\"stdio\",\"command\":\"x\",\"args\":[]}}}",
        "{\"servers\":{\"a\":{\"type\":\"stdio\",\"command\":\"/opt/bakerst\",\"args\":[\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", \"x\"]}}}",
    );
}

#[test]
fn a_server_without_arguments_gets_them_where_its_command_is() {
    json(
        "{\"mcpServers\":{\"a\":{\n\t\"command\": \"x\"\n}}}",
        "{\"mcpServers\":{\"a\":{\n\t\"command\": \"/opt/bakerst\",\n\t\"args\": [\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", \"x\"]\n}}}",
    );
    json(
        "{\"mcpServers\":{\"a\":{\"command\": \"x\", \"args\": null}}}",
        "{\"mcpServers\":{\"a\":{\"command\": \"/opt/bakerst\", \"args\": [\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", \"x\"]}}}",
    );
    let codex = |text: &str, want: &str| check(Client::Codex, Form::Toml, text, want);
    codex(
        "# mine\nmodel = 'm'\n[mcp_servers.a] # a\ncommand = 'x' # x\n",
        "# mine\nmodel = 'm'\n[mcp_servers.a] # a\ncommand = \"/opt/bakerst\"\nargs = [\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", 'x'] # x\n",
    );
    codex(
        "[mcp_servers]\na = { command = \"x\" }\nb.command = 'y'\n",
        "[mcp_servers]\na = { command = \"/opt/bakerst\", args = [\"mcp\", \"--name\", \"a\", \"--agent\", \"coder\", \"--\", \"x\"] }\nb.command = \"/opt/bakerst\"\nb.args = [\"mcp\", \"--name\", \"b\", \"--agent\", \"coder\", \"--\", 'y']\n",
    );
}

#[test]
fn toml_keeps_its_comments_and_its_quotes() {
    check(
        Client::Codex,
        Form::Toml,
        "[mcp_servers.\"my docs\"]\ncommand = 'C:\\x'\nargs = [ # all\n  '-y', # yes, really\n  \"z\",\n]\n[mcp_servers.\"my docs\".env]\nK = 'v'\n",
        "[mcp_servers.\"my docs\"]\ncommand = \"/opt/bakerst\"\nargs = [\"mcp\", \"--name\", \"my docs\", \"--agent\", \"coder\", \"--\", 'C:\\x',  # all\n  '-y', # yes, really\n  \"z\",\n]\n[mcp_servers.\"my docs\".env]\nK = 'v'\n",
    );
}

#[test]
fn a_server_behind_an_address_is_led_where_the_gateway_has_it() {
    json(
        r#"{"mcpServers":{"far":{"type":"http","url":"https://far.example/mcp/","headers":{"X":"secret"}}}}"#,
        r#"{"mcpServers":{"far":{"type":"http","url":"http://127.0.0.1:8731/mcp/far","headers":{"Authorization":"Bearer ${BAKERST_TOKEN}"}}}}"#,
    );
    check(
        Client::Codex,
        Form::Toml,
        "[mcp_servers.far]\nurl = \"https://far.example/mcp\"\n",
        "[mcp_servers.far]\nurl = \"http://127.0.0.1:8731/mcp/far\"\nbearer_token_env_var = \"BAKERST_TOKEN\"\n",
    );
    check(
        Client::Gemini,
        Form::Json,
        r#"{"mcpServers":{"far":{"httpUrl":"https://far.example/mcp"}}}"#,
        r#"{"mcpServers":{"far":{"httpUrl":"http://127.0.0.1:8731/mcp/far", "headers": {"Authorization":"Bearer $BAKERST_TOKEN"}}}}"#,
    );
}

#[test]
fn what_cannot_be_led_stays_and_says_why() {
    let text = r#"{"mcpServers":{
        "else": {"url": "https://else.example/mcp"}, "old": {"type": "sse", "url": "https://far.example/mcp"},
        "odd": {"command": "x", "args": [1]}, "none": {}, "bare": 7
    }}"#;
    let Rewritten { left, edits, .. } = wrap(text, Form::Json, &how(Client::Cursor)).unwrap();
    assert!(edits.is_empty());
    let told: Vec<String> =
        left.iter().map(|Left { server, why }| format!("{server}: {why}")).collect();
    assert_eq!(
        told,
        [
            "bare: its entry is no object",
            "else: no server under `gateway.mcp.servers` has its address",
            "none: it has neither a command nor an address that we know how to lead",
            "odd: its arguments are not all texts",
            "old: it speaks the older transport over HTTP",
        ]
    );
}

#[test]
fn what_its_client_has_added_since_stays() {
    let text = r#"{"mcpServers":{"a":{"command":"x","args":["1"]}}}"#;
    let new = wrap(text, Form::Json, &how(Client::Cursor)).unwrap().text(text);
    let value: Value = serde_json::from_str(&new).unwrap();
    let formatted = serde_json::to_string_pretty(&value).unwrap();
    let grown = formatted.replacen('{', "{\n  \"numStartups\": 3,", 1);
    let back = unwrap(&grown, Form::Json, None).unwrap().text(&grown);
    let back: Value = serde_json::from_str(&back).unwrap();
    assert_eq!(
        back,
        json!({"numStartups": 3, "mcpServers": {"a": {"command": "x", "args": ["1"]}}})
    );
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z@/.-]{1,8}", "[ -~é\\\\\"'\u{7f}]{0,6}", Just("--".to_owned())]
}

/// A configuration with odd spaces, comments and words.
fn written(form: Form) -> impl Strategy<Value = String> {
    let server = (word(), proptest::collection::vec(word(), 0..4), 0..4usize);
    proptest::collection::btree_map("[a-z]{1,4}", server, 0..4).prop_map(move |servers| {
        let mut text = String::new();
        let gap = |at: usize| ["", " ", "\n  ", "\r\n"][at % 4];
        for (name, (command, args, at)) in servers {
            let args: Vec<String> = args.iter().map(|word| quoted(word)).collect();
            let (command, between) = (quoted(&command), format!(",{}", gap(at + 1)));
            let args = format!("[{}{}{}]", gap(at), args.join(&between), gap(at + 2));
            text += &match form {
                Form::Toml => {
                    let args = args.replace("[\n", "[ # é, \"\n");
                    format!("[mcp_servers.{name}] # \"c\nargs = {args}\ncommand = {command} # ]\n")
                }
                Form::Json => format!(
                    "{}\"{name}\": {{ /* \"]ä */ \"args\":{args},// x\n \"command\"{}: {command},}}",
                    if text.is_empty() { "" } else { "," },
                    gap(at)
                ),
            };
        }
        match form {
            Form::Toml => text,
            Form::Json => format!("{{\"x\": [1,], \"mcpServers\": {{{text}\n}} }}"),
        }
    })
}

fn round(text: &str, form: Form) -> Result<(), TestCaseError> {
    let client = how(Client::Cursor);
    let entries = form.entries(text).unwrap();
    let wrapped = wrap(text, form, &client).map_err(TestCaseError::fail)?;
    let led = |entry: &Entry| behind(&entry.command().unwrap()).is_some();
    let new = wrapped.text(text);
    prop_assert!(form.entries(&new).unwrap().iter().all(led));
    prop_assert_eq!(wrapped.changes.len(), entries.len());
    prop_assert_eq!(wrap(&new, form, &client).unwrap().text(&new), new.clone());
    // Nothing but the text itself is needed to get back to the byte.
    prop_assert_eq!(unwrap(&new, form, None).map_err(TestCaseError::fail)?.text(&new), text);
    Ok(())
}

proptest! {
    #[test]
    fn json_that_was_led_is_given_back_byte_for_byte(text in written(Form::Json)) {
        round(&text, Form::Json)?;
    }

    #[test]
    fn toml_that_was_led_is_given_back_byte_for_byte(text in written(Form::Toml)) {
        round(&text, Form::Toml)?;
    }
}
