//! What came of a call: its result, without secrets.

use bakerst_guard::{OutputFinding, Passthrough, Policy, Sanitized};
use bakerst_model::{
    Accountable, Action, Actor, Code, DecisionId, Detail, Event, EventError, Recorded, ToolCall,
    ToolName,
};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{After, read_after};
use crate::exchange::Exchange;
use crate::gateway::{Enforcement, Gateway};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{AfterAnswer, OutputNote, UnguardedResult};

/// How many places of a result are recorded; the rest is counted.
const PLACES_MAX: usize = 50;

/// `POST /v1/guard/after`.
pub(crate) async fn after(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, path, body, .. } = exchange;
    let After { call, result, decision, duration_ms } = read_after(&body, &gateway.limits)?;
    let call = gateway.attribute(call, &caller, path).await?;
    let result = result.into_inner();
    match gateway.enforcement {
        Enforcement::Off => Reply::json(&UnguardedResult::from(Passthrough.after(result))),
        Enforcement::On => {
            let result_bytes = result.to_string().len();
            let told = Told { decision, duration_ms, result_bytes };
            Reply::json(&gateway.sanitized(&call, result, told, &caller).await?)
        }
    }
}

/// What the application says about how the tool ran.
struct Told {
    decision: Option<DecisionId>,
    duration_ms: Option<f64>,
    result_bytes: usize,
}

/// A result without its secrets, and the event that accounts for it.
struct Executed {
    sanitized: Sanitized,
    event: Event,
}

impl Accountable for Executed {
    fn account(&self) -> Event {
        self.event.clone()
    }
}

/// What the log keeps of a result: never the result itself.
#[derive(Serialize)]
struct ExecutedDetail<'d> {
    tool: &'d ToolName,
    input: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    result_bytes: usize,
    findings: usize,
    #[serde(skip_serializing_if = "<[Place<'_>]>::is_empty")]
    places: Vec<Place<'d>>,
}

/// Where something was replaced.
#[derive(Serialize)]
struct Place<'d> {
    path: &'d str,
    placeholder: &'d str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    monitored: bool,
}

impl Gateway {
    async fn sanitized(
        &self,
        call: &ToolCall,
        result: Value,
        told: Told,
        caller: &Caller,
    ) -> Result<AfterAnswer, Problem> {
        let policy = self.policy();
        let sanitized = policy.sanitize(result);
        let actor =
            Actor { agent: Some(call.agent.clone()), user: call.user.clone(), ..caller.actor() };
        let event = account(&policy, call, &sanitized, &told, actor);
        let event = event.map_err(|e| Problem::new(Code::OutputWithheld, e.to_string()))?;
        let executed = self.ledger.record(Executed { sanitized, event }).await?;
        Ok(answer(executed))
    }
}

/// Only what is recorded is handed out.
fn answer(executed: Recorded<Executed>) -> AfterAnswer {
    let Sanitized { value, findings } = executed.into_inner().sanitized;
    AfterAnswer { result: value, findings: findings.into_iter().map(OutputNote::from).collect() }
}

fn account(
    policy: &Policy,
    call: &ToolCall,
    sanitized: &Sanitized,
    told: &Told,
    actor: Actor,
) -> Result<Event, EventError> {
    let places = sanitized.findings.iter().take(PLACES_MAX);
    let detail = Detail::of(&ExecutedDetail {
        tool: &call.tool,
        input: policy.loggable_json(call.input.expose()),
        decision: told.decision,
        duration_ms: told.duration_ms,
        result_bytes: told.result_bytes,
        findings: sanitized.findings.len(),
        places: places.map(Place::from).collect(),
    })?;
    let conversation = Some(call.conversation.clone());
    Ok(Event { action: Action::ToolExecuted, actor, conversation, detail })
}

impl<'d> From<&'d OutputFinding> for Place<'d> {
    fn from(OutputFinding { path, placeholder, monitored }: &'d OutputFinding) -> Self {
        // Keys of a result can be as long as their sender likes.
        let end = path.floor_char_boundary(200);
        Self { path: path.get(..end).unwrap_or_default(), placeholder, monitored: *monitored }
    }
}
