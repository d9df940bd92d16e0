//! A server of an older revision, in the words of the newest: what a request says of its client is
//! said once, to a session, and what comes back says what newer clients expect of it.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::message::Request;
use super::super::revision::Revision;
use super::words::{
    Answer, CACHED, CAPABILITIES, CLIENT, LOG_LEVEL, META, RESPONSES, REVISION, SERVER, STATE,
    fields, raw, request as written, said_beside,
};

/// A method that is not there.
pub(crate) const NO_SUCH_METHOD: i64 = -32601;
const INVALID_PARAMS: i64 = -32602;
/// What older revisions say of a resource that is not there.
const NO_SUCH_RESOURCE: i64 = -32002;

/// What only sessions have, so that no request without one may ask for it; and tasks, which are
/// other ones in every revision.
const GONE: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Whether a server of an older revision can be asked for this by a newer client.
pub(crate) fn can_be_asked(method: &str) -> bool {
    !GONE.contains(&method) && !method.starts_with("tasks/")
}

/// What a request says of its client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    /// What it can do.
    pub(crate) capabilities: Value,
    info: Value,
    /// From which level on it wants lines of the server's log.
    pub(crate) log_level: Option<String>,
}

impl Declared {
    /// What a request says of its client.
    pub(crate) fn by(request: &Request<'_>) -> Self {
        let capabilities = said_beside(request, CAPABILITIES).filter(Value::is_object);
        let mut capabilities = capabilities.unwrap_or_else(|| json!({}));
        if let Some(capabilities) = capabilities.as_object_mut() {
            capabilities.remove("extensions");
        }
        let info = said_beside(request, CLIENT).filter(Value::is_object);
        let level = said_beside(request, LOG_LEVEL);
        Self {
            capabilities,
            info: info.unwrap_or_else(|| Self::nothing().info),
            log_level: level.and_then(|level| level.as_str().map(str::to_owned)),
        }
    }

    /// What a client says that is nobody in particular and can do nothing.
    pub(crate) fn nothing() -> Self {
        let info = json!({ "name": "unknown", "version": "0" });
        Self { capabilities: json!({}), info, log_level: None }
    }

    /// Whether the client has said that it can answer this.
    pub(crate) fn can(&self, method: &str) -> bool {
        let name = match method {
            "sampling/createMessage" => "sampling",
            "elicitation/create" => "elicitation",
            "roots/list" => "roots",
            _ => return false,
        };
        self.capabilities.get(name).is_some()
    }

    /// The beginning of a session in this client's name.
    pub(crate) fn initialize(&self) -> String {
        let params = json!({
            "protocolVersion": Revision::LAST_WITH_SESSIONS.as_str(),
            "capabilities": self.capabilities,
            "clientInfo": self.info,
        });
        written("0", "initialize", &params)
    }
}

/// A client's request, as a session knows it.
pub(crate) fn request(request: &Request<'_>, id: u64) -> String {
    let mut params = fields(request.params);
    let mut meta = fields(params.remove(META).as_deref());
    for name in [REVISION, CAPABILITIES, CLIENT, LOG_LEVEL] {
        meta.remove(name);
    }
    if !meta.is_empty() {
        params.insert(META.into(), raw(&meta));
    }
    for name in [STATE, RESPONSES] {
        params.remove(name);
    }
    written(&id.to_string(), &request.method(), &params)
}

/// An answer, as newer clients expect it.
pub(crate) fn answered(method: &str, mut answer: Answer, server: Option<&Value>) -> Answer {
    match &mut answer {
        Answer::Done(Value::Object(result)) => complete(method, result, server),
        Answer::Done(_) => {}
        Answer::Failed(error) => {
            if error.get("code").and_then(Value::as_i64) == Some(NO_SUCH_RESOURCE) {
                error["code"] = INVALID_PARAMS.into();
            }
        }
    }
    answer
}

/// Says of a result what every result says, unless it says so itself.
pub(crate) fn complete(method: &str, result: &mut Map<String, Value>, server: Option<&Value>) {
    // A kind of result is the newer revisions' word alone.
    result.insert("resultType".into(), "complete".into());
    if CACHED.contains(&method) {
        result.entry("ttlMs").or_insert_with(|| 0.into());
        result.insert("cacheScope".into(), "private".into());
    }
    if let Some(server) = server
        && let Some(meta) = result.entry(META).or_insert_with(|| json!({})).as_object_mut()
    {
        meta.insert(SERVER.into(), server.clone());
    }
}

