//! Headers that say again what stands in the body, as the newest revision has them.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};

use super::{METHOD, NAME, VERSION};
use crate::base64;
use crate::mcp::message::Request as Asked;

/// Checks that the headers which mirror a request's body say what the body says. Decisions are
/// made by the body alone; a header that says another thing is meant for somebody who is not.
pub(crate) fn check_mirrored(
    headers: &HeaderMap,
    request: &Asked<'_>,
    revision: &str,
) -> Result<(), String> {
    let one = |name: &HeaderName| -> Result<Option<&str>, String> {
        let mut values = headers.get_all(name).iter();
        match (values.next().map(HeaderValue::to_str), values.next()) {
            (None, _) => Ok(None),
            (Some(Ok(value)), None) => Ok(Some(value)),
            _ => Err(format!("the header `{name}` is sent twice, or is no text")),
        }
    };
    let equal = |name: &HeaderName, body: &str| match one(name)? {
        Some(value) if decoded(value).as_deref() == Some(body) => Ok(()),
        Some(_) => Err(format!("the header `{name}` says another thing than the body")),
        None => Err(format!("the header `{name}` is missing")),
    };
    equal(&VERSION, revision)?;
    equal(&METHOD, &request.method())?;
    match request.mirrored_name() {
        Some(name) => equal(&NAME, &name),
        None => Ok(()),
    }
}

/// The value of a header, which may be wrapped where it is more than plain text.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(value.to_owned()),
        Some(wrapped) => String::from_utf8(from_base64(wrapped)?).ok(),
    }
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - bare.len() > 2 {
        return None;
    }
    base64::unpadded(bare, base64::PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::message::{Kind, Message};

    #[track_caller]
    fn checked(headers: &[(&'static str, &str)], body: &str) -> Result<(), String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let Kind::Request(request) = Message::read(body).unwrap().kind else { panic!("{body}") };
        check_mirrored(&map, &request, "2026-07-28")
    }

    #[test]
    fn headers_that_mirror_the_body_must_say_what_it_says() {
        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a"}}"#;
        let version = ("mcp-protocol-version", "2026-07-28");
        let method = ("mcp-method", "tools/call");
        assert_eq!(checked(&[version, method, ("mcp-name", "a")], call), Ok(()));
        assert_eq!(checked(&[version, method, ("mcp-name", "=?base64?YQ==?=")], call), Ok(()));
        for headers in [
            vec![version, method],
            vec![version, method, ("mcp-name", "b")],
            vec![version, method, ("mcp-name", "a"), ("mcp-name", "a")],
            vec![version, method, ("mcp-name", "=?base64?YR==?=")],
            vec![version, ("mcp-method", "tools/list"), ("mcp-name", "a")],
            vec![("mcp-protocol-version", "2025-11-25"), method, ("mcp-name", "a")],
            vec![method, ("mcp-name", "a")],
        ] {
            assert!(checked(&headers, call).is_err(), "{headers:?}");
        }
    }
}
