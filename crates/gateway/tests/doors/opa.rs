//! A remote OPA that answers, lies, dawdles, and is not there.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response};
use bakerst_guard::document::Node;
use bakerst_guard::{Policy, PolicySource, Registry, Sections};
use bakerst_model::Limits;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{House, Plan};

/// An OPA as strict as the real one, and sometimes in a bad mood.
#[derive(Clone)]
struct Opa {
    mood: Arc<Mutex<Mood>>,
    asked: Arc<Mutex<Vec<Value>>>,
    address: SocketAddr,
}

#[derive(Clone)]
enum Mood {
    /// It answers with this.
    Says(Value),
    /// It refuses, with this status and body.
    Refuses(u16, &'static str),
    /// It says something else than JSON.
    Babbles,
    /// It goes on and on.
    Rambles,
    /// It never answers.
    Dawdles,
}

impl Opa {
    async fn open() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let mood = Arc::new(Mutex::new(Mood::Says(json!({}))));
        let opa = Self { mood, asked: Arc::default(), address };
        let serving = opa.clone();
        let router = axum::Router::new()
            .fallback(move |request: Request<Body>| serving.clone().answer(request));
        tokio::spawn(async move { axum::serve(tcp, router).await });
        opa
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        assert_eq!(request.method(), Method::POST);
        assert_eq!(
            request.uri().to_string(),
            "/v1/data/bakerst/authz?strict-builtin-errors=true&provenance=true&metrics=true"
        );
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["host"], self.address.to_string().as_str());
        let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["input"]);
        assert_eq!(body["input"]["version"], 1);
        self.asked.lock().unwrap().push(body["input"].clone());
        let mood = self.mood.lock().unwrap().clone();
        let (status, body) = match mood {
            Mood::Says(answer) => (200, Body::from(answer.to_string())),
            Mood::Refuses(status, body) => (status, Body::from(body)),
            Mood::Babbles => (200, Body::from("<html>welcome</html>")),
            Mood::Rambles => {
                (200, Body::from(format!("{{\"result\":{{\"x\":\"{}\"}}}}", "x".repeat(1 << 20))))
            }
            Mood::Dawdles => std::future::pending().await,
        };
        let answer = Response::builder().status(status).header("content-type", "application/json");
        answer.header("location", "http://127.0.0.1:1/elsewhere").body(body).unwrap()
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn says(&self, result: &Value, revision: &str) {
        self.is(Mood::Says(json!({
            "result": result, "decision_id": "d-1", "metrics": { "timer_server_handler_ns": 5 },
            "provenance": { "version": "1.0.0", "bundles": { "authz": { "revision": revision } } },
        })));
    }

    fn questions(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn policy(address: &str, more: &str) -> Policy {
    let text = format!(
        "guardrails: {{ chain: [{{ name: human-approval }}] }}\n\
         tools: {{ look: {{ risk: read }}, pay: {{ risk: write }} }}\n\
         authorization: {{ opa: {{ url: '{address}', timeout_millis: 300{more} }} }}\n"
    );
    let (node, limits) = (Node::parse_yaml(&text, 1 << 20).unwrap(), Limits::default());
    let sections = Sections::of(&node);
    let source = PolicySource::read_sections(&sections, &Registry::default(), &limits).unwrap();
    Policy::compile(source, limits).unwrap()
}

async fn house(opa: &Opa, more: &str) -> House {
    let plan = Plan::new();
    Plan { policy: policy(&format!("http://{}", opa.address), more), ..plan }.open().await
}

/// What is said to a call, and who said it.
async fn asked(house: &House, tool: &str, number: u64) -> (Value, Value) {
    let call = json!({ "conversationId": "c-1", "toolName": tool, "toolInput": { "n": number } });
    let reply = house.tcp().await.post("/v1/guard/before", &call).await;
    let taken = house.journal.all();
    let decided = |action: &str| ["tool.allowed", "tool.asked", "tool.blocked"].contains(&action);
    let taken = taken.iter().rev().find(|taken| decided(&taken.action)).unwrap();
    let trail = taken.detail["trail"].as_array().unwrap();
    let word = trail.iter().find(|word| word["guardrail"] == "authorization").unwrap();
    (json!([reply.field("action"), reply.field("code")]), word.clone())
}

#[tokio::test]
async fn a_remote_policys_word_counts_and_is_told_apart() {
    let opa = Opa::open().await;
    let house = house(&opa, "").await;
    opa.says(&json!({ "allow": true, "deny": [], "ask": [], "other": 1 }), "r1");
    let (said, word) = asked(&house, "pay", 1).await;
    assert_eq!(said[0], "approve");
    assert_eq!(
        (&word["answered_by"], &word["decision_id"], &word["revision"]),
        (&json!("opa"), &json!("d-1"), &json!("authz=r1"))
    );
    opa.says(&json!({ "allow": true, "deny": ["not today"] }), "r1");
    assert_eq!(asked(&house, "pay", 2).await.0, json!(["reject", "GRD-070"]));
    opa.says(&json!({ "allow": true, "ask": ["sure?"] }), "r1");
    assert_eq!(asked(&house, "pay", 3).await.0, json!(["escalate", "GRD-072"]));
    opa.says(&json!({ "allow": false }), "r1");
    assert_eq!(asked(&house, "pay", 4).await.0, json!(["reject", "GRD-071"]));
    opa.is(Mood::Says(json!({ "decision_id": "d-2" })));
    assert_eq!(asked(&house, "look", 5).await.0, json!(["reject", "GRD-071"]));
}

#[tokio::test]
async fn whatever_an_opa_does_wrong_the_built_in_rules_answer_in_time() {
    let opa = Opa::open().await;
    let house = house(&opa, "").await;
    let moods = [
        (
            Mood::Refuses(400, r#"{"code":"invalid_parameter","message":"bad"}"#),
            "it answered with status 400: invalid_parameter: bad",
        ),
        (
            Mood::Refuses(401, r#"{"code":"unauthorized","message":"who?"}"#),
            "it answered with status 401: unauthorized: who?",
        ),
        (Mood::Refuses(404, "nothing"), "it answered with status 404"),
        (
            Mood::Refuses(500, r#"{"code":"internal_error","message":"oh","errors":[]}"#),
            "it answered with status 500: internal_error: oh",
        ),
        (Mood::Refuses(302, ""), "it answered with status 302"),
        (Mood::Refuses(307, ""), "it answered with status 307"),
        (Mood::Babbles, "its answer cannot be used: "),
        (Mood::Rambles, "its answer is longer than `opa_answer_bytes_max` (65536)"),
        (Mood::Dawdles, "it did not answer within 300 ms"),
        (
            Mood::Says(json!({ "result": "allow" })),
            "its answer cannot be used: the result is not an object",
        ),
        (
            Mood::Says(json!({ "result": { "allow": true, "deny": 5 } })),
            "its answer cannot be used: `deny` is neither",
        ),
        (Mood::Says(json!([true])), "its answer cannot be used: "),
    ];
    for (number, (mood, because)) in (0_u64..).zip(moods) {
        opa.is(mood);
        let began = std::time::Instant::now();
        let (said, word) = asked(&house, "pay", number).await;
        assert!(began.elapsed().as_millis() < 1500, "{because}");
        assert_eq!(said, json!(["reject", "GRD-075"]), "{because}");
        assert_eq!(word["answered_by"], "fallback");
        let told = word["because"].as_str().unwrap();
        assert!(told.starts_with(because), "{told}");
        assert_eq!(asked(&house, "look", number).await.0[0], "approve", "{because}");
    }
}

#[tokio::test]
async fn where_nobody_listens_the_built_in_rules_answer() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let house = Plan { policy: policy(&format!("http://{free}"), ""), ..Plan::new() }.open().await;
    let (said, word) = asked(&house, "pay", 1).await;
    assert_eq!((said, &word["answered_by"]), (json!(["reject", "GRD-075"]), &json!("fallback")));
    assert_eq!(asked(&house, "look", 1).await.0[0], "approve");
}

#[tokio::test]
async fn answers_are_remembered_until_the_revision_changes() {
    let opa = Opa::open().await;
    let house = house(&opa, ", cache_seconds: 3600").await;
    opa.says(&json!({ "allow": true }), "r1");
    asked(&house, "pay", 1).await;
    let (said, word) = asked(&house, "pay", 1).await;
    assert_eq!(
        (said[0].clone(), &word["cached"], opa.questions()),
        (json!("approve"), &json!(true), 1)
    );
    // Another question brings the news that the policy is another, and what was said is forgotten.
    opa.says(&json!({ "allow": false }), "r2");
    asked(&house, "pay", 2).await;
    assert_eq!(asked(&house, "pay", 1).await.0, json!(["reject", "GRD-071"]));
    assert_eq!(opa.questions(), 3);
    // Without a revision nothing would tell when an answer no longer holds.
    opa.is(Mood::Says(json!({ "result": { "allow": true } })));
    asked(&house, "pay", 3).await;
    asked(&house, "pay", 3).await;
    assert_eq!(opa.questions(), 5);
}

#[tokio::test]
async fn the_real_opa_agrees_where_it_is_installed() {
    let found = std::process::Command::new("opa").arg("version").output();
    if found.is_err() {
        eprintln!(
            "skipped `the_real_opa_agrees_where_it_is_installed`: there is no `opa` on the path"
        );
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let rego = folder.path().join("authz.rego");
    std::fs::write(&rego, "package bakerst.authz\ndefault allow := false\nallow if input.args.n < 5\ndeny contains \"odd\" if input.args.n % 2 == 1\n").unwrap();
    let socket = folder.path().join("opa.sock");
    let mut running = std::process::Command::new("opa")
        .args(["run", "--server", "--addr"])
        .arg(format!("unix://{}", socket.display()))
        .arg(&rego)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let house = Plan { policy: policy(&format!("unix:{}", socket.display()), ""), ..Plan::new() }
        .open()
        .await;
    for _ in 0..100 {
        if asked(&house, "pay", 2).await.0[0] == "approve" {
            break;
        }
        // waits: a program that was just started does not say when it listens
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(asked(&house, "pay", 2).await.0[0], "approve");
    assert_eq!(asked(&house, "pay", 3).await.0, json!(["reject", "GRD-070"]));
    assert_eq!(asked(&house, "pay", 8).await.0, json!(["reject", "GRD-071"]));
    running.kill().unwrap();
    running.wait().unwrap();
}
