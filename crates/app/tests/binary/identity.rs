//! Tokens of an issuer's, whose keys are behind an address; and rates out of the environment.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::{Home, Server, failure, stdout};

/// Serves a document of keys; says where, and counts how often it was asked.
fn issuer() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys?version=1", listener.local_addr().unwrap());
    let asked = Arc::<AtomicUsize>::default();
    let counted = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "GET /keys?version=1 HTTP/1.1");
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            counted.fetch_add(1, Ordering::SeqCst);
            let x = URL_SAFE_NO_PAD.encode(pair().public_key().as_ref());
            let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] }).to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", keys.len());
            stream.write_all((head + &keys).as_bytes()).unwrap();
        }
    });
    (url, asked)
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the server goes by the same clock")]
fn token(audience: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "iss": "https://idp.example", "aud": audience, "sub": "ann", "exp": now + 60 });
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = pair().sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn call() -> Value {
    json!({ "conversationId": "c", "toolName": "timezone_lookup", "toolInput": { "city": "Tokyo" } })
}

#[test]
fn a_token_of_an_issuers_lets_an_agent_in() {
    let (url, asked) = issuer();
    let home = Home::new();
    let config = home.config(&format!(
        "identity:\n  jwt:\n    issuer: https://idp.example\n    audience: https://us.example\n    keys_url: {url}\n"
    ));
    let server = home.up(&["--config", config.to_str().unwrap()]);
    for _ in 0..3 {
        let good = server.before_as(&token("https://us.example"), "", &call());
        assert_eq!(good.brief(), "200 approve GRD-000");
    }
    let wrong = server.before_as(&token("https://them.example"), "", &call());
    assert_eq!(wrong.brief(), "401 reject AUT-007");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn what_no_token_could_be_checked_by_is_refused() {
    let home = Home::new();
    for jwt in [
        "{ issuer: a, audience: b }",
        "{ issuer: a, audience: b, keys_url: \"http://idp.example/keys\" }",
        "{ issuer: a, audience: b, keys_file: k, keys_url: \"https://idp.example/keys\" }",
        "{ issuer: a, audience: b, keys_file: k, algorithms: [HS256] }",
        "{ issuer: a, audience: b, keys_file: k, algorithms: [none] }",
        "{ issuer: a, audience: b, keys_file: k, algorithms: [] }",
        "{ issuer: a, audience: b, keys_file: k, clock_skew_seconds: 301 }",
        "{ issuer: \"\", audience: b, keys_file: k }",
    ] {
        let config = home.config(&format!("identity: {{ jwt: {jwt} }}\n"));
        let checked = home.run(&["check", "--config", config.to_str().unwrap()]);
        assert_eq!(failure(&checked), "2 CFG-004", "{jwt}");
    }
}

#[test]
fn rates_come_from_the_configuration_and_variables_override_it() {
    let home = Home::new();
    let config = home.config("rate_limits: { per_user: 5/h, per_agent: 9/min }\n");
    let config = config.to_str().unwrap();
    let mut command = home.command(&["check", "--json", "--config", config]);
    let checked = command.env("RATE_LIMIT_PER_USER", "1").env("RATE_LIMIT_GLOBAL", "200/min");
    let checked: Value = serde_json::from_str(&stdout(&checked.output().unwrap())).unwrap();
    let want = json!({ "per_agent": "9/min", "per_user": "1/min", "global": "200/min" });
    assert_eq!(checked["effective"]["rate_limits"], want);

    let mut command =
        home.command(&["up", "--json", "--listen", "127.0.0.1:0", "--config", config]);
    command.env("RATE_LIMIT_PER_USER", "1");
    let server = Server::start(command);
    assert_eq!(server.before(&call()).status, 200);
    assert_eq!(server.before(&call()).status, 429);

    let mut command = home.command(&["check"]);
    let wrong = command.env("RATE_LIMIT_GLOBAL", "many").output().unwrap();
    assert_eq!(failure(&wrong), "2 CFG-004");
    let config = home.config("rate_limits: { per_user: 0/min }\n");
    let wrong = home.run(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(failure(&wrong), "2 CFG-004");
}
