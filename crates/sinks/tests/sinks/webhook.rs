use bakerst_audit::encode::webhook::signature;
use bakerst_model::Secret;
use bakerst_sinks::{Sink as _, webhook};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::server::{Says, Server, says};
use crate::support::{Keys, NOW, SECRET, brief, event_id, records, secret, settings};

fn sink(url: &str) -> webhook::Webhook {
    let config = settings(json!({"url": url, "signing_key": secret(), "token": secret()}));
    webhook::Webhook::open(&config, &Keys).unwrap()
}

#[tokio::test]
async fn a_delivery_is_signed_and_holds_the_logs_own_bytes() {
    let server = Server::start([says(204, "")]).await;
    let records = records(3);
    let outcome = sink(&format!("{}/hook", server.url())).send(&records, NOW).await;
    assert_eq!(brief(&outcome), "accepted");
    let asked = server.asked_once();
    assert_eq!(asked.path, "/hook");
    assert_eq!(asked.header("content-type"), "application/json");
    assert_eq!(asked.header("authorization"), format!("Bearer {SECRET}"));
    assert_eq!(asked.header("webhook-id"), format!("{}-3", event_id(1)));
    assert_eq!(asked.header("webhook-timestamp"), "1771925400");
    let key = Secret::new(SECRET.as_bytes().to_vec());
    let signed = signature(&key, asked.header("webhook-id"), NOW, &asked.body);
    assert_eq!(asked.header("webhook-signature"), signed);
    let body = std::str::from_utf8(&asked.body).unwrap();
    let lines: Vec<&str> = records.iter().map(|record| record.line.as_ref()).collect();
    assert!(body.ends_with(&format!("\"records\":[{}]}}", lines.join(","))), "{body}");
    assert_eq!((asked.json()["first"].as_u64(), asked.json()["last"].as_u64()), (Some(1), Some(3)));
}

/// The example of the specification of Standard Webhooks.
#[test]
fn a_signature_is_what_others_would_compute() {
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let at = bakerst_model::UnixMillis(1_614_265_330_000);
    let signed = signature(
        &Secret::new(key),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at,
        br#"{"test": 2432232314}"#,
    );
    assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn answers_mean_what_they_say() {
    let cases: Vec<(Says, &str)> = vec![
        (says(200, ""), "accepted"),
        (
            says(302, "").with("location", "http://elsewhere/"),
            "denied: 302 redirects to http://elsewhere/, which is not followed: correct `url`",
        ),
        (says(400, "bad"), "refused: 400 bad"),
        (says(401, format!("not {SECRET}")), "denied: 401 not [secret]"),
        (says(403, "no"), "denied: 403 no"),
        (says(404, ""), "denied: 404"),
        (says(408, ""), "failed: 408"),
        (says(413, ""), "refused: 413"),
        (says(422, "\u{1b}[2J"), "refused: 422 \\u{1b}[2J"),
        (says(429, "slow").with("retry-after", "7"), "failed for 7000: 429 slow"),
        (says(500, ""), "failed: 500"),
        (says(503, "").with("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"), "failed: 503"),
    ];
    let server = Server::start([says(200, "")]).await;
    let mut sink = sink(&server.url());
    for (answer, want) in cases {
        server.now_says([answer]);
        let outcome = sink.send(&records(2), NOW).await;
        assert_eq!(brief(&outcome), want);
        // Nothing is followed, and nobody else is asked.
        server.asked_once();
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told_apart_and_comes_back() {
    let port = crate::support::programs::free_port();
    let mut sink = sink(&format!("http://127.0.0.1:{port}"));
    let outcome = sink.send(&records(1), NOW).await;
    assert!(brief(&outcome).starts_with("failed: Connection refused"), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let server = Server::start([says(200, "x".repeat(9 << 20))]).await;
    let outcome = sink(&server.url()).send(&records(1), NOW).await;
    assert!(brief(&outcome).starts_with("failed: "), "{outcome:?}");
}
