//! Servers behind addresses, asked over HTTP with and without TLS.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::{clients, init, out};
use crate::support::{Home, stdout};

/// One request: the line, the headers in lower case, and the body.
struct Asked {
    line: String,
    headers: String,
    body: Value,
}

fn read(stream: &mut impl Read) -> Option<Asked> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = String::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        headers.push_str(&header.to_lowercase());
    }
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Some(Asked { line, headers, body })
}

const NOTE: &str = r#"{"name":"read_note","inputSchema":{"type":"object"}}"#;

/// What a strict server says: nothing to whoever brings no key, or leaves out what was agreed.
fn answer(Asked { line, headers, body }: &Asked) -> String {
    let whole = |status: &str, kind: &str, more: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{more}connection: close\r\n\r\n{body}"
        )
    };
    let agreed = headers.contains("mcp-session-id: s-1")
        && headers.contains("mcp-protocol-version: 2025-11-25");
    let is_known =
        ["x-key: k-1", "authorization: bearer k-1"].iter().any(|key| headers.contains(key));
    match body["method"].as_str() {
        _ if !is_known => whole("401 Unauthorized", "text/plain", "", "who?"),
        _ if line.starts_with("DELETE") => whole("200 OK", "text/plain", "", ""),
        Some("initialize") => {
            let said = json!({"jsonrpc": "2.0", "id": body["id"], "result": {"protocolVersion": "2025-11-25"}});
            whole("200 OK", "application/json", "mcp-session-id: s-1\r\n", &said.to_string())
        }
        _ if !agreed => whole("400 Bad Request", "text/plain", "", "what session?"),
        Some("notifications/initialized") => whole("202 Accepted", "text/plain", "", ""),
        Some("tools/list") => {
            let said = format!(
                ": hello\n\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}}\n\n\
                 data: {{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":{{\"tools\":[{NOTE}]}}}}\n\n",
                body["id"]
            );
            whole("200 OK", "text/event-stream", "", &said)
        }
        _ => whole("404 Not Found", "text/plain", "", ""),
    }
}

/// Serves each connection one answer, over TLS where there is a configuration for it.
pub(super) fn serve(tls: Option<Arc<ServerConfig>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            match &tls {
                None => exchange(&mut stream),
                Some(tls) => {
                    let session = ServerConnection::new(tls.clone()).unwrap();
                    let mut stream = StreamOwned::new(session, stream);
                    exchange(&mut stream);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        }
    });
    port
}

fn exchange(stream: &mut (impl Read + Write)) {
    if let Some(asked) = read(stream) {
        let _ = stream.write_all(answer(&asked).as_bytes());
        let _ = stream.flush();
    }
}

pub(super) fn tools(told: &Value) -> Vec<&str> {
    told["tools"].as_array().unwrap().iter().map(|tool| tool["tool"].as_str().unwrap()).collect()
}

#[test]
fn a_server_behind_an_address_is_asked_for_its_tools() {
    let home = Home::new();
    let url = format!("http://127.0.0.1:{}/mcp?x=secret", serve(None));
    clients(
        &home,
        &json!({
            "notes": {"type": "http", "url": url, "headers": {"X-Key": "k-1"}},
            "shut": {"url": url},
            "far": {"url": "http://tools.example/mcp", "headers": {"X-Key": "k-1"}},
        }),
    );
    let planned = stdout(&init(&home, &[]));
    assert!(planned.contains("call   notes  http://127.0.0.1:"), "{planned}");
    assert!(!planned.contains("secret") && !planned.contains("k-1"), "{planned}");
    let done = init(&home, &["--apply", "--json", "--timeout-seconds", "20"]);
    let told: Value = serde_json::from_str(&stdout(&done)).unwrap();
    assert_eq!(tools(&told), ["mcp__notes__read_note"], "{told}");
    let failed: Vec<&str> = told["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        failed,
        [
            "the server `far` cannot be asked: its credentials would cross the network without TLS",
            "the server `shut` cannot be asked: it wants to know who asks (401 Unauthorized); hand in \
             its list with `bakerst policy pin --tools`",
        ]
    );
    let lock = fs::read_to_string(out(&home).join("bakerst.lock")).unwrap();
    assert!(lock.contains("/mcp\"") && !lock.contains("secret"), "{lock}");
}

/// A server's configuration for 127.0.0.1, and who signed it, as a file.
pub(super) fn certified(home: &Home) -> (Arc<ServerConfig>, std::path::PathBuf) {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let authority = home.path().join("authority.pem");
    fs::write(&authority, certificate.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.into())
        .unwrap();
    (Arc::new(config), authority)
}

#[test]
fn over_tls_the_server_must_be_who_it_says() {
    let home = Home::new();
    let (tls, authority) = certified(&home);
    let url = format!("https://127.0.0.1:{}/mcp", serve(Some(tls)));
    clients(&home, &json!({"notes": {"url": url, "headers": {"X-Key": "k-1"}}}));
    let folder = out(&home);
    let args = ["init", "--apply", "--json", "--force", "--output", folder.to_str().unwrap()];
    let trusting = |authority: &std::path::Path| {
        let mut command = home.command(&args);
        let output = command.env("SSL_CERT_FILE", authority).output().unwrap();
        serde_json::from_str::<Value>(&stdout(&output)).unwrap()
    };
    assert_eq!(tools(&trusting(&authority)), ["mcp__notes__read_note"]);
    let stranger = Home::new();
    let (_, other) = certified(&stranger);
    let told = trusting(&other);
    let message = told["failed"][0]["message"].as_str().unwrap();
    assert!(message.contains("it cannot be reached"), "{told}");
}
