//! What every door does with a tool's result: it is cleaned and accounted for before anybody
//! gets it.

use std::sync::PoisonError;

use bakerst_guard::{Fate, Instructions, Loggable, OutputFinding, Policy, Sanitized};
use bakerst_model::{
    Accountable, Action, Actor, Code, DecisionId, Detail, Event, EventError, Recorded, ToolCall,
    ToolName,
};
use serde::Serialize;
use serde_json::Value;

use crate::conversations::{Heard, HeardAs};
use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::problem::Problem;

/// How many places of a result are recorded; the rest is counted.
const PLACES_MAX: usize = 50;

/// What is known about how the tool ran.
pub(crate) struct Told<'t> {
    /// The input as the log has it, where it has.
    pub(crate) logged: Option<&'t Loggable>,
    /// The decision under which it ran.
    pub(crate) decision: Option<DecisionId>,
    /// How long it took.
    pub(crate) duration_ms: Option<f64>,
    /// How long the result was before anything was taken out.
    pub(crate) result_bytes: usize,
}

/// A result without its secrets, and the event that accounts for it.
pub(crate) struct Executed {
    /// The result, as it may be handed out.
    pub(crate) sanitized: Sanitized,
    /// What reads like instructions to the model in it.
    pub(crate) instructions: Option<Instructions>,
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
    input: &'d Loggable,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<DecisionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
    result_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<Code>,
    findings: usize,
    #[serde(skip_serializing_if = "<[Place<'_>]>::is_empty")]
    places: Vec<Place<'d>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<&'d Instructions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<HeardAs>,
}

/// Where something was found.
#[derive(Serialize)]
struct Place<'d> {
    path: &'d str,
    placeholder: &'d str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    monitored: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
}

impl Gateway {
    /// Takes out what the policy names and records that; only what is recorded may be handed out.
    pub(crate) async fn take_output(
        &self,
        call: &ToolCall,
        result: Value,
        told: Told<'_>,
        caller: &Caller,
    ) -> Result<Recorded<Executed>, Problem> {
        let policy = self.policy();
        let heard = self.hear_output(&policy, call, &result, caller).await?;
        let sanitized = self.sanitize(&policy, call, result, caller);
        let actor =
            Actor { agent: Some(call.agent.clone()), user: call.user.clone(), ..caller.actor() };
        let event = account(&policy, call, &sanitized, &heard, &told, actor);
        let event = event.map_err(|e| Problem::new(Code::OutputWithheld, e.to_string()))?;
        Ok(self
            .ledger
            .record(Executed { sanitized, instructions: heard.instructions, event })
            .await?)
    }

    fn sanitize(
        &self,
        policy: &Policy,
        call: &ToolCall,
        result: Value,
        caller: &Caller,
    ) -> Sanitized {
        let owner = &caller.principal.name;
        let opened = policy.names_values().then(|| self.names.open(owner, &call.conversation));
        let opened = opened.flatten();
        let mut names =
            opened.as_ref().map(|names| names.lock().unwrap_or_else(PoisonError::into_inner));
        policy.sanitize(&call.tool, result, names.as_deref_mut())
    }
}

fn account(
    policy: &Policy,
    call: &ToolCall,
    sanitized: &Sanitized,
    heard: &Heard,
    told: &Told<'_>,
    actor: Actor,
) -> Result<Event, EventError> {
    let places = sanitized.findings.iter().take(PLACES_MAX);
    let anew;
    let input = match told.logged {
        Some(logged) => logged,
        None => {
            anew = policy.loggable(call.input.expose());
            &anew
        }
    };
    let detail = Detail::of(&ExecutedDetail {
        tool: &call.tool,
        input,
        decision: told.decision,
        duration_ms: told.duration_ms,
        result_bytes: told.result_bytes,
        withheld: sanitized.withheld.as_ref().map(|reason| reason.code),
        findings: sanitized.findings.len(),
        places: places.map(Place::from).collect(),
        instructions: heard.instructions.as_ref(),
        flow: heard.flow,
    })?;
    let conversation = Some(call.conversation.clone());
    Ok(Event { action: Action::ToolExecuted, actor, conversation, detail })
}

impl<'d> From<&'d OutputFinding> for Place<'d> {
    fn from(OutputFinding { path, placeholder, fate }: &'d OutputFinding) -> Self {
        // Keys of a result can be as long as their sender likes.
        let path = path.get(..path.floor_char_boundary(200)).unwrap_or_default();
        let (monitored, blocked) = (*fate == Fate::Noted, *fate == Fate::Blocked);
        Self { path, placeholder, monitored, blocked }
    }
}
