//! Clients without a session before servers that want one.

use super::super::post;
use super::*;

async fn met(
    plan: Plan,
    work: impl Fn(&Seen) -> Option<Response<Body>> + Send + Sync + 'static,
) -> (House, Upstream, Wire) {
    let (house, wire) = (plan.open().await, Wire::default());
    let server = old_server(wire.clone(), work).await;
    house.put_behind(&server);
    (house, server, wire)
}

fn lookup() -> Value {
    json!({ "name": "timezone_lookup", "arguments": { "city": "Tokyo" } })
}

#[tokio::test]
async fn discovery_is_answered_and_one_session_serves_many_requests() {
    let (house, server, _) = met(Plan::new(), nothing).await;
    let found = ask_new(&house, "server/discover", &json!({})).await.field("result");
    assert_eq!(found["supportedVersions"], json!(["2026-07-28", "2025-11-25"]));
    assert_eq!(found["capabilities"]["tools"], json!({ "listChanged": true }));
    assert_eq!(found["_meta"][format!("{META}serverInfo")]["name"], "old");
    let listed = ask_new(&house, "tools/list", &json!({})).await.field("result");
    assert_eq!((&listed["resultType"], &listed["ttlMs"]), (&json!("complete"), &json!(0)));
    assert_eq!(listed["cacheScope"], "private");
    let made = ask_new(&house, "tools/call", &lookup()).await.json();
    assert_eq!((fate(&made), &made["id"]), ("made".into(), &json!(1)));
    assert_eq!(made["result"]["resultType"], "complete");
    let [made] = &calls(&server)[..] else { panic!() };
    assert_eq!(made["params"], lookup());
    let refused = ask_new(&house, "ping", &json!({})).await;
    assert_eq!((refused.status, fate(&refused.json())), (404, "error -32601".into()));
    // Before it counts as an older one it is asked once more, in words of ours.
    let before = ["server/discover", "server/discover", "initialize", "notifications/initialized"];
    let after = ["tools/list", "tools/call"];
    assert_eq!(server.methods(), [&before[..], &after].concat());
}

/// Who asks for lines of the log gets them from the level on that was asked for; nobody else does.
#[tokio::test]
async fn a_level_that_a_request_wants_is_set_in_the_session_once() {
    let (house, server, _) = met(Plan::new(), |seen| {
        let word = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "a word" } });
        let answered = super::super::echoed(seen);
        let text = format!("data: {word}\n\ndata: {answered}\n\n");
        (seen.message()["method"] == "tools/call")
            .then(|| crate::support::said(200, super::super::EVENTS, text))
    })
    .await;
    for (level, heard) in [(None, 1), (Some("info"), 2), (Some("info"), 2), (None, 1)] {
        let (mut message, headers) = new_request("tools/call", &lookup(), &json!({}));
        if let Some(level) = level {
            message["params"]["_meta"][format!("{META}logLevel")] = level.into();
        }
        let reply = post(&mut house.tcp().await, &headers, &message).await;
        let messages = if heard == 1 { vec![last(&reply)] } else { messages(&reply) };
        assert_eq!(
            (messages.len(), fate(messages.last().unwrap())),
            (heard, "made".into()),
            "{reply:?}"
        );
        assert_eq!(reply.text.contains("a word"), heard == 2);
    }
    let set = server.methods().into_iter().filter(|method| method == "logging/setLevel");
    assert_eq!(set.count(), 1);
}

#[tokio::test]
async fn those_who_can_do_other_things_or_lead_other_conversations_share_no_session() {
    let (house, server, wire) = met(Plan::new(), nothing).await;
    for (capabilities, conversation) in
        [(json!({}), "a"), (json!({ "sampling": {} }), "a"), (json!({}), "b"), (json!({}), "a")]
    {
        let (message, headers) = new_request("tools/call", &lookup(), &capabilities);
        let headers = format!("{headers}bakerst-conversation: {conversation}\r\n");
        let reply = post(&mut house.tcp().await, &headers, &message).await;
        assert_eq!(fate(&reply.json()), "made");
    }
    assert_eq!(wire.sessions.load(Ordering::Relaxed), 3);
    let ids: Vec<_> = calls(&server).iter().map(|call| call["id"].clone()).collect();
    assert_eq!(ids.last(), Some(&json!(2)), "{ids:?}");
}

#[tokio::test]
async fn a_session_that_its_server_has_lost_begins_anew() {
    let lost = Arc::new(AtomicUsize::new(0));
    let losing = lost.clone();
    let (house, _server, wire) = met(Plan::new(), move |seen| {
        let is_first = seen.header("mcp-session-id") == "session-1";
        let is_lost = is_first && losing.load(Ordering::Relaxed) > 0;
        is_lost.then(|| refuse(404, &Value::Null, -32001))
    })
    .await;
    for round in 0..2 {
        lost.store(round, Ordering::Relaxed);
        assert_eq!(fate(&ask_new(&house, "tools/call", &lookup()).await.json()), "made");
    }
    assert_eq!(wire.sessions.load(Ordering::Relaxed), 2);
    assert_eq!(house.journal.of(&bakerst_model::Action::ToolAllowed).len(), 2);
}

