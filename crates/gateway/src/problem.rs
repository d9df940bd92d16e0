//! What a door answers when it cannot do what was asked: one shape for every error.

use std::borrow::Cow;

use axum::http::StatusCode;
use bakerst_guard::approval::BookError;
use bakerst_model::json::JsonError;
use bakerst_model::{Code, EventError, IdError, JournalError, TokenBookError};

/// How a refusal ends, so that an agent does not take it for an obstacle to be worked around.
pub(crate) const NO_OTHER_WAY: &str = "Do not try to reach the same end another way.";

/// An error on its way to whoever asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code} {message}")]
pub struct Problem {
    code: Code,
    message: Cow<'static, str>,
    /// When it may be tried again, where that is known.
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem with words about this very request.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retry_after_seconds: None }
    }

    /// The same, for whoever may try again after so many seconds.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_seconds: Some(seconds), ..self }
    }

    /// When it may be tried again.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after_seconds
    }

    /// A field that is missing or not as expected.
    pub(crate) fn field(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::BadField, message)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// What happened, in one sentence without a full stop.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status that fits.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.code {
            Code::BodyTooLong | Code::TooManyEvents => StatusCode::PAYLOAD_TOO_LARGE,
            Code::BodyNotJson
            | Code::BodyTooDeep
            | Code::DuplicateKey
            | Code::BadField
            | Code::BadQuery
            | Code::HeadUnreadable => StatusCode::BAD_REQUEST,
            Code::BadContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::BodyTooSlow | Code::HeadTooSlow => StatusCode::REQUEST_TIMEOUT,
            Code::HeadTooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Code::NoSuchPath
            | Code::NoSuchServer
            | Code::NoSuchApproval
            | Code::NoSuchToken
            | Code::NoSuchSubject
            | Code::NoSuchConversation => StatusCode::NOT_FOUND,
            Code::BadMethod => StatusCode::METHOD_NOT_ALLOWED,
            Code::ApprovalSettled | Code::TokenNameTaken => StatusCode::CONFLICT,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::TokenMissing | Code::TokenWrong | Code::IssuedTokenUnfit => {
                StatusCode::UNAUTHORIZED
            }
            Code::RoleMissing | Code::AgentMismatch | Code::HostNotOurs => StatusCode::FORBIDDEN,
            // Whatever is left is ours to mend, and may be over soon.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, code.title())
    }
}

impl From<JsonError> for Problem {
    fn from(error: JsonError) -> Self {
        let code = match error {
            JsonError::TooLong { .. } => Code::BodyTooLong,
            JsonError::TooDeep { .. } => Code::BodyTooDeep,
            JsonError::DuplicateKey { .. } => Code::DuplicateKey,
            JsonError::NotUtf8 { .. } | JsonError::Syntax { .. } => Code::BodyNotJson,
        };
        Self::new(code, error.to_string())
    }
}

impl From<IdError> for Problem {
    fn from(error: IdError) -> Self {
        Self::field(error.to_string())
    }
}

impl From<EventError> for Problem {
    fn from(error: EventError) -> Self {
        Self::field(error.to_string())
    }
}

impl From<JournalError> for Problem {
    fn from(error: JournalError) -> Self {
        // The medium's own words name files and disks, which are no caller's business.
        Self::from(error.code())
    }
}

impl From<BookError> for Problem {
    fn from(error: BookError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<TokenBookError> for Problem {
    fn from(error: TokenBookError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
