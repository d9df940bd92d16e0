//! Programs that fail, lie and flood.

use serde_json::{Value, json};

use super::{begun, greeting, in_session, lookup, said, until, with};
use crate::mcp::{LEGACY, messages, post};
use crate::support::{House, Pipes, Plan, Program, Reply};

/// A program that greets, and answers one request as it is told; then it listens until it is let go.
fn faulty<P>(part: impl Fn(Pipes, Value) -> P + Clone + Send + Sync + 'static) -> Program
where
    P: Future<Output = Option<Pipes>> + Send + 'static,
{
    Program::new(move |mut pipes| {
        let part = part.clone();
        async move {
            let Some(greeted) = pipes.asked().await else { return };
            pipes.echo(&greeted).await;
            let Some(asked) = pipes.asked().await else { return };
            if let Some(mut pipes) = part(pipes, asked).await {
                while let Some(asked) = pipes.asked().await {
                    pipes.echo(&asked).await;
                }
            }
        }
    })
}

fn small() -> Plan {
    Plan::new().limits(|limits| {
        limits.result_bytes_max = 10_000;
        limits.upstream_millis_max = 500;
    })
}

/// Asks twice in one session, and hands back both answers.
async fn asked_twice(program: &Program) -> (House, Reply, Reply) {
    let house = with(small(), program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    let first = post(&mut agent, &session, &lookup(1)).await;
    let second = post(&mut agent, &session, &lookup(2)).await;
    (house, first, second)
}

const ALIVE: &str = "1 says {\"city\":\"Tokyo\"}";

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_passed_over() {
    for wrong in [
        "a word for people\n".to_owned(),
        "\n\n\u{0}\n".to_owned(),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\n".to_owned(),
        format!("{}\n", json!({ "jsonrpc": "2.0", "id": 99, "result": { "content": [] } })),
        format!("{}\n", json!({ "jsonrpc": "2.0", "id": "1", "result": { "content": [] } })),
        format!("{}\n", json!({ "jsonrpc": "2.0", "id": null, "result": { "content": [] } })),
        format!("[{}]\n", json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [] } })),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"result\":{}}\n".to_owned(),
    ] {
        let program = faulty(move |mut pipes, asked| {
            let wrong = wrong.clone();
            async move {
                pipes.print(&wrong).await;
                pipes.echo(&asked).await;
                Some(pipes)
            }
        });
        let (_house, first, second) = asked_twice(&program).await;
        assert_eq!((said(&first).as_str(), said(&second).as_str()), (ALIVE, ALIVE));
    }
}

#[tokio::test]
async fn a_second_answer_to_one_question_is_dropped() {
    let program = faulty(|mut pipes, asked| async move {
        pipes.echo(&asked).await;
        let twice = json!({ "content": [{ "type": "text", "text": "twice" }] });
        pipes.answer(&asked, &twice).await;
        // Nor does it answer what is asked next under the same name.
        let next = pipes.asked().await?;
        pipes.answer(&asked, &twice).await;
        pipes.echo(&next).await;
        Some(pipes)
    });
    let (_house, first, second) = asked_twice(&program).await;
    assert_eq!((said(&first).as_str(), said(&second).as_str()), (ALIVE, ALIVE));
}

#[tokio::test]
async fn a_program_that_dies_is_told_of_and_its_session_is_gone() {
    let ended = "the server ended before it answered";
    let before = faulty(|_, _| async { None });
    let midway = faulty(|mut pipes, asked| async move {
        let progress = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
        pipes.say(&progress).await;
        pipes.print(&format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"res", asked["id"])).await;
        None
    });
    let giant = faulty(|mut pipes, _| async move {
        pipes.print(&"x".repeat(20_000)).await;
        Some(pipes)
    });
    for program in [before, midway, giant] {
        let (house, first, second) = asked_twice(&program).await;
        assert_eq!((said(&first).as_str(), second.status), (ended, 404));
        until("it was stopped", || program.stopped() == 1).await;
        // Nobody else is told anything of it.
        house.put(Program::echoing().server());
        let mut agent = house.tcp().await;
        let session = begun(&mut agent).await;
        assert_eq!(said(&post(&mut agent, &session, &lookup(1)).await), ALIVE);
    }
}

#[tokio::test]
async fn a_program_that_says_nothing_is_given_up_and_may_go_on() {
    let program = faulty(|mut pipes, asked| async move {
        loop {
            let told = pipes.hear().await?;
            if told["method"] == "notifications/cancelled" {
                // It answers all the same, and too late.
                pipes.echo(&asked).await;
                return Some(pipes);
            }
        }
    });
    let (_house, first, second) = asked_twice(&program).await;
    assert_eq!(said(&first), "the server took longer than `upstream_millis_max` allows");
    assert_eq!(said(&second), ALIVE);
    let heard = program.heard();
    let taken_back: Vec<_> = heard.iter().filter(|told| told["id"].is_null()).collect();
    assert_eq!(taken_back[0]["params"]["requestId"], 1);
}

