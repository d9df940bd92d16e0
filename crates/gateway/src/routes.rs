//! What is served, as one table. The router and the OpenAPI document are both made from it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Response};
use bakerst_model::{Pending, Role};
use schemars::{Schema, SchemaGenerator};

use crate::exchange::Exchange;
use crate::gateway::Gateway;
use crate::mcp::Visit;
use crate::problem::Problem;
use crate::query::Parameter;
use crate::reply::{Audience, Reply};
use crate::wire::{
    AfterAnswer, AfterRequest, ApprovalAnswerRequest, ApprovalView, AuditAnswer, AuditRequest,
    BeforeRequest, ClearRequest, ConversationView, EraseRequest, ErasedView, HealthView,
    HookAnswer, KeyView, LogCountRequest, LogCounts, LogPage, LogQuery, ReadyView, RetainRequest,
    RetainedView, TokenCreated, TokenRequest, TokenView, UnguardedAnswer, UnguardedResult,
};
use crate::{api, hook, identity, log, mcp, metrics, openapi, readiness};

/// Who may come in by a route, and who receives them.
pub(crate) enum Access {
    /// Anyone: it tells nothing that needs guarding.
    Anyone(fn(&Arc<Gateway>) -> Result<Reply, Problem>),
    /// Whoever has this role.
    Role(Role, fn(Exchange) -> Pending<'static, Result<Reply, Problem>>),
    /// The account that runs us, over the control socket, and nobody with a token.
    Account(fn(Exchange) -> Pending<'static, Result<Reply, Problem>>),
    /// Whoever has the role `agent`; what comes back is somebody else's answer, and may be a
    /// stream.
    Relayed(fn(Visit) -> Pending<'static, Result<Response<Body>, Problem>>),
}

/// Writes the schema of a wire type.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What a route answers.
pub(crate) enum Answers {
    /// One of these, as JSON.
    Json(&'static [SchemaOf]),
    /// A JSON document that describes itself.
    AnyJson,
    /// Plain text.
    Text,
    /// JSON values, one a line; the header `bakerst-next` says where the next page begins.
    Lines,
}

/// One route.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) access: Access,
    pub(crate) query: &'static [Parameter],
    pub(crate) request: Option<SchemaOf>,
    pub(crate) answers: Answers,
    /// The statuses under which it gives them.
    pub(crate) statuses: &'static [u16],
}

impl Route {
    /// Whom its errors speak to.
    pub(crate) fn audience(&self) -> Audience {
        match self.access {
            Access::Role(Role::Agent, _) | Access::Relayed(_) => Audience::Agent,
            _ => Audience::Person,
        }
    }

    /// What stands in the variable place of this path, if it is one of the route's; nothing where
    /// the route has no such place.
    pub(crate) fn variable<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.path.split_once('{') {
            None => (self.path == path).then_some(""),
            Some((before, _)) => {
                let variable = path.strip_prefix(before)?;
                (!variable.is_empty() && !variable.contains('/')).then_some(variable)
            }
        }
    }

    /// Whether it belongs to those who run Baker Street, and so to the control socket.
    pub(crate) fn is_for_operators(&self) -> bool {
        self.path.starts_with("/api/")
    }
}

const WAIT: Parameter = Parameter {
    name: "wait",
    about: "How long to wait for a person's answer, in whole seconds up to `wait_seconds_max`; without it an open question is answered at once.",
    example: "60s",
};
const STATE: Parameter = Parameter {
    name: "state",
    about: "`pending` for those that wait for an answer, which is usual, or `all` for settled ones too.",
    example: "all",
};

/// A route of the MCP door.
const fn relayed(
    method: Method,
    request: Option<SchemaOf>,
    path: &'static str,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        summary,
        access: Access::Relayed(|visit| Box::pin(mcp::serve(visit))),
        query: &[],
        request,
        answers: Answers::AnyJson,
        statuses: &[200],
    }
}

/// Every route.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        method: Method::POST,
        path: "/v1/guard/before",
        summary: "Ask whether a tool call may be made. It must not be made unless the answer says `allow: true`.",
        access: Access::Role(Role::Agent, |exchange| Box::pin(hook::before(exchange))),
        query: &[WAIT],
        request: Some(SchemaGenerator::subschema_for::<BeforeRequest>),
        answers: Answers::Json(&[
            SchemaGenerator::subschema_for::<HookAnswer>,
            SchemaGenerator::subschema_for::<UnguardedAnswer>,
        ]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/v1/guard/after",
        summary: "Hand in a tool's result, and get it back without its secrets.",
        access: Access::Role(Role::Agent, |exchange| Box::pin(hook::after(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<AfterRequest>),
        answers: Answers::Json(&[
            SchemaGenerator::subschema_for::<AfterAnswer>,
            SchemaGenerator::subschema_for::<UnguardedResult>,
        ]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/v1/guard/audit",
        summary: "Record events of the application's own. All are recorded, or none is taken.",
        access: Access::Role(Role::Agent, |exchange| Box::pin(hook::audit(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<AuditRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<AuditAnswer>]),
        statuses: &[200],
    },
    relayed(
        Method::POST,
        Some(SchemaGenerator::subschema_for::<serde_json::Value>),
        "/mcp",
        "Send a message of the Model Context Protocol to all servers under one address, guarded.",
    ),
    relayed(
        Method::GET,
        None,
        "/mcp",
        "Listen to what all servers of the Model Context Protocol say of themselves.",
    ),
    relayed(
        Method::DELETE,
        None,
        "/mcp",
        "End a session with all servers of the Model Context Protocol.",
    ),
    relayed(
        Method::POST,
        Some(SchemaGenerator::subschema_for::<serde_json::Value>),
        "/mcp/{server}",
        "Send a message of the Model Context Protocol to a server, guarded.",
    ),
    relayed(
        Method::GET,
        None,
        "/mcp/{server}",
        "Listen to what a server of the Model Context Protocol says of itself.",
    ),
    relayed(
        Method::DELETE,
        None,
        "/mcp/{server}",
        "End a session with a server of the Model Context Protocol.",
    ),
    Route {
        method: Method::GET,
        path: "/api/approvals",
        summary: "List requests for approval, newest first, at most 500.",
        access: Access::Role(Role::Approver, |exchange| Box::pin(api::list_approvals(exchange))),
        query: &[STATE],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<Vec<ApprovalView>>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/api/approvals/{id}",
        summary: "Show one request for approval.",
        access: Access::Role(Role::Approver, |exchange| Box::pin(api::show_approval(exchange))),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<ApprovalView>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/approvals/{id}",
        summary: "Answer a request for approval. The answer is recorded before it takes effect.",
        access: Access::Role(Role::Approver, |exchange| Box::pin(api::answer_approval(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<ApprovalAnswerRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<ApprovalView>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/api/conversations",
        summary: "List what conversations have heard, the last heard first, at most 500.",
        access: Access::Role(Role::Approver, |exchange| {
            Box::pin(api::list_conversations(exchange))
        }),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<Vec<ConversationView>>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/api/conversations/{id}",
        summary: "Show what the conversations of this name have heard, one for each token that leads one.",
        access: Access::Role(Role::Approver, |exchange| Box::pin(api::show_conversation(exchange))),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<Vec<ConversationView>>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/conversations/{id}",
        summary: "Say that a person has looked at the instructions that were found in the outputs of a conversation. It is recorded before it takes effect.",
        access: Access::Role(Role::Approver, |exchange| {
            Box::pin(api::clear_conversation(exchange))
        }),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<ClearRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<Vec<ConversationView>>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/api/tokens",
        summary: "List tokens, those withdrawn included, oldest first.",
        access: Access::Role(Role::Admin, |exchange| Box::pin(api::list_tokens(exchange))),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<Vec<TokenView>>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/tokens",
        summary: "Make a token. Its text is in this answer and nowhere else.",
        access: Access::Role(Role::Admin, |exchange| Box::pin(api::create_token(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<TokenRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<TokenCreated>]),
        statuses: &[201],
    },
    Route {
        method: Method::DELETE,
        path: "/api/tokens/{token}",
        summary: "Withdraw the token of this name or id. It is refused from here on.",
        access: Access::Role(Role::Admin, |exchange| Box::pin(api::revoke_token(exchange))),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<TokenView>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/query",
        summary: "Find records of the log, a page at a time. That they were read is recorded before they are handed out.",
        access: Access::Role(Role::Auditor, |exchange| Box::pin(log::query(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<LogQuery>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<LogPage>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/stats",
        summary: "Count records of the log by kind and time, a part at a time.",
        access: Access::Role(Role::Auditor, |exchange| Box::pin(log::stats(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<LogCountRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<LogCounts>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/export",
        summary: "Records of the log or OCSF events, one a line, a page at a time.",
        access: Access::Role(Role::Auditor, |exchange| Box::pin(log::export(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<LogQuery>),
        answers: Answers::Lines,
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/rotate-key",
        summary: "Have the log written with a new key from now on.",
        access: Access::Account(|exchange| Box::pin(log::rotate_key(exchange))),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<KeyView>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/erase",
        summary: "Destroy the key of a person's records. It is recorded before it is done, and cannot be undone.",
        access: Access::Account(|exchange| Box::pin(log::erase(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<EraseRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<ErasedView>]),
        statuses: &[200],
    },
    Route {
        method: Method::POST,
        path: "/api/audit/retain",
        summary: "Say which old segments of the log are to go, and with `apply` let go of them.",
        access: Access::Account(|exchange| Box::pin(log::retain(exchange))),
        query: &[],
        request: Some(SchemaGenerator::subschema_for::<RetainRequest>),
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<RetainedView>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/healthz",
        summary: "Whether the server is there.",
        access: Access::Anyone(readiness::health),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<HealthView>]),
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/.well-known/oauth-protected-resource",
        summary: "What we are called and who issues tokens for us (RFC 9728), where `identity.jwt` says so.",
        access: Access::Anyone(identity::metadata),
        query: &[],
        request: None,
        answers: Answers::AnyJson,
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/.well-known/oauth-protected-resource/mcp",
        summary: "What we are called and who issues tokens for us (RFC 9728), where `identity.jwt` says so.",
        access: Access::Anyone(identity::metadata),
        query: &[],
        request: None,
        answers: Answers::AnyJson,
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/.well-known/oauth-protected-resource/mcp/{server}",
        summary: "What we are called and who issues tokens for us (RFC 9728), where `identity.jwt` says so.",
        access: Access::Anyone(identity::metadata),
        query: &[],
        request: None,
        answers: Answers::AnyJson,
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/readyz",
        summary: "Whether calls can be allowed, and what leaves them less guarded than they could be.",
        access: Access::Anyone(readiness::ready),
        query: &[],
        request: None,
        answers: Answers::Json(&[SchemaGenerator::subschema_for::<ReadyView>]),
        statuses: &[200, 503],
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        summary: "How the log and the sinks fare, in the text form of Prometheus.",
        access: Access::Anyone(metrics::serve),
        query: &[],
        request: None,
        answers: Answers::Text,
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/openapi.json",
        summary: "This document.",
        access: Access::Anyone(openapi::serve),
        query: &[],
        request: None,
        answers: Answers::AnyJson,
        statuses: &[200],
    },
    Route {
        method: Method::GET,
        path: "/",
        summary: "What this is and where to look.",
        access: Access::Anyone(readiness::front),
        query: &[],
        request: None,
        answers: Answers::Text,
        statuses: &[200],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(place: &str) -> impl Fn(&&Route) -> bool + use<'_> {
        move |route| route.variable(place).is_some()
    }

    #[test]
    fn a_path_leads_to_one_place() {
        for route in ROUTES {
            let (before, after) = route.path.split_once('{').unwrap_or((route.path, "x}"));
            assert!(before.starts_with('/') && after.find('}') == Some(after.len() - 1));
            let path = if before == route.path { before.to_owned() } else { format!("{before}a") };
            let there: Vec<&Route> = ROUTES.iter().filter(path_of(&path)).collect();
            assert!(there.iter().all(|other| other.path == route.path), "{path}");
            let same = there.iter().filter(|other| other.method == route.method).count();
            assert_eq!(same, 1, "{path}");
        }
    }

    #[test]
    fn a_variable_is_one_whole_step() {
        let server = ROUTES.iter().find(|route| route.path == "/mcp/{server}").unwrap();
        for (path, want) in [
            ("/mcp/files", Some("files")),
            ("/mcp/a%2Fb", Some("a%2Fb")),
            ("/mcp/{server}", Some("{server}")),
            ("/mcp/", None),
            ("/mcp", None),
            ("/mcp/files/", None),
            ("/mcp/files/x", None),
            ("/MCP/files", None),
            ("mcp/files", None),
        ] {
            assert_eq!(server.variable(path), want, "{path}");
        }
    }
}
