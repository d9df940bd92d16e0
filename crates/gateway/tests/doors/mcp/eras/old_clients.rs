//! Clients with a session before servers that have none.

use super::*;

async fn met(
    plan: Plan,
    capabilities: &Value,
    work: impl Fn(&Seen) -> Option<Response<Body>> + Send + Sync + 'static,
) -> (House, Upstream, Wire, Old) {
    let (house, wire) = (plan.open().await, Wire::default());
    let server = new_server(wire.clone(), work).await;
    house.put_behind(&server);
    let old = Old::begin(&house, "/mcp/files", capabilities).await;
    (house, server, wire, old)
}

#[tokio::test]
async fn a_session_begins_and_every_request_says_what_it_said() {
    let roots = json!({ "roots": { "listChanged": true } });
    let (_house, server, _, mut old) = met(Plan::new(), &roots, nothing).await;
    let offers: Value = serde_json::from_str(OFFERS).unwrap();
    assert_eq!(
        old.hello,
        json!({ "protocolVersion": "2025-06-18", "capabilities": offers, "serverInfo": { "name": "new", "version": "1" } })
    );
    let listed = old.ask("tools/list", json!({})).await["result"].clone();
    assert_eq!(listed["tools"][0]["name"], "timezone_lookup");
    assert!(listed["resultType"].is_null() && listed["ttlMs"].is_null(), "{listed}");
    assert_eq!(old.ask("ping", json!({})).await["result"], json!({}));
    assert_eq!(old.ask("logging/setLevel", json!({ "level": "info" })).await["result"], json!({}));
    let params = json!({ "name": "timezone_lookup", "arguments": { "city": "Zürich" }, "_meta": { "progressToken": 4 } });
    let made = old.ask("tools/call", params).await;
    assert_eq!((fate(&made), &made["id"]), ("made".into(), &json!(1)));
    let want = json!({
        "progressToken": 4, format!("{META}protocolVersion"): "2026-07-28", format!("{META}clientCapabilities"): { "roots": {} },
        format!("{META}clientInfo"): { "name": "old", "version": "1" }, format!("{META}logLevel"): "info",
    });
    assert_eq!(calls(&server)[0]["params"]["_meta"], want);
    // What is not there is not there, and says nothing of the session.
    let tasks = json!({ "jsonrpc": "2.0", "id": 1, "method": "tasks/list" });
    let reply = old.post("/mcp/files", &tasks).await;
    assert_eq!((reply.status, fate(&reply.json())), (200, "error -32601".into()));
    assert_eq!(
        server.methods(),
        ["initialize", "server/discover", "initialize", "tools/list", "tools/call", "tasks/list"]
    );
}

#[tokio::test]
async fn a_session_of_ours_is_good_for_whoever_began_it() {
    let plan = Plan::new();
    let other = plan.token("mallory", &[bakerst_model::Role::Agent], None).await;
    let (house, server, _, old) = met(plan, &json!({}), nothing).await;
    let mut mallory = Old { client: Client::tcp(house.address, Some(&other)).await, ..old };
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let stolen = mallory.post("/mcp/files", &list).await;
    assert_eq!((stolen.status, server.seen().len()), (404, 3));
}

/// Asks for a city before it answers.
fn asking(seen: &Seen) -> Option<Response<Body>> {
    let message = seen.message();
    let params = &message["params"];
    if message["method"] != "tools/call" || params["inputResponses"].is_object() {
        return None;
    }
    let schema = json!({ "type": "object", "properties": {} });
    let params = json!({ "mode": "form", "message": "which?", "requestedSchema": schema });
    let wanted = json!({ "city": { "method": "elicitation/create", "params": params } });
    let result =
        json!({ "resultType": "input_required", "requestState": "kept", "inputRequests": wanted });
    Some(answer(seen, &result))
}

