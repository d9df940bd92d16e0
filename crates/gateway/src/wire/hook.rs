//! The hook API: before a tool runs, after it ran, and events of the application's own.

use bakerst_guard::{
    Asked, Decision, Fate, Instructions, OutputFinding, Permit, Refusal, Unguarded,
};
use bakerst_model::{ApprovalId, Code, DecisionId, Reason, Recorded, Seq};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FamilyDetail;

use crate::problem::NO_OTHER_WAY;

/// A tool call that an agent wants to make. Other fields are ignored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BeforeRequest {
    /// The conversation that the call belongs to.
    pub conversation_id: String,
    /// The person behind it, where known.
    pub user_id: Option<String>,
    /// The tool.
    pub tool_name: String,
    /// Its arguments, as they will be passed to it.
    pub tool_input: Value,
    /// The person's own request, where known.
    pub prompt: Option<String>,
    /// The agent. A token that is bound to an agent speaks for that agent alone.
    pub agent: Option<String>,
    /// The request for approval that an earlier answer to this same call named.
    pub approval_id: Option<String>,
}

/// A tool call that was made, and what came of it. Other fields are ignored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AfterRequest {
    /// The conversation that the call belongs to.
    pub conversation_id: String,
    /// The person behind it, where known.
    pub user_id: Option<String>,
    /// The tool.
    pub tool_name: String,
    /// Its arguments, as they were passed to it.
    pub tool_input: Value,
    /// The person's own request, where known.
    pub prompt: Option<String>,
    /// The agent. A token that is bound to an agent speaks for that agent alone.
    pub agent: Option<String>,
    /// What the tool returned, of any kind.
    pub result: Value,
    /// The decision under which it ran, as `before` named it.
    pub decision_id: Option<String>,
    /// How long the tool took, in milliseconds.
    #[schemars(range(min = 0))]
    pub duration_ms: Option<f64>,
}

/// One event, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AuditRequest {
    /// Several events: all are taken, or none.
    Many(Vec<ReportedEvent>),
    /// One event.
    One(ReportedEvent),
}

/// Something that the application did, in its own words. Other fields are ignored.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ReportedEvent {
    /// When it happened by the application's clock. Kept as reported; the record has its own time.
    pub timestamp: Option<Value>,
    /// One of `auth`, `tool`, `secret`, `admin` and `llm`.
    pub category: String,
    /// What happened, as `category.what`.
    pub action: String,
    /// Who did it, in the application's words. Kept as reported; the record names the token too.
    pub actor: Option<Value>,
    /// What is worth knowing about it. Secrets are taken out before it is recorded.
    #[schemars(with = "Option<FamilyDetail>")]
    pub detail: Option<Map<String, Value>>,
}

/// The word on a tool call. It must not be made unless `allow` is `true`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookAnswer {
    /// Whether the call may be made, once, as it is.
    allow: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The same in one word: `approve`, `reject`, or `escalate` while a person is being asked.
    #[schemars(extend("enum" = ["approve", "reject", "escalate"]))]
    action: &'static str,
    /// A stable code; `GRD-000` when the call is allowed.
    #[schemars(with = "String")]
    code: Code,
    /// The record of the decision, as `dec-17`.
    #[schemars(with = "String")]
    decision_id: DecisionId,
    /// The request for approval that the decision hangs on, as `apr-3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    approval_id: Option<ApprovalId>,
    /// Whether the same call can succeed later without anybody changing it.
    retryable: bool,
    /// What a person could do.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl HookAnswer {
    /// The call may be made. There is no other way to an answer that says so: it takes a permit
    /// that is in the log, and uses it up.
    ///
    /// ```compile_fail
    /// # use bakerst_gateway::wire::HookAnswer;
    /// fn not_recorded(permit: bakerst_guard::Permit) -> HookAnswer {
    ///     HookAnswer::allowed(permit)
    /// }
    /// ```
    #[must_use]
    pub fn allowed(permit: Recorded<Permit>) -> Self {
        let decision_id = permit.seq().into();
        let permit = permit.into_inner();
        Self {
            allow: true,
            reason: None,
            action: "approve",
            code: Code::Allowed,
            decision_id,
            approval_id: permit.ruling().decision().approval,
            retryable: false,
            remedy: None,
        }
    }

    /// A person is being asked.
    #[must_use]
    pub fn asked(asked: &Recorded<Asked>) -> Self {
        let Decision { reason, approval, .. } = asked.get().ruling().decision();
        let words = format!(
            "{}. Wait for the answer, or send the same call again with `approvalId`. {NO_OTHER_WAY}",
            reason.message
        );
        Self {
            allow: false,
            reason: Some(words),
            action: "escalate",
            code: reason.code,
            decision_id: asked.seq().into(),
            approval_id: *approval,
            retryable: true,
            remedy: Some(Code::ApprovalPending.remedy()),
        }
    }

    /// The call must not be made.
    #[must_use]
    pub fn refused(refusal: &Recorded<Refusal>) -> Self {
        let Decision { reason, approval, .. } = refusal.get().ruling().decision();
        Self {
            allow: false,
            reason: Some(format!("{}. {NO_OTHER_WAY}", reason.message)),
            action: "reject",
            code: reason.code,
            decision_id: refusal.seq().into(),
            approval_id: *approval,
            retryable: reason.code.retryable(),
            remedy: Some(reason.code.remedy()),
        }
    }
}