/// A server that asks, and what the first call comes to.
async fn asked(plan: Plan, capabilities: &Value) -> (House, Upstream, Value) {
    let (wire, house) = (Wire::default(), plan.open().await);
    let server = old_server(wire.clone(), asking(&wire)).await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    let (message, headers) = new_request("tools/call", &lookup(), capabilities);
    let reply = post(&mut house.tcp().await, &headers, &message).await;
    (house, server, last(&reply)["result"].clone())
}

fn may_ask() -> Plan {
    Plan::new().policy_with("  timezone_lookup:", ASKING)
}

fn back(first: &Value, city: &str) -> Value {
    let accepted = json!({ "action": "accept", "content": { "a": "b" } });
    json!({
        "name": "timezone_lookup", "arguments": { "city": city },
        "requestState": first["requestState"], "inputResponses": { "answer": accepted },
    })
}

#[tokio::test]
async fn what_a_server_asks_in_the_middle_becomes_a_result_and_the_call_goes_on() {
    let (house, server, first) = asked(may_ask(), &json!({ "elicitation": {} })).await;
    assert_eq!(first["resultType"], "input_required");
    assert_eq!(first["inputRequests"]["answer"]["params"]["message"], "which?");
    assert!(first["requestState"].as_str().unwrap().starts_with("bakerst2:"));
    // Whoever brings no answer is asked again.
    let mut empty = back(&first, "Tokyo");
    empty["inputResponses"] = json!({});
    let again = ask_new(&house, "tools/call", &empty).await.field("result");
    assert_eq!(again["resultType"], "input_required");
    let done = ask_new(&house, "tools/call", &back(&again, "Tokyo")).await;
    assert_eq!(last(&done)["result"]["content"][0]["text"], "{\"a\":\"b\"}");
    let executed = house.journal.of(&bakerst_model::Action::ToolExecuted).len();
    assert_eq!((calls(&server).len(), executed), (1, 1));
    let used_up = ask_new(&house, "tools/call", &back(&again, "Tokyo")).await;
    assert_eq!((used_up.status, fate(&used_up.json())), (400, "error -32602".into()));
}

#[tokio::test]
async fn a_word_that_is_anothers_or_for_another_call_is_good_for_nothing() {
    let plan = may_ask();
    let other = plan.token("mallory", &[bakerst_model::Role::Agent], None).await;
    let (house, server, first) = asked(plan, &json!({ "elicitation": {} })).await;
    let able = json!({ "elicitation": {} });
    let (message, headers) = new_request("tools/call", &back(&first, "Tokyo"), &able);
    let mut mallory = Client::tcp(house.address, Some(&other)).await;
    let stolen = post(&mut mallory, &headers, &message).await;
    assert_eq!(fate(&stolen.json()), "error -32602");
    let bent = ask_new(&house, "tools/call", &back(&first, "Paris")).await;
    assert_eq!(fate(&bent.json()), "error -32602");
    assert_eq!(server.methods().last().unwrap(), "notifications/cancelled");
    assert_eq!(calls(&server).len(), 1);
}

#[tokio::test]
async fn a_server_may_not_ask_for_what_the_client_cannot_or_the_policy_will_not() {
    let able = json!({ "elicitation": {} });
    for (plan, capabilities, want) in [
        (may_ask(), &json!({}), "-32601"),
        (Plan::new(), &able, "-32000"),
        (may_ask().limits(|limits| limits.mcp_parked_max = 0), &able, "-32601"),
    ] {
        let (_house, _server, told) = asked(plan, capabilities).await;
        assert_eq!(told["content"][0]["text"], want);
    }
}

#[tokio::test]
async fn a_call_that_nobody_comes_back_for_is_taken_back() {
    let plan = may_ask().limits(|limits| limits.wait_seconds_max = 0);
    let (_house, server, first) = asked(plan, &json!({ "elicitation": {} })).await;
    assert_eq!(first["resultType"], "input_required");
    server.until("notifications/cancelled").await;
}

#[tokio::test]
async fn whoever_listens_hears_what_it_asked_for_under_its_own_name() {
    let (house, server, wire) = met(Plan::new(), nothing).await;
    ask_new(&house, "server/discover", &json!({})).await;
    let filter = json!({ "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:b"] });
    let wanted = json!({ "notifications": filter });
    let (message, headers) = new_request("subscriptions/listen", &wanted, &json!({}));
    let mut client = house.tcp().await;
    let text = message.to_string();
    let bytes =
        crate::support::request("POST /mcp/files", Some(&house.agent), &headers, text.as_bytes());
    client.send(&bytes).await;
    let first = client.messages(1).await.remove(0);
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    let promised = json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b"] });
    assert_eq!(first["params"]["notifications"], promised);
    for method in ["prompts/list_changed", "tools/list_changed"] {
        wire.say(json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}") }));
    }
    let heard = client.messages(2).await.remove(1);
    assert_eq!(heard["method"], "notifications/tools/list_changed");
    assert_eq!(heard["params"]["_meta"][format!("{META}subscriptionId")], 1);
    drop(client);
    // The session was this listener's alone, and ends with it.
    while !server.seen().iter().any(|seen| seen.verb == Method::DELETE) {
        tokio::task::yield_now().await;
    }
}
