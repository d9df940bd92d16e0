//! A client of an older revision, in the words of the newest: what it said once when it began goes
//! with every request, and what a server wants of it in a result comes to it as a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::message::Request;
use super::super::revision::Revision;
use super::words::{
    Answer, CAPABILITIES, CLIENT, Fields, LOG_LEVEL, META, RESPONSES, REVISION, SERVER, STATE,
    SUBSCRIPTION, fields, raw, request as written,
};

/// How much of what a client says of itself is kept in the name of its session.
const STATED_BYTES_MAX: usize = 1000;

/// What a client of an older revision said when it began.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Stated {
    /// Which revision it was told that is spoken.
    #[serde(rename = "r")]
    pub(crate) revision: String,
    /// What it can do.
    #[serde(rename = "c")]
    capabilities: Value,
    /// What it is.
    #[serde(rename = "i")]
    info: Value,
}

impl Stated {
    /// What a client says in its `initialize`.
    pub(crate) fn of(initialize: &Request<'_>) -> Self {
        let params = fields(initialize.params);
        let field = |name: &str| -> Option<Value> {
            params.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
        };
        let wanted = field("protocolVersion");
        let known = wanted.as_ref().and_then(Value::as_str).and_then(Revision::parse);
        let revision =
            known.filter(|known| !known.is_stateless()).unwrap_or(Revision::LAST_WITH_SESSIONS);
        let mut stated = Self {
            revision: revision.as_str().to_owned(),
            capabilities: capabilities(field("capabilities")),
            info: named(field("clientInfo").as_ref()),
        };
        // What does not fit says the same in fewer words.
        if stated.sealed().len() > STATED_BYTES_MAX {
            stated.capabilities = shortened(&stated.capabilities);
        }
        if stated.sealed().len() > STATED_BYTES_MAX {
            stated.info = named(None);
        }
        stated
    }

    /// What a client says that is nobody in particular and can do nothing.
    pub(crate) fn nothing() -> Self {
        let revision = Revision::LAST_WITH_SESSIONS.as_str().to_owned();
        Self { revision, capabilities: capabilities(None), info: named(None) }
    }