/// The status under which an answer goes to a newer client.
pub(crate) fn status(answer: &Answer) -> StatusCode {
    match answer.code() {
        Some(NO_SUCH_METHOD) => StatusCode::NOT_FOUND,
        Some(code) if (-32022..=-32020).contains(&code) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

/// What a server that has no `server/discover` would answer to it, by what it said when a session
/// began.
pub(crate) fn discovered(initialized: &Value) -> Value {
    let mut offers =
        initialized.get("capabilities").and_then(Value::as_object).cloned().unwrap_or_default();
    offers.remove("tasks");
    let spoken = initialized.get("protocolVersion").and_then(Value::as_str);
    let versions: Vec<&str> = std::iter::once(Revision::NEWEST.as_str()).chain(spoken).collect();
    let mut result = Map::new();
    result.insert("supportedVersions".into(), json!(versions));
    result.insert("capabilities".into(), Value::Object(offers));
    if let Some(words) = initialized.get("instructions") {
        result.insert("instructions".into(), words.clone());
    }
    complete("server/discover", &mut result, initialized.get("serverInfo"));
    Value::Object(result)
}

/// A result that wants this of the client, who comes back with `state`.
pub(crate) fn input_required(key: &str, wanted: &Request<'_>, state: &str) -> Answer {
    let params = wanted.params.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let mut params: Value = params.unwrap_or_else(|| json!({}));
    if let Some(params) = params.as_object_mut() {
        // What goes with a message on a stream has no place in a result.
        for name in [META, "task", "elicitationId"] {
            params.remove(name);
        }
        if wanted.method() == "elicitation/create" {
            params.entry("mode").or_insert_with(|| "form".into());
        }
    }
    let request = json!({ "method": wanted.method(), "params": params });
    Answer::Done(json!({
        "resultType": "input_required",
        "inputRequests": { key: request },
        STATE: state,
    }))
}

/// What is not there, in the words of the newest revision.
pub(crate) fn no_such_method(why: &str) -> Answer {
    Answer::Failed(json!({ "code": NO_SUCH_METHOD, "message": why }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::act_alike;
    use super::super::words::tests::read;
    use super::*;

    fn call(meta: &Value) -> String {
        written(
            "\"c-1\"",
            "tools/call",
            &json!({ "name": "t", "arguments": { "a": 1 }, META: meta }),
        )
    }

    #[test]
    fn a_request_says_nothing_of_its_client_to_a_session() {
        let text = call(
            &json!({ REVISION: "2026-07-28", CAPABILITIES: { "sampling": {} }, CLIENT: { "name": "c", "version": "1" }, LOG_LEVEL: "info", "progressToken": 3 }),
        );
        let old: Value = serde_json::from_str(&request(&read(&text), 41)).unwrap();
        assert_eq!(
            old,
            json!({ "jsonrpc": "2.0", "id": 41, "method": "tools/call", "params": { "name": "t", "arguments": { "a": 1 }, "_meta": { "progressToken": 3 } } })
        );
        let declared = Declared::by(&read(&text));
        assert_eq!(declared.log_level.as_deref(), Some("info"));
        assert!(
            declared.can("sampling/createMessage")
                && !declared.can("elicitation/create")
                && !declared.can("ping")
        );
        let began: Value = serde_json::from_str(&declared.initialize()).unwrap();
        assert_eq!(
            began["params"],
            json!({ "protocolVersion": "2025-11-25", "capabilities": { "sampling": {} }, "clientInfo": { "name": "c", "version": "1" } })
        );
        let bare = request(&read(&call(&json!({ REVISION: "2026-07-28" }))), 1);
        assert!(!bare.contains("_meta"), "{bare}");
    }

    #[test]
    fn answers_say_what_newer_clients_expect() {
        let server = json!({ "name": "s", "version": "1" });
        for (method, result, want) in [
            (
                "tools/call",
                json!({ "content": [], "resultType": "input_required" }),
                json!({ "content": [], "resultType": "complete", "_meta": { SERVER: server } }),
            ),
            (
                "tools/list",
                json!({ "tools": [], "cacheScope": "public", "ttlMs": 7 }),
                json!({ "tools": [], "cacheScope": "private", "ttlMs": 7, "resultType": "complete", "_meta": { SERVER: server } }),
            ),
            (
                "resources/read",
                json!({ "contents": [], "_meta": { "a": 1 } }),
                json!({ "contents": [], "cacheScope": "private", "ttlMs": 0, "resultType": "complete", "_meta": { "a": 1, SERVER: server } }),
            ),
        ] {
            assert_eq!(
                answered(method, Answer::Done(result), Some(&server)),
                Answer::Done(want),
                "{method}"
            );
        }
        for (code, want, under) in [
            (-32002, -32602, 200),
            (-32601, -32601, 404),
            (-32020, -32020, 400),
            (-32603, -32603, 200),
        ] {
            let answer =
                answered("x", Answer::Failed(json!({ "code": code, "message": "m" })), None);
            assert_eq!((answer.code(), status(&answer).as_u16()), (Some(want), under));
        }
    }

    #[test]
    fn what_a_session_began_with_answers_discovery() {
        let began = json!({ "protocolVersion": "2025-06-18", "capabilities": { "tools": {}, "tasks": {} }, "serverInfo": { "name": "s", "version": "1" }, "instructions": "i" });
        assert_eq!(
            discovered(&began),
            json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28", "2025-06-18"], "capabilities": { "tools": {} },
                "instructions": "i", "ttlMs": 0, "cacheScope": "private", "_meta": { SERVER: { "name": "s", "version": "1" } },
            })
        );
    }

    #[test]
    fn what_a_server_asks_for_on_the_way_becomes_a_result() {
        let asked = written(
            "9",
            "elicitation/create",
            &json!({ "message": "m", "requestedSchema": {}, META: {}, "elicitationId": "e" }),
        );
        let Answer::Done(result) = input_required("k", &read(&asked), "sealed") else { panic!() };
        assert_eq!(
            result,
            json!({
                "resultType": "input_required", "requestState": "sealed",
                "inputRequests": { "k": { "method": "elicitation/create", "params": { "message": "m", "requestedSchema": {}, "mode": "form" } } },
            })
        );
    }

    #[test]
    fn what_only_sessions_have_cannot_be_asked_for() {
        for (method, want) in [
            ("tools/call", true),
            ("ping", false),
            ("tasks/get", false),
            ("x/y", true),
            ("initialize", false),
        ] {
            assert_eq!(can_be_asked(method), want, "{method}");
        }
    }

    proptest! {
        #[test]
        fn no_translation_changes_what_is_asked_for(
            name in "[a-z_é\"\\\\]{0,12}", number in any::<i64>(), text in "\\PC{0,20}", id in any::<u64>(),
        ) {
            let params = json!({ "name": name, "arguments": { "n": number, REVISION: text }, META: { REVISION: text }, STATE: text });
            let call = written("7", "tools/call", &params);
            prop_assert!(act_alike(&call, &request(&read(&call), id)));
        }
    }
}
