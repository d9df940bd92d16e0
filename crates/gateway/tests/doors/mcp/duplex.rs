//! Servers that are spoken with: programs that are started for each session.

mod faults;
mod listened;
mod stateless;

use std::time::Duration;

use bakerst_model::Role;
use serde_json::{Value, json};

use super::{LEGACY, call, fate, messages, post};
use crate::support::{Client, House, Pipes, Plan, Program, Reply, request};

fn greeting() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "arguments": {} } })
}

fn lookup(id: u64) -> Value {
    call(id, "timezone_lookup", &json!({ "city": "Tokyo" }))
}

fn in_session(session: &str) -> String {
    format!("{LEGACY}mcp-session-id: {session}\r\n")
}

/// A house with this program behind the door.
async fn with(plan: Plan, program: &Program) -> House {
    let house = plan.open().await;
    house.put(program.server());
    house
}

/// Begins a session, and hands back the headers of what is said in it.
async fn begun(client: &mut Client) -> String {
    let reply = post(client, LEGACY, &greeting()).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    in_session(reply.header("mcp-session-id").expect("a session"))
}

/// What an answer says: its text, or its error.
fn said(reply: &Reply) -> String {
    let last = messages(reply).pop().unwrap_or_else(|| reply.json());
    let text = last["result"]["content"][0]["text"].as_str();
    text.or(last["error"]["message"].as_str()).unwrap_or("nothing").to_owned()
}

/// Waits until something has come true that nobody tells of.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = async {
        while !is_so() {
            // waits: it comes true by itself
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn each_session_has_a_program_of_its_own() {
    let program = Program::echoing();
    let house = with(Plan::new(), &program).await;
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    let (first, second) = (begun(&mut one).await, begun(&mut other).await);
    assert_eq!(program.started(), 2);
    for (client, session, number) in [(&mut one, &first, 1), (&mut other, &second, 2)] {
        let reply = post(client, session, &lookup(1)).await;
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(said(&reply), format!("{number} says {{\"city\":\"Tokyo\"}}"));
    }
    // What is denied never reaches one, and what comes back is cleaned as anywhere.
    let denied = post(&mut one, &first, &call(2, "unheard_of", &json!({}))).await;
    assert_eq!(fate(&denied.json()), "GRD-030");
    let mail = call(3, "timezone_lookup", &json!({ "city": "mail ann@example.com" }));
    let reply = post(&mut one, &first, &mail).await;
    assert_eq!(said(&reply), "1 says {\"city\":\"mail [REDACTED_EMAIL]\"}");
    assert!(program.heard().iter().all(|message| message["params"]["name"] != "unheard_of"));
}

#[tokio::test]
async fn a_session_ends_when_its_client_says_so_and_is_told_as_404_from_then_on() {
    let program = Program::echoing();
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    let ended = agent.exchange("DELETE /mcp/files", &session, b"").await;
    assert_eq!(ended.status, 204);
    assert_eq!(post(&mut agent, &session, &lookup(1)).await.status, 404);
    let listened = agent.exchange("GET /mcp/files", &session, b"").await;
    assert_eq!(listened.status, 404);
    until("the program was stopped", || program.stopped() == 1).await;
    let again = begun(&mut agent).await;
    assert_eq!(said(&post(&mut agent, &again, &lookup(1)).await), "2 says {\"city\":\"Tokyo\"}");
}

#[tokio::test]
async fn what_needs_a_session_and_has_none_starts_nothing() {
    let program = Program::echoing();
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    for (line, message, want) in [
        ("POST", lookup(1).to_string(), 400),
        ("POST", told.to_string(), 400),
        ("GET", String::new(), 405),
        ("DELETE", String::new(), 405),
    ] {
        let reply = agent.exchange(&format!("{line} /mcp/files"), LEGACY, message.as_bytes()).await;
        assert_eq!(reply.status, want, "{line} {message}");
    }
    assert_eq!(program.started(), 0);
}

#[tokio::test]
async fn a_session_is_no_bodys_but_its_owners() {
    let plan = Plan::new();
    let other = plan.token("mallory", &[Role::Agent], None).await;
    let program = Program::echoing();
    let house = with(plan, &program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    let mut mallory = Client::tcp(house.address, Some(&other)).await;
    assert_eq!(post(&mut mallory, &session, &lookup(1)).await.status, 404);
    assert_eq!(mallory.exchange("DELETE /mcp/files", &session, b"").await.status, 404);
    assert_eq!(said(&post(&mut agent, &session, &lookup(1)).await), "1 says {\"city\":\"Tokyo\"}");
}

/// Two requests are open; each hears of its own progress, and what belongs to neither goes to
/// the newer one.
#[tokio::test]
async fn progress_goes_to_whoever_asked_for_it() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let greeted = pipes.asked().await.unwrap();
        pipes.echo(&greeted).await;
        let (one, two) = (pipes.asked().await.unwrap(), pipes.asked().await.unwrap());
        for (asked, share) in [(&one, 1), (&two, 2), (&one, 3)] {
            let token = &asked["params"]["_meta"]["progressToken"];
            pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "progress": share } })).await;
        }
        pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "x" } })).await;
        pipes.echo(&two).await;
        pipes.echo(&one).await;
        pipes.hear().await;
    });
    let house = with(Plan::new(), &program).await;
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut one).await;
    let with_token = |id: u64| {
        let mut message = lookup(id);
        message["params"]["_meta"] = json!({ "progressToken": format!("t-{id}") });
        message
    };
    let first = request(
        "POST /mcp/files",
        Some(&house.agent),
        &session,
        with_token(1).to_string().as_bytes(),
    );
    one.send(&first).await;
    until("the first request has come", || program.heard().len() == 2).await;
    let (two, one) = (post(&mut other, &session, &with_token(2)).await, one.reply().await);
    let told = |reply: &Reply| -> Vec<Value> {
        messages(reply).iter().map(|message| message["params"]["progress"].clone()).collect()
    };
    assert_eq!(told(&one), [json!(1), json!(3), Value::Null]);
    assert_eq!(told(&two), [json!(2), Value::Null, Value::Null]);
    assert_eq!(messages(&two)[1]["method"], "notifications/message");
}

