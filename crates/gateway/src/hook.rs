//! The hook door: an application asks before a tool runs, hands in what came of it, and reports
//! events of its own.

mod after;
mod audit;
mod before;

use bakerst_model::{
    AgentId, ApprovalId, ConversationId, DecisionId, Escaped, Limits, Principal, ToolCall,
    ToolName, Untrusted, UserId, json,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::wire::{AfterRequest, BeforeRequest};

pub(crate) use after::after;
pub(crate) use audit::audit;
pub use audit::{Reported, read_audit};
pub(crate) use before::before;

/// A call as the hook door read it. Whose it is, the token has yet to say.
#[derive(Clone, Debug, PartialEq)]
pub struct HookCall {
    conversation: ConversationId,
    user: Option<UserId>,
    agent: Option<AgentId>,
    tool: ToolName,
    input: Untrusted<Value>,
    prompt: Option<Untrusted<String>>,
}

/// What `before` is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// The call.
    pub call: HookCall,
    /// The request for approval that it comes back for.
    pub approval: Option<ApprovalId>,
}

/// What `after` is told.
#[derive(Clone, Debug, PartialEq)]
pub struct After {
    /// The call.
    pub call: HookCall,
    /// What the tool returned.
    pub result: Untrusted<Value>,
    /// The decision under which it ran, as the application says.
    pub decision: Option<DecisionId>,
    /// How long it took, as the application says.
    pub duration_ms: Option<f64>,
}

impl HookCall {
    /// The call as made by whoever holds the token.
    ///
    /// # Errors
    /// When the token is bound to another agent than the call names.
    pub fn made_by(self, principal: &Principal) -> Result<ToolCall, Problem> {
        let agent = match (&principal.agent, self.agent) {
            (Some(bound), Some(named)) if *bound != named => {
                let named = Escaped(named.as_str()).to_string();
                let message = format!("the token is bound to `{bound}`, not to `{named}`");
                return Err(Problem::new(bakerst_model::Code::AgentMismatch, message));
            }
            (Some(bound), _) => bound.clone(),
            (None, named) => named.unwrap_or_else(AgentId::unnamed),
        };
        Ok(ToolCall {
            conversation: self.conversation,
            user: self.user,
            agent,
            tool: self.tool,
            input: self.input,
            prompt: self.prompt,
        })
    }
}

impl Gateway {
    /// The call as made by the caller; one that names another agent is recorded as a refusal.
    async fn attribute(
        &self,
        call: HookCall,
        caller: &Caller,
        path: &str,
    ) -> Result<ToolCall, Problem> {
        let attributed = call.made_by(&caller.principal);
        if let Err(problem) = &attributed {
            self.reject(Some(caller), None, path, caller.source, problem).await;
        }
        attributed
    }
}

/// Reads the body of a `before` request, as the door does.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_before(body: &[u8], limits: &Limits) -> Result<Before, Problem> {
    let BeforeRequest {
        conversation_id,
        user_id,
        tool_name,
        tool_input,
        prompt,
        agent,
        approval_id,
    } = read(body, limits)?;
    let named = Named { conversation_id, user_id, tool_name, agent };
    let call = named.call(tool_input, prompt, limits)?;
    let approval = approval_id.as_deref().map(|text| {
        let read = ApprovalId::parse(text);
        read.ok_or_else(|| Problem::field("`approvalId` is no such id, expected one as `apr-3`"))
    });
    Ok(Before { call, approval: approval.transpose()? })
}

/// Reads the body of an `after` request, as the door does.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_after(body: &[u8], limits: &Limits) -> Result<After, Problem> {
    let AfterRequest {
        conversation_id,
        user_id,
        tool_name,
        tool_input,
        prompt,
        agent,
        result,
        decision_id,
        duration_ms,
    } = read(body, limits)?;
    let named = Named { conversation_id, user_id, tool_name, agent };
    let call = named.call(tool_input, prompt, limits)?;
    let decision = decision_id.as_deref().map(|text| {
        let read = DecisionId::parse(text);
        read.ok_or_else(|| Problem::field("`decisionId` is no such id, expected one as `dec-17`"))
    });
    if duration_ms.is_some_and(|millis| millis < 0.0) {
        return Err(Problem::field("`durationMs` is negative"));
    }
    let result = Untrusted::new(result);
    Ok(After { call, result, decision: decision.transpose()?, duration_ms })
}

/// The identifiers of a call, as they were sent.
struct Named {
    conversation_id: String,
    user_id: Option<String>,
    tool_name: String,
    agent: Option<String>,
}

impl Named {
    fn call(
        self,
        input: Value,
        prompt: Option<String>,
        limits: &Limits,
    ) -> Result<HookCall, Problem> {
        let max = limits.prompt_bytes_max;
        if let Some(bytes) = prompt.as_deref().map(str::len).filter(|bytes| *bytes > max) {
            let message = format!(
                "`prompt` is {bytes} bytes long, more than `prompt_bytes_max` allows ({max})"
            );
            return Err(Problem::field(message));
        }
        Ok(HookCall {
            conversation: ConversationId::parse(&self.conversation_id)?,
            user: self.user_id.as_deref().map(UserId::parse).transpose()?,
            agent: self.agent.as_deref().map(AgentId::parse).transpose()?,
            tool: ToolName::parse(&self.tool_name)?,
            input: Untrusted::new(input),
            prompt: prompt.map(Untrusted::new),
        })
    }
}

/// Reads a body: strict JSON first, then the type that is expected.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], limits: &Limits) -> Result<T, Problem> {
    let parse = || json::parse(body, limits.body_bytes_max, limits.json_depth_max);
    // Following the path costs, so it is only followed once something is wrong on it.
    T::deserialize(parse()?).or_else(|plain| {
        let problem = match serde_path_to_error::deserialize::<_, T>(parse()?) {
            Ok(_) => plain.to_string(),
            Err(error) => {
                let path = error.path().to_string();
                let path = Escaped(&path).to_string();
                let what = Escaped(&error.inner().to_string()).to_string();
                if path == "." { what } else { format!("at `{path}`: {what}") }
            }
        };
        Err(Problem::field(shortened(problem)))
    })
}

/// Serde quotes what it did not expect, however long that is.
fn shortened(mut message: String) -> String {
    const BYTES_MAX: usize = 300;
    if message.len() > BYTES_MAX {
        message.truncate(message.floor_char_boundary(BYTES_MAX));
        message.push('…');
    }
    message
}