    /// As it is sealed into the name of a session.
    pub(crate) fn sealed(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was sealed.
    pub(crate) fn opened(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Whether the client has said that it can answer this.
    pub(crate) fn can(&self, wanted: &Value) -> bool {
        let of = |name: &str| self.capabilities.get(name);
        match wanted.get("method").and_then(Value::as_str) {
            Some("sampling/createMessage") => of("sampling").is_some(),
            Some("roots/list") => of("roots").is_some(),
            Some("elicitation/create") => match wanted.pointer("/params/mode") {
                Some(mode) if mode == "url" => {
                    of("elicitation").is_some_and(|how| how.get("url").is_some())
                }
                _ => of("elicitation").is_some(),
            },
            _ => false,
        }
    }

    fn beside(&self, log_level: Option<&str>) -> Map<String, Value> {
        let mut beside = Map::new();
        beside.insert(REVISION.into(), Revision::NEWEST.as_str().into());
        beside.insert(CAPABILITIES.into(), self.capabilities.clone());
        beside.insert(CLIENT.into(), self.info.clone());
        beside.extend(log_level.map(|level| (LOG_LEVEL.to_owned(), level.into())));
        beside
    }

    /// A request of ours in this client's name.
    pub(crate) fn asks(&self, id: &str, method: &str, mut params: Map<String, Value>) -> String {
        params.insert(META.into(), Value::Object(self.beside(None)));
        written(id, method, &params)
    }
}

/// Of what a client can do, what newer servers know.
fn capabilities(stated: Option<Value>) -> Value {
    let Some(Value::Object(mut stated)) = stated else { return json!({}) };
    stated.retain(|name, value| name != "tasks" && value.is_object());
    if let Some(Value::Object(roots)) = stated.get_mut("roots") {
        roots.clear();
    }
    Value::Object(stated)
}

fn shortened(capabilities: &Value) -> Value {
    let mut short = Map::new();
    for (name, inner) in
        [("roots", &[][..]), ("sampling", &["tools"]), ("elicitation", &["form", "url"])]
    {
        if let Some(stated) = capabilities.get(name) {
            let kept = inner.iter().filter(|inner| stated.get(**inner).is_some());
            let kept = kept.map(|inner| ((*inner).to_owned(), json!({}))).collect();
            short.insert(name.into(), Value::Object(kept));
        }
    }
    Value::Object(short)
}

fn named(info: Option<&Value>) -> Value {
    let text = |name: &str| info?.get(name)?.as_str().map(str::to_owned);
    json!({
        "name": text("name").unwrap_or_else(|| "unknown".into()),
        "version": text("version").unwrap_or_else(|| "0".into()),
    })
}

/// A client's request, with what it said when it began.
pub(crate) fn request(request: &Request<'_>, stated: &Stated, log_level: Option<&str>) -> String {
    let mut params = fields(request.params);
    let mut meta = fields(params.remove(META).as_deref());
    meta.extend(stated.beside(log_level).into_iter().map(|(name, value)| (name, raw(&value))));
    params.insert(META.into(), raw(&meta));
    written(request.id().as_json(), &request.method(), &params)
}

/// The same request once more, with what the server wanted to know.
pub(crate) fn retry(
    request: &Request<'_>,
    id: &str,
    state: Option<&str>,
    responses: &BTreeMap<String, Value>,
) -> String {
    let mut params: Fields = fields(request.params);
    for (name, value) in [
        (STATE, state.map(|state| raw(&state))),
        (RESPONSES, (!responses.is_empty()).then(|| raw(responses))),
    ] {
        match value {
            Some(value) => params.insert(name.into(), value),
            None => params.remove(name),
        };
    }
    written(id, &request.method(), &params)
}

/// What a server wants of its client before it goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// The requests, by what the server calls them.
    pub(crate) requests: BTreeMap<String, Value>,
    /// What the server wants to have back.
    pub(crate) state: Option<String>,
}

/// What a result wants, if it is not the end.
pub(crate) fn wanted(answer: &Answer) -> Option<Wanted> {
    let Answer::Done(result) = answer else { return None };
    if result.get("resultType")? != "input_required" {
        return None;
    }
    let requests = result.get("inputRequests").and_then(Value::as_object);
    let requests = requests.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
    let state = result.get(STATE).and_then(Value::as_str).map(str::to_owned);
    Some(Wanted { requests: requests.collect(), state })
}

/// What a server wants, as a request to a client of this revision.
pub(crate) fn wanted_request(id: &str, wanted: &Value, revision: &str) -> String {
    let method = wanted.get("method").and_then(Value::as_str).unwrap_or_default();
    let mut params = wanted.get("params").and_then(Value::as_object).cloned().unwrap_or_default();
    if method == "elicitation/create" {
        let by_address = params.get("mode").is_some_and(|mode| mode == "url");
        // Earlier clients know no other mode, and some refuse what they do not know.
        if by_address {
            params.entry("elicitationId").or_insert_with(|| id.trim_matches('"').into());
        } else if revision < Revision::LAST_WITH_SESSIONS.as_str() {
            params.remove("mode");
        }
    }
    written(id, method, &params)
}

/// Whether an answer is one that clients of older revisions know: an extension's kinds of results
/// are none.
pub(crate) fn is_known(answer: &Answer) -> bool {
    let Answer::Done(result) = answer else { return true };
    result.get("resultType").is_none_or(|kind| kind == "complete")
}

/// An answer as clients of older revisions know it.
pub(crate) fn answered(mut answer: Answer) -> Answer {
    if let Answer::Done(Value::Object(result)) = &mut answer {
        for name in ["resultType", "ttlMs", "cacheScope"] {
            result.remove(name);
        }
        without_beside(result, SERVER);
    }
    answer
}

/// What a server says on its own account, as clients of older revisions know it.
pub(crate) fn told(text: &str) -> Option<String> {
    let mut message: Value = serde_json::from_str(text).ok()?;
    if let Some(params) = message.get_mut("params").and_then(Value::as_object_mut) {
        without_beside(params, SUBSCRIPTION);
    }
    Some(message.to_string())
}

fn without_beside(object: &mut Map<String, Value>, name: &str) {
    let Some(Value::Object(meta)) = object.get_mut(META) else { return };
    meta.remove(name);
    if meta.is_empty() {
        object.remove(META);
    }
}

/// What a server that has no `initialize` would answer to it, by what it told of itself.
pub(crate) fn initialized(discovered: &Value, stated: &Stated) -> Value {
    let mut offers =
        discovered.get("capabilities").and_then(Value::as_object).cloned().unwrap_or_default();
    offers.remove("extensions");
    let info = discovered.get("serverInfo").or_else(|| discovered.get(META)?.get(SERVER));
    let mut result = json!({
        "protocolVersion": stated.revision,
        "capabilities": offers,
        "serverInfo": info.cloned().unwrap_or_else(|| named(None)),
    });
    if let (Some(words), Some(result)) = (discovered.get("instructions"), result.as_object_mut()) {
        result.insert("instructions".into(), words.clone());
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::words::tests::read;
    use super::super::words::{act_alike, answer};
    use super::*;

    fn stated(capabilities: &Value) -> Stated {
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": { "name": "c", "version": "1", "icons": [] } });
        let text = written("0", "initialize", &params);
        Stated::of(&read(&text))
    }

    #[test]
    fn what_a_client_says_when_it_begins_fits_into_a_name() {
        let stated =
            stated(&json!({ "roots": { "listChanged": true }, "tasks": {}, "elicitation": {} }));
        assert_eq!(Stated::opened(&stated.sealed()), Some(stated.clone()));
        assert_eq!(stated.capabilities, json!({ "roots": {}, "elicitation": {} }));
        assert_eq!(
            (stated.revision.as_str(), &stated.info),
            ("2025-06-18", &json!({ "name": "c", "version": "1" }))
        );
        let long = json!({ "elicitation": { "url": { "x": "y".repeat(2000) } }, "sampling": { "tools": {} }, "experimental": {} });
        let long = super::tests::stated(&long);
        assert!(long.sealed().len() <= STATED_BYTES_MAX);
        assert_eq!(
            long.capabilities,
            json!({ "elicitation": { "url": {} }, "sampling": { "tools": {} } })
        );
        for (version, want) in [
            ("2026-07-28", "2025-11-25"),
            ("2031-01-01", "2025-11-25"),
            ("2025-03-26", "2025-03-26"),
        ] {
            let text = written("0", "initialize", &json!({ "protocolVersion": version }));
            assert_eq!(Stated::of(&read(&text)).revision, want);
        }
    }

    #[test]
    fn a_client_is_asked_only_for_what_it_has_said_that_it_can() {
        let wants =
            |method: &str, mode: &str| json!({ "method": method, "params": { "mode": mode } });
        let (form, url) = (wants("elicitation/create", "form"), wants("elicitation/create", "url"));
        let (sampling, roots) = (wants("sampling/createMessage", ""), wants("roots/list", ""));
        for (capabilities, can) in [
            (json!({}), [false; 4]),
            (json!({ "elicitation": {} }), [true, false, false, false]),
            (json!({ "elicitation": { "url": {} }, "roots": {} }), [true, true, false, true]),
            (json!({ "sampling": {} }), [false, false, true, false]),
        ] {
            let stated = stated(&capabilities);
            assert_eq!([&form, &url, &sampling, &roots].map(|wanted| stated.can(wanted)), can);
        }
        assert!(!stated(&json!({ "tools": {} })).can(&json!({ "method": "tools/call" })));
    }

    #[test]
    fn a_request_carries_what_the_session_said() {
        let text = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t","arguments":{"n":1.0e2},"_meta":{"progressToken":7}}}"#;
        let stated = stated(&json!({ "elicitation": {} }));
        let new = request(&read(text), &stated, Some("info"));
        assert!(act_alike(text, &new) && new.contains("1.0e2"), "{new}");
        let new: Value = serde_json::from_str(&new).unwrap();
        let want = json!({
            "progressToken": 7, REVISION: "2026-07-28", CAPABILITIES: { "elicitation": {} },
            CLIENT: { "name": "c", "version": "1" }, LOG_LEVEL: "info",
        });
        assert_eq!((&new["params"]["_meta"], &new["id"]), (&want, &json!("a")));
    }

    #[test]
    fn a_result_that_wants_something_becomes_requests_and_a_retry() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"s","inputRequests":{"k":{"method":"elicitation/create","params":{"mode":"form","message":"m"}}}}}"#;
        let wanted = wanted(&answer(text).unwrap()).unwrap();
        assert_eq!(wanted.state.as_deref(), Some("s"));
        let asked = |revision: &str| -> Value {
            serde_json::from_str(&wanted_request("\"q\"", &wanted.requests["k"], revision)).unwrap()
        };
        assert_eq!(asked("2025-06-18")["params"], json!({ "message": "m" }));
        assert_eq!(asked("2025-11-25")["params"], json!({ "message": "m", "mode": "form" }));
        let by_address = json!({ "method": "elicitation/create", "params": { "mode": "url", "url": "https://a" } });
        let by_address: Value =
            serde_json::from_str(&wanted_request("\"q\"", &by_address, "2025-11-25")).unwrap();
        assert_eq!(by_address["params"]["elicitationId"], "q");

