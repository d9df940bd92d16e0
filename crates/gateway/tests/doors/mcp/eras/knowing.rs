//! What is known of a server, and that neither one client nor one bad moment changes it for others;
//! and how much one client has servers do.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::super::post;
use super::*;

fn lookup() -> Value {
    json!({ "name": "timezone_lookup", "arguments": { "city": "Tokyo" } })
}

/// A server that works like this, and fails at what `fails` names while it is down.
async fn failing_at(
    fails: &'static str,
    work: impl Fn(&Seen) -> Response<Body> + Send + Sync + 'static,
) -> (Upstream, Arc<AtomicBool>) {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = is_down.clone();
    let server = Upstream::start(move |seen| {
        match down.load(Ordering::Relaxed) && seen.message()["method"] == fails {
            true => said(503, "", "a moment, please"),
            false => work(seen),
        }
    });
    (server.await, is_down)
}

/// A server of both kinds, which says nothing of why it does not do what is not there.
fn of_both(wire: Wire) -> impl Fn(&Seen) -> Response<Body> {
    move |seen| {
        let message = seen.message();
        let version = &message["params"]["protocolVersion"];
        match message["method"].as_str() {
            Some("initialize") if version.is_null() => refuse(400, &message["id"], -32602),
            Some("initialize") => greeting(seen, &wire),
            Some("prompts/list") => said(400, "", ""),
            _ if seen.header("mcp-session-id").starts_with("session-") => {
                oldly(seen, &wire, &nothing)
            }
            _ => newly(seen, &wire, &nothing),
        }
    }
}

fn count(server: &Upstream, method: &str) -> usize {
    server.methods().iter().filter(|sent| *sent == method).count()
}

/// How the server says that it was asked: by its name for a session or for none.
fn asked_as(made: &Value) -> &Value {
    &made["result"]["_meta"][format!("{META}serverInfo")]["name"]
}

#[tokio::test]
async fn a_server_that_fails_for_a_moment_is_not_taken_for_an_older_one() {
    let house = House::new().await;
    let (server, is_down) = failing_at("server/discover", of_both(Wire::default())).await;
    house.put_behind(&server);
    is_down.store(true, Ordering::Relaxed);
    let refused = ask_new(&house, "prompts/list", &json!({})).await;
    assert_eq!((refused.status, count(&server, "server/discover")), (400, 1));
    is_down.store(false, Ordering::Relaxed);
    let made = ask_new(&house, "tools/call", &lookup()).await.json();
    assert_eq!((asked_as(&made), count(&server, "initialize")), (&json!("new"), 0));
}

/// Greets a server without saying which revision is meant.
async fn greet_badly(house: &House) -> Reply {
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} });
    post(&mut house.tcp().await, &LEGACY.replace("2025-11-25", "2025-06-18"), &hello).await
}

#[tokio::test]
async fn a_greeting_that_is_wrong_makes_no_server_a_newer_one() {
    let house = House::new().await;
    let server = Upstream::start(of_both(Wire::default())).await;
    house.put_behind(&server);
    let refused = greet_badly(&house).await;
    assert_eq!(fate(&refused.json()), "error -32602");
    // What was greeted only to be heard is told that nobody stays.
    let ended = server.seen().pop().unwrap();
    assert_eq!((ended.verb.as_str(), ended.header("mcp-session-id")), ("DELETE", "session-1"));
    let old = Old::begin(&house, "/mcp/files", &json!({})).await;
    assert_eq!(old.hello["serverInfo"]["name"], "old", "a session of the server's own");
}

#[tokio::test]
async fn a_greeting_that_is_wrong_leaves_an_older_server_an_older_one() {
    let house = House::new().await;
    let server = old_server(Wire::default(), nothing).await;
    house.put_behind(&server);
    assert_eq!(fate(&ask_new(&house, "tools/call", &lookup()).await.json()), "made");
    let before = server.count();
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} });
    let headers = LEGACY.replace("2025-11-25", "1999-01-01");
    let refused = post(&mut house.tcp().await, &headers, &hello).await;
    assert_eq!(fate(&refused.json()), "error -32000");
    assert_eq!(fate(&ask_new(&house, "tools/call", &lookup()).await.json()), "made");
    let after = server.methods().split_off(before);
    assert_eq!(after, ["initialize", "server/discover", "tools/call"], "and no more questions");
}

