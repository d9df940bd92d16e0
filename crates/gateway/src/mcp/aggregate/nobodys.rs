//! What is asked of all servers and is no server's affair: nobody hears of it, and where it would
//! have acted or fetched something, the log does. Who tries names is to be seen.

use std::sync::Arc;

use axum::http::StatusCode;
use bakerst_guard::Decision;
use bakerst_model::{Actor, Code, Reason, ToolCall, Verdict};

use super::Aggregate;
use crate::gateway::Enforcement;
use crate::mcp::answer;
use crate::mcp::eras::asking::Asked;
use crate::mcp::message::Request;
use crate::mcp::relay::{Relay, failed};
use crate::problem::Problem;

impl Aggregate {
    /// Refuses what is nobody's affair, for this reason.
    pub(super) async fn refuse(&self, request: &Request<'_>, words: &str) -> Asked {
        let id = request.id();
        let wrong =
            |words: &str, code| answer::error(Some(&id), answer::INVALID_PARAMS, words, code);
        let relay = self.0.relay(&Arc::from("*"), Arc::default());
        let call = match (relay.gateway.enforcement, relay.call(&request.method(), request)) {
            (Enforcement::On, Ok(Some(call))) => call,
            (Enforcement::On, Err(why)) => return Asked::ours(StatusCode::OK, wrong(&why, None)),
            (Enforcement::Off, _) | (Enforcement::On, Ok(None)) => {
                return Asked::ours(StatusCode::OK, wrong(words, None));
            }
        };
        match relay.refuse(call, words).await {
            Ok(()) => Asked::ours(StatusCode::OK, wrong(words, Some(Code::NoSuchServer))),
            Err(problem) => {
                let seconds = problem.retry_after_seconds();
                let status = seconds.map_or(StatusCode::OK, |_| StatusCode::TOO_MANY_REQUESTS);
                Asked { retry_after: seconds, ..Asked::ours(status, failed(&id, &problem)) }
            }
        }
    }
}

impl Relay {
    /// Refuses a call that can be made to nobody, so that no chain need hear it. It counts, and is
    /// recorded, like any other.
    async fn refuse(&self, call: ToolCall, words: &str) -> Result<(), Problem> {
        let actor = Actor {
            agent: Some(call.agent.clone()),
            user: call.user.clone(),
            ..self.caller.actor()
        };
        self.gateway.within_rates(&call, &self.caller, &actor).await?;
        let policy = self.gateway.policy();
        let decision = Decision {
            verdict: Verdict::Deny,
            reason: Reason::new(Code::NoSuchServer, words.to_owned()),
            trail: Vec::new(),
            approval: None,
            policy: policy.digest(),
            flow: None,
        };
        self.gateway.conclude(&policy, call, decision, actor).await.map(drop)
    }
}
