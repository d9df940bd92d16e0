//! What is lost on the way: sessions that their server knows no more, and streams that broke off.

use serde_json::json;

use super::{EVENTS, JSON, LEGACY, call, echo, echoed, messages, post};
use crate::support::{House, Seen, Upstream, said};

/// The protocol has clients begin anew on a 404, whatever they were about to do.
#[tokio::test]
async fn a_session_that_its_server_has_lost_is_told_as_404_and_the_next_one_works() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| match seen.message()["method"].as_str() {
        Some("initialize") => {
            let mut response = echo(seen);
            let fresh = if seen.message()["id"] == 0 { "lost" } else { "fresh" };
            response.headers_mut().insert("mcp-session-id", fresh.parse().unwrap());
            response
        }
        _ if seen.header("mcp-session-id") == "lost" => said(404, "text/plain", "who are you?"),
        _ => echo(seen),
    })
    .await;
    house.put_behind(&server);
    let mut agent = house.tcp().await;
    let mut begun = async |id: u64| {
        let begin = json!({ "jsonrpc": "2.0", "id": id, "method": "initialize", "params": { "arguments": {} } });
        let opened = post(&mut agent, LEGACY, &begin).await;
        format!("{LEGACY}mcp-session-id: {}\r\n", opened.header("mcp-session-id").unwrap())
    };
    let (lost, fresh) = (begun(0).await, begun(1).await);
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let told = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    for message in [&lookup, &told] {
        let reply = post(&mut agent, &lost, message).await;
        assert_eq!(reply.status, 404, "{}", reply.text);
        assert!(!reply.text.contains("who are you"), "{}", reply.text);
    }
    for line in ["GET /mcp/files", "DELETE /mcp/files"] {
        assert_eq!(agent.exchange(line, &lost, b"").await.status, 404);
    }
    assert_eq!(post(&mut agent, &fresh, &lookup).await.status, 200);
}

/// The client says where it was, the server goes on from there, and what comes late is cleaned
/// like anything else.
#[tokio::test]
async fn a_stream_that_broke_off_goes_on_where_it_was() {
    let house = House::new().await;
    let server = Upstream::start(|seen: &Seen| {
        if seen.message()["method"] == "tools/call" {
            // It breaks off before the answer.
            return said(200, EVENTS, "id: s-1\nretry: 10\ndata: \n\n");
        }
        assert_eq!(seen.header("last-event-id"), "s-1");
        let late = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [{ "type": "text", "text": "mail ann@example.com" }] } });
        said(200, EVENTS, format!("id: s-2\ndata: {late}\n\n"))
    })
    .await;
    house.put_behind(&server);
    let mut agent = house.tcp().await;
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    let broken = post(&mut agent, LEGACY, &lookup).await;
    assert!(broken.text.contains("id: s-1\n") && broken.text.contains("retry: 10\n"), "{broken:?}");
    let resumed = format!("{LEGACY}last-event-id: s-1\r\n");
    let resumed = agent.exchange("GET /mcp/files", &resumed, b"").await;
    assert!(resumed.text.contains("id: s-2\n"), "{resumed:?}");
    let late = &messages(&resumed)[0];
    assert_eq!(
        (&late["id"], &late["result"]["content"][0]["text"]),
        (&json!(1), &json!("mail [REDACTED_EMAIL]"))
    );
}

/// Where it leads to is no concern of ours: only the configuration says where a server is.
#[tokio::test]
async fn a_stream_that_is_led_elsewhere_is_not_followed() {
    let house = House::new().await;
    let another = Upstream::start(|seen: &Seen| said(200, JSON, echoed(seen).to_string())).await;
    let url = another.url.clone();
    let server = Upstream::start(move |_| {
        let mut response = said(307, "", "");
        response.headers_mut().insert("location", url.parse().unwrap());
        response
    })
    .await;
    house.put_behind(&server);
    let mut agent = house.tcp().await;
    let lookup = call(1, "timezone_lookup", &json!({ "city": "Tokyo" }));
    assert_eq!(post(&mut agent, LEGACY, &lookup).await.status, 502);
    assert_eq!(agent.exchange("GET /mcp/files", LEGACY, b"").await.status, 502);
    assert!(another.seen().is_empty());
}