/// Where the configuration says what a server speaks, nobody need find out.
#[tokio::test]
async fn a_server_that_is_said_to_be_older_is_asked_for_nothing_newer() {
    let house = House::new().await;
    let server = Upstream::start(of_both(Wire::default())).await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    assert_eq!(fate(&greet_badly(&house).await.json()), "error -32602");
    assert_eq!(server.methods(), ["initialize"]);
}

#[tokio::test]
async fn a_server_that_cannot_begin_a_session_for_a_moment_stays_an_older_one() {
    let (house, wire) = (House::new().await, Wire::default());
    let (server, is_down) =
        failing_at("initialize", move |seen| oldly(seen, &wire, &nothing)).await;
    house.put_behind(&server);
    let ask = async |conversation: &str| {
        let (message, headers) = new_request("tools/call", &lookup(), &json!({}));
        let headers = format!("{headers}bakerst-conversation: {conversation}\r\n");
        fate(&post(&mut house.tcp().await, &headers, &message).await.json())
    };
    assert_eq!(ask("a").await, "made");
    is_down.store(true, Ordering::Relaxed);
    assert_eq!(ask("b").await, "error -32603");
    is_down.store(false, Ordering::Relaxed);
    assert_eq!((ask("c").await.as_str(), count(&server, "server/discover")), ("made", 1));
}

#[tokio::test]
async fn a_newer_server_that_fails_for_a_moment_says_so_and_stays_a_newer_one() {
    let (house, wire) = (House::new().await, Wire::default());
    let (server, is_down) =
        failing_at("server/discover", move |seen| newly(seen, &wire, &nothing)).await;
    house.put_behind(&server);
    Old::begin(&house, "/mcp/files", &json!({})).await;
    let before = server.count();
    is_down.store(true, Ordering::Relaxed);
    let failed = greet_badly(&house).await.json();
    assert!(failed["error"]["message"].as_str().unwrap().contains("status 503"), "{failed}");
    is_down.store(false, Ordering::Relaxed);
    let old = Old::begin(&house, "/mcp/files", &json!({})).await;
    assert_eq!(old.hello["serverInfo"]["name"], "new");
    assert_eq!(server.methods().split_off(before), ["server/discover"; 2]);
}

/// A greeting that never ends, and one that is waited for by others.
#[tokio::test]
async fn a_server_that_comes_to_no_end_keeps_nobody_for_ever() {
    let house = Plan::new().limits(|limits| limits.upstream_millis_max = 300).open().await;
    let wire = Wire::default();
    let server = Upstream::start(move |_| wire.open()).await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    let ask = || async { ask_new(&house, "tools/call", &lookup()).await.json() };
    for told in [tokio::join!(ask(), ask())].map(|(one, other)| [one, other]).concat() {
        let words = told["error"]["message"].as_str().unwrap();
        assert_eq!(words, "the server took longer than `upstream_millis_max` allows", "{told}");
    }
}

/// Whoever has no patience finds a slow server's session the next time, and leaves none behind.
#[tokio::test]
async fn a_session_that_begins_late_is_there_for_the_next() {
    let house = Plan::new().limits(|limits| limits.mcp_list_millis_max = 200).open().await;
    let (late, wire) = (Arc::new(Mutex::new(None)), Wire::default());
    let hello = late.clone();
    let server = Upstream::start(move |seen| {
        if seen.message()["method"] != "initialize" {
            return oldly(seen, &wire, &nothing);
        }
        let (said, mut response) = crate::support::streaming();
        response.headers_mut().insert("mcp-session-id", "session-1".parse().unwrap());
        *hello.lock().unwrap() = Some(said);
        response
    })
    .await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    let list = async || {
        let (message, headers) = new_request("tools/list", &json!({}), &json!({}));
        let text = message.to_string();
        house.tcp().await.exchange("POST /mcp", &headers, text.as_bytes()).await.json()
    };
    let told = list().await;
    assert!(told["error"]["message"].as_str().unwrap().contains("`mcp_list_millis_max`"), "{told}");
    let offers: Value = serde_json::from_str(OFFERS).unwrap();
    let hello = json!({ "protocolVersion": "2025-11-25", "capabilities": offers });
    let said = late.lock().unwrap().take().unwrap();
    said.send(json!({ "jsonrpc": "2.0", "id": 0, "result": hello })).unwrap();
    server.until("notifications/initialized").await;
    assert_eq!(list().await["result"]["tools"][0]["name"], "files__timezone_lookup");
    assert_eq!(count(&server, "initialize"), 1);
}

