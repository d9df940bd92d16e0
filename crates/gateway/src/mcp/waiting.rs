//! While a person decides: what keeps a client from giving up, and what becomes of the request
//! once it does.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bakerst_model::{Actor, ApprovalId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::Request;
use crate::gateway::Gateway;

/// How long a client is kept waiting without a word.
const QUIET: Duration = Duration::from_millis(250);
/// And how long between two words, once it knows that it has to wait.
pub(super) const PULSE: Duration = Duration::from_secs(10);

/// The request for approval that a call waits for. When the call ends before it is answered,
/// because its client took it back or is gone, the request is withdrawn.
pub(super) struct Waiting {
    gateway: Arc<Gateway>,
    actor: Actor,
    approval: OnceLock<ApprovalId>,
    over: bool,
}

impl Waiting {
    pub(super) fn new(gateway: Arc<Gateway>, actor: Actor) -> Self {
        Self { gateway, actor, approval: OnceLock::new(), over: false }
    }

    /// Where it is written down once there is one.
    pub(super) fn approval(&self) -> &OnceLock<ApprovalId> {
        &self.approval
    }

    /// It comes back for a request that was opened before.
    pub(super) fn will_wait_for(&self, id: ApprovalId) {
        self.approval.get_or_init(|| id);
    }

    /// The client has its answer, or will come back for it.
    pub(super) fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(id), false) = (self.approval.get().copied(), self.over) else { return };
        // Without a runtime everything ends, and so does the time for an answer.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (gateway, actor) = (self.gateway.clone(), std::mem::take(&mut self.actor));
        runtime.spawn(async move { gateway.withdraw_approval(id, actor).await });
    }
}

/// Words of progress for a client that asked for them: many let a call take longer as long as
/// they hear some.
pub(super) struct Pulse {
    /// Under which name the client wants to hear.
    token: Option<Box<RawValue>>,
    said: u32,
}

impl Pulse {
    /// What keeps the client of this request waiting.
    pub(super) fn of(request: &Request<'_>) -> Self {
        #[derive(Deserialize)]
        struct Meta<'m> {
            #[serde(borrow, rename = "progressToken")]
            token: Option<&'m RawValue>,
        }
        let token = request.meta::<Meta<'_>>().and_then(|meta| meta.token);
        let is_name = |raw: &&RawValue| {
            let first = raw.get().as_bytes().first();
            first.is_some_and(|first| matches!(first, b'"' | b'-' | b'0'..=b'9'))
        };
        Self { token: token.filter(is_name).map(ToOwned::to_owned), said: 0 }
    }

    /// Whether the client asked to hear of progress.
    pub(super) fn is_heard(&self) -> bool {
        self.token.is_some()
    }

    /// Ends when it is time for a word.
    pub(super) async fn due(&self) {
        tokio::time::sleep(if self.said == 0 { QUIET } else { PULSE }).await;
    }

    /// The next word. Progress only ever grows, and what the server itself will tell counts from
    /// nothing; so ours hardly leaves it.
    pub(super) fn word(&mut self) -> Option<String> {
        self.said = self.said.saturating_add(1);
        let (token, progress) = (self.token.as_ref()?.get(), f64::from(self.said) * 1e-9);
        Some(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{token},"progress":{progress},"message":"a person was asked to approve this call"}}}}"#
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Kind, Message};
    use super::*;

    #[track_caller]
    fn words(meta: &str) -> Vec<serde_json::Value> {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{meta}}}}}"#
        );
        let Kind::Request(request) = Message::read(&text).unwrap().kind else { panic!("{text}") };
        let mut pulse = Pulse::of(&request);
        std::iter::from_fn(|| pulse.word())
            .take(3)
            .map(|word| serde_json::from_str(&word).unwrap())
            .collect()
    }

    #[test]
    fn progress_grows_under_the_name_that_the_client_gave() {
        for (meta, token) in [
            (r#"{"progressToken":7}"#, serde_json::json!(7)),
            (r#"{"progressToken":"a\"b"}"#, serde_json::json!("a\"b")),
        ] {
            let words = words(meta);
            let progress: Vec<f64> =
                words.iter().map(|word| word["params"]["progress"].as_f64().unwrap()).collect();
            assert!(progress.windows(2).all(|pair| pair[0] < pair[1]) && progress[2] < 1e-6);
            assert!(words.iter().all(|word| word["params"]["progressToken"] == token));
        }
        for meta in ["{}", r#"{"progressToken":null}"#, r#"{"progressToken":{}}"#, "[]"] {
            assert!(words(meta).is_empty(), "{meta}");
        }
    }
}