#[tokio::test]
async fn a_program_that_reads_nothing_holds_nobody_for_ever() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let greeted = pipes.asked().await.unwrap();
        pipes.echo(&greeted).await;
        std::future::pending::<()>().await;
    });
    let house = with(small(), &program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    let mut long = lookup(1);
    long["params"]["_meta"] = json!({ "long": "x".repeat(100_000) });
    for _ in 0..3 {
        let reply = post(&mut agent, &session, &long).await;
        assert_eq!(said(&reply), "the server took longer than `upstream_millis_max` allows");
    }
    assert_eq!(agent.exchange("DELETE /mcp/files", &session, b"").await.status, 204);
    until("it was stopped", || program.stopped() == 1).await;
}

#[tokio::test]
async fn a_flood_reaches_its_own_client_and_is_waited_for() {
    let program = faulty(|mut pipes, asked| async move {
        let news = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
        for _ in 0..2000 {
            pipes.say(&news).await;
        }
        pipes.echo(&asked).await;
        Some(pipes)
    });
    let (_house, first, second) = asked_twice(&program).await;
    assert_eq!(messages(&first).len(), 2001);
    assert_eq!((said(&first).as_str(), said(&second).as_str()), (ALIVE, ALIVE));
}

/// Nobody listens, so only the last of it is kept.
#[tokio::test]
async fn a_flood_that_nobody_listens_to_is_not_kept() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let greeted = pipes.asked().await.unwrap();
        pipes.echo(&greeted).await;
        for number in 0..5000 {
            pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "data": number } })).await;
        }
        let asked = pipes.asked().await.unwrap();
        pipes.echo(&asked).await;
        pipes.hear().await;
    });
    let house = with(small(), &program).await;
    let (mut agent, mut listening) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut agent).await;
    let reply = post(&mut agent, &session, &lookup(1)).await;
    assert_eq!(said(&reply), ALIVE, "{}", reply.text);
    let listen = crate::support::request("GET /mcp/files", Some(&house.agent), &session, b"");
    listening.send(&listen).await;
    listening.until("200 OK").await;
    agent.exchange("DELETE /mcp/files", &session, b"").await;
    let kept = messages(&listening.reply().await).len();
    assert!(kept <= 64, "{kept} were kept");
}

#[tokio::test]
async fn a_program_that_cannot_live_is_not_started_in_a_storm() {
    let program = Program::new(|_| async {});
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    let mut told = Vec::new();
    for _ in 0..20 {
        told.push(said(&post(&mut agent, LEGACY, &greeting()).await));
    }
    assert_eq!(told[0], "the server ended before it answered");
    let rests = "the server ended soon after its start; it is started again in";
    assert!(told[19].starts_with(rests), "{told:?}");
    assert!(program.started() <= 3, "{}", program.started());
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_told_of() {
    let program = Program::echoing();
    program.break_down();
    let house = with(Plan::new(), &program).await;
    let reply = post(&mut house.tcp().await, LEGACY, &greeting()).await.json();
    assert_eq!(reply["error"]["message"], "the server cannot be started");
    assert_eq!(reply["error"]["data"]["code"], "NET-005");
}

#[tokio::test]
async fn a_program_that_refuses_the_greeting_gets_no_session() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let asked = pipes.asked().await.unwrap();
        pipes.say(&json!({ "jsonrpc": "2.0", "id": asked["id"], "error": { "code": -32602, "message": "unsupported" } })).await;
        pipes.hear().await;
    });
    let house = with(Plan::new(), &program).await;
    let reply = post(&mut house.tcp().await, LEGACY, &greeting()).await;
    assert_eq!((said(&reply).as_str(), reply.header("mcp-session-id")), ("unsupported", None));
    until("it was stopped", || program.stopped() == 1).await;
}

#[tokio::test]
async fn two_requests_of_one_name_are_not_open_at_once() {
    let program = faulty(|mut pipes, asked| async move {
        // Until the other has come and gone.
        while pipes.hear().await?["method"] != "notifications/go" {}
        pipes.echo(&asked).await;
        Some(pipes)
    });
    let house = with(Plan::new(), &program).await;
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut one).await;
    let asks = crate::support::request(
        "POST /mcp/files",
        Some(&house.agent),
        &session,
        lookup(1).to_string().as_bytes(),
    );
    one.send(&asks).await;
    until("the first has come", || program.heard().len() == 2).await;
    let twice = post(&mut other, &session, &lookup(1)).await;
    assert_eq!(said(&twice), "a request of this id is open already");
    let go = json!({ "jsonrpc": "2.0", "method": "notifications/go" });
    post(&mut other, &session, &go).await;
    assert_eq!(said(&one.reply().await), ALIVE);
    let gone = in_session("00");
    assert_eq!(post(&mut other, &gone, &lookup(1)).await.status, 404);
}