#[tokio::test]
async fn what_a_server_wants_first_is_asked_of_the_client_and_the_call_made_again() {
    let plan = Plan::new().policy_with("  timezone_lookup:", ASKING);
    let (house, server, _, mut old) = met(plan, &json!({ "elicitation": {} }), asking).await;
    let mut beside = old.beside(&house).await;
    let lookup = call(7, "timezone_lookup", &json!({ "city": "Tokyo" }));
    old.send(&house, "POST /mcp/files", &lookup).await;
    let question = old.client.messages(1).await.remove(0);
    assert_eq!(question["method"], "elicitation/create");
    assert_eq!(question["params"]["message"], "which?");
    assert!(question["params"]["mode"].is_null(), "2025-06-18 has no modes");
    let accepted = json!({ "action": "accept", "content": { "a": "b" } });
    let reply = json!({ "jsonrpc": "2.0", "id": question["id"], "result": accepted });
    assert_eq!(beside.post("/mcp/files", &reply).await.status, 202);
    let last = old.client.messages(2).await.remove(1);
    assert_eq!((fate(&last), &last["id"]), ("made".into(), &json!(7)));
    let [first, again] = &calls(&server)[..] else { panic!() };
    assert_ne!(first["id"], again["id"]);
    assert_eq!(again["params"]["requestState"], "kept");
    assert_eq!(again["params"]["inputResponses"], json!({ "city": accepted }));
    let allowed = house.journal.of(&bakerst_model::Action::ToolAllowed).len();
    assert_eq!(allowed, 2, "the call, and the question");
}

#[tokio::test]
async fn a_client_that_cannot_answer_is_told_so_and_one_that_may_not_is_not_asked() {
    let params = json!({ "name": "timezone_lookup", "arguments": { "city": "Tokyo" } });
    for (plan, capabilities, want) in [
        (Plan::new().policy_with("  timezone_lookup:", ASKING), json!({}), "has not said that it"),
        (Plan::new(), json!({ "elicitation": {} }), "GRD-030"),
    ] {
        let (_house, _server, _, mut old) = met(plan, &capabilities, asking).await;
        let told = old.ask("tools/call", params.clone()).await;
        assert_eq!(fate(&told), "error -32000");
        assert!(told["error"]["message"].as_str().unwrap().contains(want), "{told}");
    }
}

#[tokio::test]
async fn what_a_client_watches_is_listened_to_in_its_name() {
    let (house, server, wire, mut old) = met(Plan::new(), &json!({}), nothing).await;
    let watched = old.ask("resources/subscribe", json!({ "uri": "a:b" })).await;
    assert_eq!(watched["result"], json!({}));
    let mut listener = old.beside(&house).await;
    listener.send(&house, "GET /mcp/files", &Value::Null).await;
    server.until("subscriptions/listen").await;
    for uri in ["a:other", "a:b"] {
        let params = json!({ "uri": uri, "_meta": { format!("{META}subscriptionId"): "x" } });
        wire.say(json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": params }));
    }
    let heard = listener.client.messages(1).await;
    assert_eq!(
        heard,
        [
            json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": "a:b" } })
        ]
    );
}

#[tokio::test]
async fn a_tools_parameters_stand_in_headers_where_its_server_wants_them() {
    let (_house, server, _, mut old) = met(Plan::new(), &json!({}), |seen| {
        let city = json!({ "type": "string", "x-mcp-header": "City" });
        let schema = json!({ "type": "object", "properties": { "city": city } });
        let tool = json!({ "name": "timezone_lookup", "inputSchema": schema });
        let list = json!({ "resultType": "complete", "tools": [tool] });
        (seen.message()["method"] == "tools/list").then(|| answer(seen, &list))
    })
    .await;
    old.ask("tools/list", json!({})).await;
    let params = json!({ "name": "timezone_lookup", "arguments": { "city": "Zürich" } });
    old.ask("tools/call", params).await;
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.header("mcp-param-city"), "=?base64?WsO8cmljaA==?=");
}

#[tokio::test]
async fn a_call_that_is_taken_back_ends_at_the_server() {
    let stream = Wire::default();
    let open = stream.clone();
    let (house, server, _, mut old) = met(Plan::new(), &json!({}), move |seen| {
        (seen.message()["method"] == "tools/call").then(|| open.open())
    })
    .await;
    let mut beside = old.beside(&house).await;
    let lookup = call(7, "timezone_lookup", &json!({ "city": "Tokyo" }));
    old.send(&house, "POST /mcp/files", &lookup).await;
    server.until("tools/call").await;
    let back = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    assert_eq!(beside.post("/mcp/files", &back).await.status, 202);
    let stream = stream.stream.lock().unwrap().take().unwrap();
    stream.closed().await;
}