/// What one request of a client's has a server do, whatever the two speak.
#[tokio::test]
async fn one_request_to_all_servers_is_a_few_to_each() {
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("tools/call", json!({ "name": "one__timezone_lookup", "arguments": { "city": "Tokyo" } })),
    ] {
        let house = House::new().await;
        let old = old_server(Wire::default(), nothing).await;
        let new = new_server(Wire::default(), nothing).await;
        let both = Upstream::start(of_both(Wire::default())).await;
        house.put_all_behind(&[("one", &old, None), ("new", &new, None), ("both", &both, None)]);
        for most in [5, 2] {
            let before = [&old, &new, &both].map(Upstream::count);
            let (message, headers) = new_request(method, &params, &json!({}));
            let text = message.to_string();
            house.tcp().await.exchange("POST /mcp", &headers, text.as_bytes()).await;
            let asked = [&old, &new, &both].map(Upstream::count);
            let asked: Vec<_> =
                asked.iter().zip(before).map(|(now, before)| now - before).collect();
            assert!(asked.iter().all(|asked| *asked <= most), "{method}: {asked:?}");
        }
    }
}

/// Whoever comes back without an answer waits for no longer than the first time, and leaves nothing.
#[tokio::test]
async fn a_call_that_is_asked_about_again_and_again_waits_no_longer() {
    let plan = Plan::new().policy_with("  timezone_lookup:", ASKING);
    let house = plan.limits(|limits| limits.wait_seconds_max = 2).open().await;
    let wire = Wire::default();
    let server = old_server(wire.clone(), super::asking(&wire)).await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    let began = Instant::now();
    let mut told = ask_new(&house, "tools/call", &lookup()).await.json();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut rounds = 0;
    while told["result"]["resultType"] == "input_required" {
        assert!(began.elapsed() < Duration::from_secs(30), "it waits for ever");
        let mut params = lookup();
        params["requestState"] = told["result"]["requestState"].clone();
        told = ask_new(&house, "tools/call", &params).await.json();
        rounds += 1;
    }
    assert_eq!(fate(&told), "error -32602");
    let left = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(
        rounds > 20 && left < tasks + 20,
        "{rounds} rounds, {tasks} tasks before, {left} after"
    );
    server.until("notifications/cancelled").await;
}

#[tokio::test]
async fn a_client_that_has_all_calls_wait_makes_room_for_another() {
    let plan = Plan::new().policy_with("  timezone_lookup:", ASKING);
    let eve = plan.token("eve", &[bakerst_model::Role::Agent], None).await;
    let house = plan.limits(|limits| limits.mcp_parked_max = 4).open().await;
    let wire = Wire::default();
    let server = old_server(wire.clone(), super::asking(&wire)).await;
    house.put_all_behind(&[("files", &server, Some("2025-11-25"))]);
    let able = json!({ "elicitation": {} });
    let (message, headers) = new_request("tools/call", &lookup(), &able);
    let mut eve = Client::tcp(house.address, Some(&eve)).await;
    for _ in 0..4 {
        let asked = last(&post(&mut eve, &headers, &message).await);
        assert_eq!(asked["result"]["resultType"], "input_required");
    }
    assert!(!server.methods().contains(&"notifications/cancelled".to_owned()));
    let asked = ask_new(&house, "tools/call", &lookup()).await.json();
    assert_eq!(asked["result"]["resultType"], "input_required", "{asked}");
    server.until("notifications/cancelled").await;
    assert_eq!(count(&server, "notifications/cancelled"), 1);
}

/// A client that watches ten resources has its server told of all, not of each.
#[tokio::test]
async fn what_is_watched_at_once_is_told_at_once() {
    let (house, wire) = (House::new().await, Wire::default());
    let server = new_server(wire, nothing).await;
    house.put_behind(&server);
    let mut old = Old::begin(&house, "/mcp/files", &json!({})).await;
    let mut listener = old.beside(&house).await;
    listener.send(&house, "GET /mcp/files", &Value::Null).await;
    server.until("subscriptions/listen").await;
    for number in 0..20 {
        old.ask("resources/subscribe", json!({ "uri": format!("a:{number}") })).await;
    }
    let is_told = |seen: &Seen| seen.text.contains("a:19");
    while !server.seen().iter().any(is_told) {
        tokio::task::yield_now().await;
    }
    assert!(count(&server, "subscriptions/listen") < 10);
}
