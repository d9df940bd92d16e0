//! What we say ourselves, in the protocol's words.

use bakerst_guard::Decision;
use bakerst_model::{Code, DecisionId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::message::Id;
use crate::problem::NO_OTHER_WAY;

/// The request could not be read, or is none.
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// Its parameters are not as they must be.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// It could not be answered.
pub(crate) const INTERNAL: i64 = -32603;
/// A person or a policy said no to what a server wanted.
pub(crate) const DECLINED: i64 = -32000;
/// A header says another thing than the body.
pub(crate) const HEADER_MISMATCH: i64 = -32020;

/// Under this name answers carry what programs may want to know of a decision.
const META: &str = "dev.bakerst/decision";

/// An error, as the answer to a request.
pub(crate) fn error(id: Option<&Id>, code: i64, message: &str, ours: Option<Code>) -> String {
    let data = ours.map(|ours| {
        json!({
            "code": ours,
            "retryable": ours.retryable(),
            "remedy": ours.remedy(),
        })
    });
    let mut error = Map::new();
    error.insert("code".into(), code.into());
    error.insert("message".into(), message.into());
    error.extend(data.map(|data| ("data".to_owned(), data)));
    let id = id.map_or("null", Id::as_json);
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, Value::Object(error))
}

/// A result, as the answer to a request.
pub(crate) fn result(id: &Id, result: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.as_json())
}

/// What programs may want to know of a decision.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionNote {
    action: &'static str,
    code: Code,
    decision_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    approval_id: Option<String>,
    retryable: bool,
    remedy: &'static str,
}

/// A call that was not made, as a tool's result: models read those, and many clients show a
/// protocol's error to nobody.
pub(crate) fn not_made(
    id: &Id,
    decision: &Decision,
    decision_id: DecisionId,
    stateless: bool,
) -> String {
    let asked = decision.verdict == bakerst_model::Verdict::Ask;
    let Decision { reason, approval, .. } = decision;
    let note = DecisionNote {
        action: if asked { "escalate" } else { "reject" },
        code: reason.code,
        decision_id: decision_id.to_string(),
        approval_id: approval.map(|id| id.to_string()),
        retryable: asked || reason.code.retryable(),
        remedy: reason.code.remedy(),
    };
    let words = format!("{}. {NO_OTHER_WAY}", reason.message);
    let mut said = json!({
        "content": [{ "type": "text", "text": format!("{} {words}", reason.code) }],
        "isError": true,
        "_meta": { META: note },
    });
    if stateless && let Some(said) = said.as_object_mut() {
        said.insert("resultType".into(), "complete".into());
    }
    result(id, &said)
}
