//! Servers and clients that people use: what a client sees of a server is the same with Baker Street
//! in between.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::packages::{Node, Python};
use super::running::{Gateway, Running};
use super::sources;
use crate::binary;
use crate::command::{cargo, command, run};
use crate::steps::Tally;

/// A server that everybody has.
struct Known {
    name: &'static str,
    /// What starts it.
    program: Vec<String>,
    /// What is asked of it.
    calls: Value,
}

/// The servers that everybody has.
fn known(node: &Node) -> Result<[Known; 2]> {
    let data = node.folder().join("data");
    fs::create_dir_all(&data)?;
    let place = |name: &str| data.join(name).to_string_lossy().into_owned();
    let everything = json!([
        { "name": "echo", "arguments": { "message": "hello" } },
        { "name": "get-sum", "arguments": { "a": 2, "b": 3 } },
        { "name": "get-tiny-image" },
        { "name": "get-annotated-message", "arguments": { "messageType": "error", "includeImage": true } },
        { "name": "get-structured-content", "arguments": { "location": "Chicago" } },
        { "name": "get-resource-links", "arguments": { "count": 3 } },
        { "uri": "demo://resource/static/document/architecture.md" },
        { "prompt": true, "name": "simple-prompt" },
        { "prompt": true, "name": "args-prompt", "arguments": { "city": "Tokyo" } },
    ]);
    let filesystem = json!([
        { "name": "list_allowed_directories" },
        { "name": "write_file", "arguments": { "path": place("a.txt"), "content": "one\ntwo\n" } },
        { "name": "read_text_file", "arguments": { "path": place("a.txt") } },
        { "name": "edit_file", "arguments": { "path": place("a.txt"), "edits": [{ "oldText": "two", "newText": "three" }] } },
        { "name": "list_directory", "arguments": { "path": data } },
        { "name": "directory_tree", "arguments": { "path": data } },
        { "name": "read_text_file", "arguments": { "path": "/etc/hostname" } },
    ]);
    let program = |name: &str, argument: String| {
        let entry = node.folder().join("node_modules/@modelcontextprotocol").join(name);
        let entry = entry.join("dist/index.js").to_string_lossy().into_owned();
        vec![node.program().to_string_lossy().into_owned(), entry, argument]
    };
    let data = data.to_string_lossy().into_owned();
    let (name, other) = ("server-everything", "server-filesystem");
    Ok([
        Known { name, program: program(name, "stdio".to_owned()), calls: everything },
        Known { name: other, program: program(other, data), calls: filesystem },
    ])
}

/// The servers that everybody has, behind pipes, with a client of the official TypeScript SDK.
pub(super) fn wrapped(node: &Node, tally: &mut Tally) -> Result<()> {
    let gateway = Gateway::before(node, "http://127.0.0.1:9/mcp", "wrapped")?;
    for Known { name, program, calls } in known(node)? {
        let client = |is_wrapped: bool| {
            let mut client = node.run("sdk.mjs");
            client.env("CALLS", calls.to_string()).arg("--");
            if is_wrapped {
                client.arg(binary::path()).args(["mcp", "--name", "suite", "--state"]);
                client.arg(&gateway.state).arg("--");
            }
            client.args(&program);
            client
        };
        same(name, client(false), client(true), tally)?;
    }
    Ok(())
}

/// The same servers, started by the client itself and by the gateway.
pub(super) fn started(node: &Node, tally: &mut Tally) -> Result<()> {
    for Known { name, program, calls } in known(node)? {
        let gateway = Gateway::with(node, &json!({ "command": program }), "started")?;
        let (mut bare, mut through) = (old_client(node, &calls), old_client(node, &calls));
        bare.arg("--").args(&program);
        through.arg(&gateway.url).env("TOKEN", &gateway.token);
        same(&format!("{name} started by the gateway"), bare, through, tally)?;
    }
    Ok(())
}

/// A server of the first revision, behind two addresses.
pub(super) fn listened_to(node: &Node, tally: &mut Tally) -> Result<()> {
    let [Known { program, calls, .. }, _] = known(node)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut server = Command::new(node.program());
    server.args(program.get(1)).arg("sse").env("PORT", port.to_string());
    let _server = Running::listening(server, port)?;
    let url = format!("http://127.0.0.1:{port}/sse");
    let gateway = Gateway::with(node, &json!({ "url": url, "transport": "sse" }), "listened")?;
    let (mut bare, mut through) = (old_client(node, &calls), old_client(node, &calls));
    bare.arg(&url).env("TRANSPORT", "sse");
    through.arg(&gateway.url).env("TOKEN", &gateway.token);
    same("server-everything behind two addresses", bare, through, tally)
}

