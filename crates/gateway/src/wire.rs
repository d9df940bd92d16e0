//! What goes over the wire. The OpenAPI document is made from these types and their comments.
//!
//! Requests may hold fields that are not named here: applications pass their whole context
//! along. Answers hold no others.

mod conversations;
mod hook;
mod log;
mod operator;
mod reported;

use bakerst_model::Code;
use schemars::JsonSchema;
use serde::Serialize;

pub use conversations::{ClearRequest, ConversationView, TaintView};
pub use hook::{
    AfterAnswer, AfterRequest, AuditAnswer, AuditRequest, BeforeRequest, HookAnswer,
    InstructionsNote, OutputNote, ReportedEvent, UnguardedAnswer, UnguardedResult, Withheld,
};
pub(crate) use log::counts;
pub use log::{
    EraseRequest, ErasedView, ExpiringView, KeyView, LogBucket, LogCountRequest, LogCounts,
    LogFilter, LogFormat, LogPage, LogQuery, RetainRequest, RetainedView,
};
pub use operator::{
    ApprovalAnswerRequest, ApprovalReason, ApprovalView, HealthView, ReadyView, TokenCreated,
    TokenRequest, TokenView,
};

pub(crate) use reported::check as check_reported;
pub use reported::{
    AdminDetail, AuthDetail, Cache, Cost, Decimal, FamilyDetail, LlmDetail, Millis, SecretDetail,
    Tokens, ToolDetail,
};

/// Every error, on every path.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ErrorAnswer {
    /// Never `true`: an error allows nothing.
    #[schemars(extend("const" = false))]
    allow: bool,
    /// Always `reject`.
    #[schemars(extend("const" = "reject"))]
    action: &'static str,
    /// A stable code.
    #[schemars(with = "String")]
    code: Code,
    /// What happened.
    reason: String,
    /// Whether the same request can succeed later without anybody changing it.
    retryable: bool,
    /// What a person could do.
    remedy: &'static str,
}

impl ErrorAnswer {
    pub(crate) fn new(code: Code, reason: String) -> Self {
        Self {
            allow: false,
            action: "reject",
            code,
            reason,
            retryable: code.retryable(),
            remedy: code.remedy(),
        }
    }
}
