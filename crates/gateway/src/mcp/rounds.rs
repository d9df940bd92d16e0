//! Under the revision without sessions, a call that waits for a person ends after a while, with a
//! sealed word that the client brings along when it calls again: no connection is held for as
//! long as a person thinks, and nothing is remembered here.

use std::time::Duration;

use bakerst_model::ApprovalId;
use serde_json::{Map, Value, json};

use super::answer;
use super::message::{Id, Request, may_name};
use super::relay::is_stateless;
use super::session::{Owner, Seal};
use super::waiting::Pulse;

/// How long one round lasts; clients often give up after a minute.
pub(super) const ROUND: Duration = Duration::from_secs(45);
/// What our words begin with; a server's own are passed on to it.
const OURS: &str = "bakerst1:";
const STATE: &str = "requestState";
const RESPONSES: &str = "inputResponses";

/// The requests that may be answered in rounds.
const METHODS: [&str; 3] = ["tools/call", "resources/read", "prompts/get"];

/// Whether the client of a request comes back by itself when it is told to. One that hears of
/// progress needs not.
pub(super) fn may_have(request: &Request<'_>) -> bool {
    is_stateless(request) && METHODS.contains(&&*request.method()) && !Pulse::of(request).is_heard()
}

/// What a request brings along.
pub(super) enum Brought {
    /// Nothing of anybody's: it may be answered in rounds.
    Nothing,
    /// Something of the server's, which a round of ours would lose.
    Servers,
    /// It comes back for this request for approval; and the message without that word.
    Back(ApprovalId, String),
    /// A word that is none of ours, or another's.
    Forged,
}

/// What a request brings along.
pub(super) fn brought(
    request: &Request<'_>,
    seal: &Seal,
    owner: impl FnOnce() -> Owner,
) -> Brought {
    let Some(bare) = request.params else { return Brought::Nothing };
    if !may_name(bare, STATE) && !may_name(bare, RESPONSES) {
        return Brought::Nothing;
    }
    let Ok(mut params) = serde_json::from_str::<Map<String, Value>>(bare.get()) else {
        return Brought::Servers;
    };
    let ours = params.get(STATE).and_then(Value::as_str).and_then(|text| text.strip_prefix(OURS));
    match ours {
        Some(sealed) => {
            let opened = seal.open(sealed, &owner()).ok();
            match opened.and_then(|text| ApprovalId::parse(&text)) {
                Some(id) => {
                    params.remove(STATE);
                    Brought::Back(id, request.with_params(&Value::Object(params)))
                }
                None => Brought::Forged,
            }
        }
        None if params.contains_key(STATE) || params.contains_key(RESPONSES) => Brought::Servers,
        None => Brought::Nothing,
    }
}

/// The end of a round: the client is to call again with what it is given.
pub(super) fn come_again(
    id: &Id,
    approval: ApprovalId,
    seal: &Seal,
    owner: &Owner,
) -> Option<String> {
    let sealed = seal.name(&approval.to_string(), owner).ok()?;
    let result = json!({ "resultType": "input_required", STATE: format!("{OURS}{sealed}") });
    Some(answer::result(id, &result))
}

/// The answer to whoever brings a word that we have not given them.
pub(super) fn forged(id: &Id) -> String {
    let words = "`requestState` is none that you were given";
    answer::error(Some(id), answer::INVALID_PARAMS, words, None)
}