        let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","requestState":"old"}}"#;
        let again = retry(
            &read(call),
            "\"n\"",
            wanted.state.as_deref(),
            &[("k".to_owned(), json!({ "action": "accept" }))].into(),
        );
        assert!(act_alike(call, &again));
        let again: Value = serde_json::from_str(&again).unwrap();
        let want = json!({ "name": "t", "requestState": "s", "inputResponses": { "k": { "action": "accept" } } });
        assert_eq!((&again["id"], &again["params"]), (&json!("n"), &want));
        let bare = retry(&read(call), "2", None, &BTreeMap::new());
        assert!(!bare.contains("requestState") && !bare.contains("inputResponses"), "{bare}");
    }

    #[test]
    fn answers_lose_what_older_clients_do_not_know() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","ttlMs":5,"cacheScope":"private","tools":[],"_meta":{"io.modelcontextprotocol/serverInfo":{}}}}"#;
        let Answer::Done(result) = answered(answer(text).unwrap()) else { panic!() };
        assert_eq!(result, json!({ "tools": [] }));
        for (kind, want) in [("complete", true), ("task", false)] {
            assert_eq!(is_known(&Answer::Done(json!({ "resultType": kind }))), want);
        }
        assert!(is_known(&Answer::Done(json!({}))));
        let word = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":4}}}"#;
        assert!(!told(word).unwrap().contains("_meta"));
    }

    #[test]
    fn what_a_server_tells_of_itself_answers_initialize() {
        let discovered = json!({
            "supportedVersions": ["2026-07-28"], "instructions": "be kind",
            "capabilities": { "tools": { "listChanged": true }, "extensions": { "a/b": {} } },
            "_meta": { SERVER: { "name": "s", "version": "2" } },
        });
        let want = json!({
            "protocolVersion": "2025-06-18", "capabilities": { "tools": { "listChanged": true } },
            "serverInfo": { "name": "s", "version": "2" }, "instructions": "be kind",
        });
        assert_eq!(initialized(&discovered, &stated(&json!({}))), want);
    }

    proptest! {
        /// Whatever a client asks for, translating it changes nothing of what its server would do.
        #[test]
        fn no_translation_changes_what_is_asked_for(
            name in "[a-z_é\"\\\\]{0,12}", number in any::<i64>(), text in "\\PC{0,20}", level in proptest::option::of("[a-z]{1,5}"),
        ) {
            let params = json!({ "name": name, "arguments": { "number": number, "text": text, "_meta": { "a": [number] } } });
            let call = written("7", "tools/call", &params);
            let new = request(&read(&call), &stated(&json!({ "roots": {} })), level.as_deref());
            prop_assert!(act_alike(&call, &new));
            let again = retry(&read(&new), "8", Some(&text), &BTreeMap::new());
            prop_assert!(act_alike(&call, &again));
        }
    }
}
