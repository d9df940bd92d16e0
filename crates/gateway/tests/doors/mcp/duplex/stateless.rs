//! Under the revision without sessions an owner's requests share one program, and nobody else's.

use bakerst_model::Role;
use serde_json::{Value, json};

use super::{lookup, said, until, with};
use crate::mcp::{messages, modern, post};
use crate::support::{Client, Pipes, Plan, Program, request};

/// A message of this revision, as bytes with all its headers.
fn bytes(token: &str, message: Value) -> Vec<u8> {
    let (message, headers) = modern(message);
    request("POST /mcp/files", Some(token), &headers, message.to_string().as_bytes())
}

#[tokio::test]
async fn an_owner_has_one_program_and_another_owner_another() {
    let plan = Plan::new();
    let other = plan.token("mallory", &[Role::Agent], None).await;
    let program = Program::echoing();
    let house = with(plan, &program).await;
    let (message, headers) = modern(lookup(1));
    for (token, number) in [(&house.agent, 1), (&house.agent, 1), (&other, 2), (&house.agent, 1)] {
        let mut client = Client::tcp(house.address, Some(token)).await;
        let reply = post(&mut client, &headers, &message).await;
        assert_eq!(reply.json()["id"], 1);
        assert_eq!(said(&reply), format!("{number} says {{\"city\":\"Tokyo\"}}"));
        assert_eq!(reply.header("mcp-session-id"), None);
    }
    assert_eq!(program.started(), 2);
}

/// Two clients of one credential count from one each; each gets what it asked for.
#[tokio::test]
async fn two_clients_of_one_owner_may_use_the_same_names() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let (one, two) = (pipes.asked().await.unwrap(), pipes.asked().await.unwrap());
        assert_ne!(one["id"], two["id"]);
        for asked in [&two, &one] {
            let token = &asked["params"]["_meta"]["progressToken"];
            assert!(token.is_number(), "{token}");
            pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": token, "message": asked["params"]["arguments"]["city"] } })).await;
        }
        pipes.echo(&two).await;
        pipes.echo(&one).await;
        pipes.hear().await;
    });
    let house = with(Plan::new(), &program).await;
    let asks = |city: &str| {
        let mut message = crate::mcp::call(1, "timezone_lookup", &json!({ "city": city }));
        message["params"]["_meta"] = json!({
            "progressToken": "same", "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        });
        let (_, headers) = modern(message.clone());
        request("POST /mcp/files", Some(&house.agent), &headers, message.to_string().as_bytes())
    };
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    one.send(&asks("Oslo")).await;
    other.send(&asks("Rome")).await;
    for (client, city) in [(&mut one, "Oslo"), (&mut other, "Rome")] {
        let messages = messages(&client.reply().await);
        let [progress, answer] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!(progress["params"], json!({ "progressToken": "same", "message": city }));
        assert_eq!(answer["id"], 1);
        let text = answer["result"]["content"][0]["text"].as_str().unwrap();
        assert_eq!(text, format!("1 says {{\"city\":\"{city}\"}}"));
    }
    assert_eq!(program.started(), 1);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_request_back() {
    let program =
        Program::new(|mut pipes: Pipes| async move { while pipes.hear().await.is_some() {} });
    let house = with(Plan::new(), &program).await;
    let mut agent = house.tcp().await;
    agent.send(&bytes(&house.agent, lookup(7))).await;
    until("it was asked", || program.heard().len() == 1).await;
    drop(agent);
    until("it was told", || program.heard().len() == 2).await;
    let heard = program.heard();
    assert_eq!(heard[1]["method"], "notifications/cancelled");
    assert_eq!(heard[1]["params"]["requestId"], heard[0]["id"]);
}

#[tokio::test]
async fn a_subscription_is_its_clients_own() {
    const ID: &str = "io.modelcontextprotocol/subscriptionId";
    let program = Program::new(|mut pipes: Pipes| async move {
        let (one, two) = (pipes.asked().await.unwrap(), pipes.asked().await.unwrap());
        for listen in [&one, &two] {
            pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged", "params": { "_meta": { ID: listen["id"] } } })).await;
        }
        pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": { "_meta": { ID: two["id"] } } })).await;
        // One ends with an answer, the other is taken down.
        pipes.answer(&one, &json!({ "_meta": { ID: one["id"] } })).await;
        pipes.say(&json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": two["id"] } })).await;
        pipes.hear().await;
    });
    let house = with(Plan::new(), &program).await;
    let (mut one, mut other) = (house.tcp().await, house.tcp().await);
    let listen =
        json!({ "jsonrpc": "2.0", "id": 3, "method": "subscriptions/listen", "params": {} });
    one.send(&bytes(&house.agent, listen.clone())).await;
    until("it was asked", || program.heard().len() == 1).await;
    other.send(&bytes(&house.agent, listen)).await;
    let (one, other) = (messages(&one.reply().await), messages(&other.reply().await));
    let [acknowledged, answer] = &one[..] else { panic!("{one:?}") };
    assert_eq!(acknowledged["params"]["_meta"][ID], 3);
    assert_eq!((&answer["id"], &answer["result"]["_meta"][ID]), (&json!(3), &json!(3)));
    let [acknowledged, changed, cancelled] = &other[..] else { panic!("{other:?}") };
    assert_eq!(acknowledged["params"]["_meta"][ID], 3);
    assert_eq!(changed["params"]["_meta"][ID], 3);
    assert_eq!(cancelled["params"]["requestId"], 3);
}

/// Under this revision servers ask in their results. One that asks otherwise is told so, and no
/// client hears of it.
#[tokio::test]
async fn a_program_may_not_ask_its_clients_behind_their_requests() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let asked = pipes.asked().await.unwrap();
        pipes.say(&json!({ "jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {} })).await;
        let word = pipes.hear().await.unwrap();
        let text = word["error"]["code"].to_string();
        pipes.answer(&asked, &json!({ "content": [{ "type": "text", "text": text }] })).await;
        pipes.hear().await;
    });
    let house = with(Plan::new(), &program).await;
    let (message, headers) = modern(lookup(1));
    let reply = post(&mut house.tcp().await, &headers, &message).await;
    assert_eq!(said(&reply), "-32601");
}

#[tokio::test]
async fn a_program_that_ended_is_started_anew_for_the_next_request() {
    let program = Program::new(|mut pipes: Pipes| async move {
        let asked = pipes.asked().await.unwrap();
        pipes.echo(&asked).await;
    });
    let house = with(Plan::new(), &program).await;
    let (message, headers) = modern(lookup(1));
    let mut agent = house.tcp().await;
    assert_eq!(said(&post(&mut agent, &headers, &message).await), "1 says {\"city\":\"Tokyo\"}");
    until("it has gone", || program.stopped() == 1).await;
    let rests = said(&post(&mut agent, &headers, &message).await);
    assert!(rests.starts_with("the server ended soon after its start"), "{rests}");
    // waits: it rests for a second or two
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    assert_eq!(said(&post(&mut agent, &headers, &message).await), "2 says {\"city\":\"Tokyo\"}");
}