/// Consumer mode's word on every call: nothing was checked, and nothing was recorded.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UnguardedAnswer {
    /// Always `true`.
    allow: bool,
    /// Always `approve`.
    #[schemars(extend("const" = "approve"))]
    action: &'static str,
    /// Always `GRD-000`.
    #[schemars(with = "String")]
    code: Code,
    /// Always `true`: the call was not checked.
    #[schemars(extend("const" = true))]
    unguarded: bool,
    /// Always `false`.
    retryable: bool,
}

impl From<Unguarded> for UnguardedAnswer {
    fn from(_: Unguarded) -> Self {
        Self {
            allow: true,
            action: "approve",
            code: Code::Allowed,
            unguarded: true,
            retryable: false,
        }
    }
}

/// A tool's result without its secrets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AfterAnswer {
    /// The result, to be used in place of the tool's own.
    pub(crate) result: Value,
    /// What was found in it.
    pub(crate) findings: Vec<OutputNote>,
    /// Why the result is withheld; `result` is then a sentence that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) withheld: Option<Withheld>,
}

/// Why a result is withheld.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Withheld {
    /// A stable code.
    #[schemars(with = "String")]
    code: Code,
    /// What was in the result, for the agent.
    pub(crate) reason: String,
    /// Whether the same result can be handed out later without anybody changing it.
    retryable: bool,
    /// What a person could do.
    remedy: &'static str,
}

impl From<Reason> for Withheld {
    fn from(Reason { code, message }: Reason) -> Self {
        let reason = format!("{message}. {NO_OTHER_WAY}");
        Self { code, reason, retryable: code.retryable(), remedy: code.remedy() }
    }
}

/// One thing that was found in a result.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutputNote {
    /// Where, as a JSON pointer.
    path: String,
    /// What stands there now, where something was taken out.
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<String>,
    /// What reads like instructions to the model there, and is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    instructions: Option<InstructionsNote>,
    /// Whether it was only noted, and the result left as it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    monitored: bool,
    /// Whether the whole result is withheld because of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    blocked: bool,
}

impl From<OutputFinding> for OutputNote {
    fn from(OutputFinding { path, placeholder, fate }: OutputFinding) -> Self {
        let (monitored, blocked) = (fate == Fate::Noted, fate == Fate::Blocked);
        Self { path, placeholder: Some(placeholder), instructions: None, monitored, blocked }
    }
}

/// What reads like instructions to the model in a result.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InstructionsNote {
    /// What they are after, in a word.
    kind: &'static str,
    /// How sure that is, between nothing and one.
    score: f32,
    /// How they begin, escaped and without secrets.
    quoted: String,
}

impl From<Instructions> for OutputNote {
    fn from(Instructions { path, kind, rule: _, score, quoted, monitored }: Instructions) -> Self {
        let instructions = Some(InstructionsNote { kind, score, quoted });
        Self { path, placeholder: None, instructions, monitored, blocked: false }
    }
}

/// Consumer mode's word on every result: it is as it was.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UnguardedResult {
    /// The result as it was sent.
    result: Value,
    /// Always empty: nothing was looked for.
    findings: [OutputNote; 0],
    /// Always `true`: the result was not checked.
    #[schemars(extend("const" = true))]
    unguarded: bool,
}

impl From<(Value, Unguarded)> for UnguardedResult {
    fn from((result, _): (Value, Unguarded)) -> Self {
        Self { result, findings: [], unguarded: true }
    }
}

/// Where the events are in the log.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditAnswer {
    /// How many were recorded: all of them.
    pub(crate) accepted: usize,
    /// The first record.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    pub(crate) first: Option<Seq>,
    /// The last record; others may stand between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<u64>")]
    pub(crate) last: Option<Seq>,
}