#[tokio::test]
async fn what_a_server_says_of_itself_waits_for_whoever_listens() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let greeted = pipes.asked().await.unwrap();
        pipes.echo(&greeted).await;
        let changed = json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" });
        pipes.say(&changed).await;
        while let Some(told) = pipes.hear().await {
            if told["method"] == "notifications/initialized" {
                let changed =
                    json!({ "jsonrpc": "2.0", "method": "notifications/prompts/list_changed" });
                pipes.say(&changed).await;
            }
        }
    });
    let house = with(Plan::new(), &program).await;
    let (mut agent, mut listening) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut agent).await;
    let listen = request("GET /mcp/files", Some(&house.agent), &session, b"");
    listening.send(&listen).await;
    listening.until("notifications/tools/list_changed").await;
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(post(&mut agent, &session, &told).await.status, 202);
    listening.until("notifications/prompts/list_changed").await;
    // Whoever listens next is listened to, and the other hears nothing more.
    let mut another = house.tcp().await;
    another.send(&listen).await;
    another.until("200 OK").await;
    let reply = listening.reply().await;
    assert_eq!(messages(&reply).len(), 2, "{}", reply.text);
}

/// A server asks its client in the middle of a call; the chain hears of it, and the answer finds
/// its way back.
#[tokio::test]
async fn what_a_server_asks_its_client_goes_through_the_chain_and_back() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let greeted = pipes.asked().await.unwrap();
        pipes.echo(&greeted).await;
        while let Some(asked) = pipes.asked().await {
            pipes.say(&json!({ "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": { "messages": [] } })).await;
            let word = pipes.hear().await.unwrap();
            let text = word["error"]["data"]["code"].as_str().unwrap_or("answered");
            pipes.answer(&asked, &json!({ "content": [{ "type": "text", "text": text }] })).await;
        }
    });
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    assert_eq!(said(&post(&mut agent, &session, &lookup(1)).await), "GRD-030");

    let declared =
        "  sampling/createMessage: { risk: read, schema: { type: object } }\n  timezone_lookup:";
    let plan = Plan::new().policy_with("  timezone_lookup:", declared);
    let house = with(plan, &program).await;
    let (mut agent, mut again) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut agent).await;
    let asks =
        request("POST /mcp/files", Some(&house.agent), &session, lookup(1).to_string().as_bytes());
    agent.send(&asks).await;
    agent.until("sampling/createMessage").await;
    let word = json!({ "jsonrpc": "2.0", "id": 1, "result": { "role": "assistant" } });
    assert_eq!(post(&mut again, &session, &word).await.status, 202);
    assert_eq!(said(&agent.reply().await), "answered");
}

