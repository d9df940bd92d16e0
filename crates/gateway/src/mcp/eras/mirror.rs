//! The headers of a request in the newest revision, which say again what its body says.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

use super::super::revision::Revision;
use super::super::upstream::{METHOD, NAME, VERSION};
use super::words::request_in;
use crate::base64;

/// What a message is, and what may be answered to it.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EITHER: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
/// What of a client's own headers goes along.
const ALONG: [&str; 3] = ["traceparent", "tracestate", "baggage"];
const PARAMETER: &str = "mcp-param-";
/// How deep in a schema parameters are looked for that stand in headers.
const DEPTH_MAX: usize = 16;

/// The headers of a request to a server of an older revision.
pub(crate) fn old(client: &HeaderMap, revision: Option<&str>) -> HeaderMap {
    let mut headers = common(client);
    if let Some(Ok(revision)) = revision.map(HeaderValue::from_str) {
        headers.insert(VERSION, revision);
    }
    headers
}

/// The headers of a request to a server of the newest revision.
pub(crate) fn new(client: &HeaderMap, text: &str) -> HeaderMap {
    let mut headers = common(client);
    let given = client.iter().filter(|(name, _)| name.as_str().starts_with(PARAMETER));
    headers.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    headers.insert(VERSION, HeaderValue::from_static(Revision::NEWEST.as_str()));
    if let Some(request) = request_in(text) {
        let name = request.mirrored_name();
        for (header, value) in [(METHOD, Some(request.method().into_owned())), (NAME, name)] {
            if let Some(value) = value.and_then(|value| encoded(&value)) {
                headers.insert(header, value);
            }
        }
    }
    headers
}

fn common(client: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in ALONG {
        if let Some(value) = client.get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, EITHER);
    headers
}

/// A text as a header may hold it: wrapped where it is more than plain text, or looks wrapped.
pub(crate) fn encoded(text: &str) -> Option<HeaderValue> {
    let plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    match plain {
        true => HeaderValue::from_str(text).ok(),
        false => {
            HeaderValue::try_from(format!("=?base64?{}?=", base64::padded(text.as_bytes()))).ok()
        }
    }
}

/// The parameters of a tool that its server wants to see in headers: how the header is called, and
/// where the parameter stands.
pub(crate) fn parameters(schema: &Value) -> Vec<(HeaderName, Vec<String>)> {
    let mut found = Vec::new();
    look(schema, &mut Vec::new(), &mut found);
    found
}

fn look(schema: &Value, at: &mut Vec<String>, found: &mut Vec<(HeaderName, Vec<String>)>) {
    if at.len() > DEPTH_MAX {
        return;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        at.push(name.clone());
        let header = property.get("x-mcp-header").and_then(Value::as_str);
        let header = header.and_then(|header| format!("{PARAMETER}{header}").parse().ok());
        found.extend(header.map(|header| (header, at.clone())));
        look(property, at, found);
        at.pop();
    }
}

/// What the header of a parameter says; nothing where the parameter is not there.
pub(crate) fn parameter(arguments: &Value, at: &[String]) -> Option<HeaderValue> {
    let value = at.iter().try_fold(arguments, |value, name| value.get(name))?;
    match value {
        Value::String(text) => encoded(text),
        Value::Bool(_) => encoded(&value.to_string()),
        Value::Number(number) if number.is_i64() || number.is_u64() => encoded(&number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::upstream::check_mirrored;
    use super::super::words::tests::read;
    use super::*;

    #[test]
    fn what_we_mirror_is_what_we_would_accept() {
        for name in [
            "plain",
            "with space",
            " padded ",
            "ünïcode",
            "line\nbreak",
            "=?base64?x?=",
            "",
            "tab\t",
        ] {
            let text = super::super::words::request("1", "tools/call", &json!({ "name": name }));
            let mut client = HeaderMap::new();
            for (name, value) in
                [("mcp-name", "lie"), ("cookie", "c"), ("traceparent", "t"), ("mcp-param-a", "b")]
            {
                client.insert(name, HeaderValue::from_static(value));
            }
            let headers = new(&client, &text);
            assert_eq!(check_mirrored(&headers, &read(&text), "2026-07-28"), Ok(()), "{name:?}");
            assert_eq!((headers.get("cookie"), headers.contains_key("mcp-param-a")), (None, true));
            let old = old(&client, Some("2025-06-18"));
            assert!(!old.contains_key("mcp-param-a") && !old.contains_key("mcp-name"));
        }
    }

    #[test]
    fn parameters_stand_in_the_headers_that_their_schema_names() {
        let schema = json!({ "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "where": { "properties": { "zone": { "type": "integer", "x-mcp-header": "Zone" } } },
            "bad": { "x-mcp-header": "no good" },
            "list": { "items": { "properties": { "a": { "x-mcp-header": "A" } } } },
        } });
        let arguments = json!({ "region": "Zürich", "where": { "zone": 7 } });
        let said = parameters(&schema).into_iter().map(|(header, at)| {
            let value = parameter(&arguments, &at).unwrap();
            format!("{header}: {}", value.to_str().unwrap())
        });
        assert_eq!(
            said.collect::<Vec<_>>(),
            ["mcp-param-region: =?base64?WsO8cmljaA==?=", "mcp-param-zone: 7"]
        );
        for (value, want) in [(json!(true), Some("true")), (json!(1.5), None), (json!(null), None)]
        {
            let said = parameter(&json!({ "a": value }), &["a".to_owned()]);
            assert_eq!(said.as_ref().map(|said| said.to_str().unwrap()), want);
        }
    }
}