/// A client of the official TypeScript SDK that speaks the revisions of these servers: a newer one
/// sees what a translation adds.
fn old_client(node: &Node, calls: &Value) -> Command {
    let mut client = node.run("sdk.mjs");
    client.env("CALLS", calls.to_string()).env("MODE", "legacy");
    client
}

/// A client of `rmcp`, which is built here.
pub(super) fn rmcp(node: &Node, tally: &mut Tally) -> Result<()> {
    let crate_folder = sources().join("rmcp");
    let target = node.folder().join("rmcp");
    let mut build = cargo(&["build", "--locked"]);
    build.current_dir(&crate_folder).env("CARGO_TARGET_DIR", &target);
    run(build, |_| {})?;
    let program = target.join("debug").join("sdk-rmcp");
    before_the_fixture(node, "rmcp", || command(&program, &[]), tally)
}

/// A client of the official Python SDK.
pub(super) fn python(node: &Node, python: &Python, tally: &mut Tally) -> Result<()> {
    let script = sources().join("sdk.py");
    before_the_fixture(node, "the Python SDK", || python.run(&script), tally)
}

/// A client of the official TypeScript SDK.
pub(super) fn typescript(node: &Node, tally: &mut Tally) -> Result<()> {
    for mode in ["legacy", "auto"] {
        let client = || {
            let mut client = node.run("sdk.mjs");
            client.env("MODE", mode);
            client
        };
        before_the_fixture(node, &format!("the TypeScript SDK, {mode}"), client, tally)?;
    }
    Ok(())
}

/// A client of the official TypeScript SDK before a server that speaks none of its revisions: it
/// sees what it would see of one that does.
pub(super) fn across(node: &Node, tally: &mut Tally) -> Result<()> {
    for (mode, era) in [("legacy", "modern"), ("auto", "legacy")] {
        let server = |era: &str| {
            let mut server = node.run("server.mjs");
            server.env("ERA", era).env("TTL", "0");
            Running::start(server)
        };
        let (own, other) = (server("both")?, server(era)?);
        let gateway = Gateway::before(node, &other.line, "across")?;
        let client = |address: &str| {
            let mut client = node.run("sdk.mjs");
            client.arg(address).env("MODE", mode).env("CALLS", fixture_calls());
            client
        };
        let mut through = client(&gateway.url);
        through.env("TOKEN", &gateway.token);
        let name = format!("the TypeScript SDK, {mode}, and a server that is {era} only");
        same(&name, client(&own.line), through, tally)?;
    }
    Ok(())
}

/// What clients ask of the fixture.
fn fixture_calls() -> String {
    let calls = json!([
        { "name": "test_simple_text" },
        { "name": "test_image_content" },
        { "name": "test_embedded_resource" },
        { "name": "test_error_handling" },
        { "name": "test_tool_with_progress" },
        { "uri": "test://static-text" },
        { "uri": "test://template/7/data" },
        { "prompt": true, "name": "test_prompt_with_arguments", "arguments": { "arg1": "a", "arg2": "b" } },
    ]);
    calls.to_string()
}

/// Runs a client against the fixture directly and through the gateway.
fn before_the_fixture(
    node: &Node,
    name: &str,
    client: impl Fn() -> Command,
    tally: &mut Tally,
) -> Result<()> {
    let server = Running::start(node.run("server.mjs"))?;
    let gateway = Gateway::before(node, &server.line, "clients")?;
    let (mut direct, mut through) = (client(), client());
    direct.arg(&server.line).env("CALLS", fixture_calls());
    through.arg(&gateway.url).env("TOKEN", &gateway.token).env("CALLS", fixture_calls());
    same(name, direct, through, tally)
}

/// Fails unless both commands say the same; every line is one thing that a client saw.
fn same(name: &str, direct: Command, through: Command, tally: &mut Tally) -> Result<()> {
    let said = |mut line: Command| -> Result<Vec<Value>> {
        let said = line.stdin(Stdio::null()).output().context("a client cannot be run")?;
        let complaint = String::from_utf8_lossy(&said.stderr);
        ensure!(said.status.success(), "{name}: a client fails: {complaint}");
        let lines = String::from_utf8(said.stdout)?;
        lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    };
    let (direct, through) = (said(direct)?, said(through)?);
    for (bare, guarded) in direct.iter().zip(&through) {
        ensure!(bare == guarded, "{name}:\n  bare:    {bare}\n  guarded: {guarded}");
    }
    ensure!(direct.len() == through.len() && direct.len() > 3, "{name}: one says less");
    println!("{name}: {} answers, the same through the gateway", direct.len());
    tally.passed += u64::try_from(direct.len())?;
    Ok(())
}
