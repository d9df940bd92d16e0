//! The API of those who run Baker Street: approvals, tokens, and how the server fares.

use bakerst_guard::approval::{Approval, ApprovalState};
use bakerst_model::{Role, TokenRecord};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A person's answer to a request for approval.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ApprovalAnswerRequest {
    /// Yes or no.
    pub approve: bool,
    /// In the person's words; whoever asked gets to read it.
    pub note: Option<String>,
}

/// A request for approval and where it stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView {
    /// Its number, as `apr-3`.
    id: String,
    /// `pending`, `approved`, `used`, `denied` or `expired`.
    #[schemars(extend("enum" = ["pending", "approved", "used", "denied", "expired"]))]
    state: &'static str,
    /// The conversation in which the agent makes the call.
    conversation_id: String,
    /// The agent.
    agent: String,
    /// The person behind it, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The tool.
    tool: String,
    /// The arguments as JSON, without secrets, escaped for printing, cut where they are long.
    input: String,
    /// Why it is asked.
    reasons: Vec<ApprovalReason>,
    /// The policy under which it was asked.
    policy: String,
    /// When it was asked.
    asked_at: String,
    /// When silence becomes a denial; absent where it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Who answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<String>,
    /// When the request came to the state that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_at: Option<String>,
    /// Until when an approval can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    usable_until: Option<String>,
    /// What the person who denied it wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// One guardrail's reason to ask.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ApprovalReason {
    /// The guardrail.
    guardrail: String,
    /// A stable code.
    code: String,
    /// Its words.
    message: String,
}

impl From<Approval> for ApprovalView {
    fn from(Approval { id, request, state }: Approval) -> Self {
        let name = state.as_str();
        let (answered_by, settled_at, usable_until, note) = match state {
            ApprovalState::Pending => (None, None, None, None),
            ApprovalState::Approved { by, at, usable_until } => {
                (Some(by), Some(at), Some(usable_until), None)
            }
            ApprovalState::Used { by, at } => (Some(by), Some(at), None, None),
            ApprovalState::Denied { by, at, note } => (Some(by), Some(at), None, note),
            ApprovalState::Expired { at } | ApprovalState::Withdrawn { at } => {
                (None, Some(at), None, None)
            }
        };
        let reasons = request.reasons.into_iter().map(|because| ApprovalReason {
            guardrail: because.guardrail,
            code: because.code,
            message: because.message,
        });
        Self {
            id: id.to_string(),
            state: name,
            conversation_id: request.conversation.to_string(),
            agent: request.agent.to_string(),
            user_id: request.user.map(|user| user.to_string()),
            tool: request.tool.to_string(),
            input: request.input,
            reasons: reasons.collect(),
            policy: request.policy.to_string(),
            asked_at: request.asked_at.to_string(),
            expires_at: request.expires_at.map(|at| at.to_string()),
            answered_by: answered_by.map(|by| by.to_string()),
            settled_at: settled_at.map(|at| at.to_string()),
            usable_until: usable_until.map(|at| at.to_string()),
            note,
        }
    }
}

/// A token to be made.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct TokenRequest {
    /// What people will call it: letters, digits, `.`, `_` and `-`, at most 64.
    pub name: String,
    /// What it will be good for.
    #[schemars(schema_with = "roles")]
    pub roles: Vec<Role>,
    /// The one agent that it will speak for.
    pub agent: Option<String>,
}

/// What is known of a token: everything but its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenView {
    /// Its public part.
    id: String,
    /// What people call it.
    name: String,
    /// What it is good for.
    #[schemars(schema_with = "roles")]
    roles: Vec<Role>,
    /// The one agent that it speaks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl From<&TokenRecord> for TokenView {
    fn from(record: &TokenRecord) -> Self {
        let TokenRecord { id, digest: _, name, roles, agent, created_at, revoked_at } = record;
        Self {
            id: id.to_string(),
            name: name.to_string(),
            roles: roles.to_vec(),
            agent: agent.as_ref().map(ToString::to_string),
            created_at: created_at.to_string(),
            revoked_at: revoked_at.map(|at| at.to_string()),
        }
    }
}

/// A token that was just made.
#[derive(Serialize, JsonSchema)]
pub struct TokenCreated {
    /// What its holder sends. It is shown this once and kept nowhere.
    pub(crate) token: String,
    /// What is kept of it.
    #[serde(flatten)]
    pub(crate) kept: TokenView,
}

/// The server is there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HealthView {
    /// Always `true`.
    pub(crate) alive: bool,
}

/// Whether the server can do its work, and what leaves calls less guarded than they could be.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ReadyView {
    /// Whether decisions can be recorded, and so calls be allowed.
    pub(crate) ready: bool,
    /// What an operator should know, in sentences.
    pub(crate) alarms: Vec<String>,
    /// `on`, or `off` in consumer mode.
    #[schemars(extend("enum" = ["on", "off"]))]
    pub(crate) enforcement: &'static str,
    /// How many guardrails' words count.
    pub(crate) guardrails_enforcing: usize,
    /// The fingerprint of the policy in force.
    pub(crate) policy: String,
    /// How many requests wait for a person.
    pub(crate) pending_approvals: usize,
    /// `ok`, `unwritable` since the last attempt, or `closed` until a restart.
    #[schemars(extend("enum" = ["ok", "unwritable", "closed"]))]
    pub(crate) journal: &'static str,
}

fn roles(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    json_schema!({ "type": "array", "items": { "type": "string", "enum": names } })
}