#[tokio::test]
async fn of_more_sessions_than_one_may_have_the_idlest_ends() {
    let program = Program::echoing();
    let plan = Plan::new().limits(|limits| limits.server_sessions_per_caller_max = 2);
    let house = with(plan, &program).await;
    let mut agent = house.tcp().await;
    let (first, second) = (begun(&mut agent).await, begun(&mut agent).await);
    // Used again, so the other has been idle for longer.
    post(&mut agent, &first, &lookup(1)).await;
    let third = begun(&mut agent).await;
    let mut fates = Vec::new();
    for session in [&first, &second, &third] {
        fates.push(post(&mut agent, session, &lookup(2)).await.status);
    }
    assert_eq!(fates, [200, 404, 200]);
}

#[tokio::test]
async fn sessions_that_are_in_use_are_not_ended_for_another() {
    let program = Program::echoing();
    let plan = Plan::new().limits(|limits| limits.server_sessions_per_caller_max = 1);
    let house = with(plan, &program).await;
    let (mut agent, mut listening) = (house.tcp().await, house.tcp().await);
    let session = begun(&mut agent).await;
    listening.send(&request("GET /mcp/files", Some(&house.agent), &session, b"")).await;
    listening.until("200 OK").await;
    let refused = post(&mut agent, LEGACY, &greeting()).await.json();
    assert_eq!(refused["error"]["data"]["code"], "NET-007");
    let words = refused["error"]["message"].as_str().unwrap();
    assert!(words.contains("`server_sessions_per_caller_max`"), "{words}");
    assert_eq!(program.started(), 1);
}

#[tokio::test]
async fn all_sessions_together_are_as_many_as_the_limit_allows() {
    let program = Program::echoing();
    let plan = Plan::new().limits(|limits| limits.server_sessions_max = 2);
    let house = with(plan, &program).await;
    let mut agent = house.tcp().await;
    let first = begun(&mut agent).await;
    begun(&mut agent).await;
    let refused = post(&mut agent, LEGACY, &greeting()).await.json();
    assert_eq!(refused["error"]["data"]["code"], "NET-007");
    assert!(refused["error"]["message"].as_str().unwrap().contains("`server_sessions_max`"));
    assert_eq!(program.started(), 2);
    agent.exchange("DELETE /mcp/files", &first, b"").await;
    until("the program has gone", || program.running() == 1).await;
    begun(&mut agent).await;
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends() {
    let program = Program::echoing();
    let house =
        with(Plan::new().limits(|limits| limits.server_idle_seconds_max = 1), &program).await;
    let mut agent = house.tcp().await;
    let session = begun(&mut agent).await;
    until("the program was stopped", || program.stopped() == 1).await;
    assert_eq!(post(&mut agent, &session, &lookup(1)).await.status, 404);
}

#[tokio::test]
async fn a_thousand_sessions_leave_nothing_behind() {
    let program = Program::echoing();
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    for _ in 0..1000 {
        begun(&mut agent).await;
    }
    until("those that made room have gone", || program.running() == 16).await;
    house.gateway.end_servers().await;
    assert_eq!((program.started(), program.stopped()), (1000, 1000));
    until("all have gone", || program.running() == 0).await;
}

#[tokio::test]
async fn servers_that_are_replaced_end_what_was_begun_with_them() {
    let program = Program::echoing();
    let house = with(Plan::new(), &program).await;
    begun(&mut house.tcp().await).await;
    house.put(Program::echoing().server());
    until("the program was stopped", || program.stopped() == 1).await;
}
