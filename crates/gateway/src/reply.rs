//! Answers on their way out.

use axum::body::{Body, Bytes};
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use bakerst_model::Code;
use serde::Serialize;

use crate::problem::{NO_OTHER_WAY, Problem};
use crate::wire::ErrorAnswer;

/// Says in a header what is less guarded than it should be.
const ALARM: HeaderName = HeaderName::from_static("bakerst-alarm");
/// Says where the next page begins.
const NEXT: HeaderName = HeaderName::from_static("bakerst-next");

const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// An answer: status, body, and what kind of text the body is.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    kind: &'static str,
    body: Bytes,
    alarm: Option<&'static str>,
    allow: Option<String>,
    next: Option<u64>,
    hang_up: bool,
    retry_after: Option<u64>,
    /// Where clients without a token learn how to get one.
    metadata: Option<String>,
}

/// Whom an error speaks to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// An agent, which is told not to look for another way.
    Agent,
    /// A person or a program of theirs.
    Person,
}

impl Reply {
    fn new(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            kind,
            body: body.into(),
            alarm: None,
            allow: None,
            next: None,
            hang_up: false,
            retry_after: None,
            metadata: None,
        }
    }

    /// Good news, as JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        Self::json_as(StatusCode::OK, value)
    }

    /// JSON under another status.
    pub(crate) fn json_as(status: StatusCode, value: &impl Serialize) -> Result<Self, Problem> {
        let written = serde_json::to_vec(value);
        let body = written.map_err(|e| Problem::new(Code::StoreFailed, e.to_string()))?;
        Ok(Self::new(status, JSON, body))
    }

    /// A JSON document that was written before.
    pub(crate) fn document(body: Bytes) -> Self {
        Self::new(StatusCode::OK, JSON, body)
    }

    /// Plain text.
    pub(crate) fn text(body: &'static str) -> Self {
        Self::new(StatusCode::OK, PLAIN, body)
    }

    /// JSON values, one a line, and where the next ones begin.
    pub(crate) fn lines(text: String, next: Option<u64>) -> Self {
        Self { next, ..Self::new(StatusCode::OK, LINES, text) }
    }

    /// Numbers, as Prometheus reads them.
    pub(crate) fn metrics(page: String) -> Self {
        Self::new(StatusCode::OK, METRICS, page)
    }

    /// An error, in the one shape that errors have.
    pub(crate) fn problem(problem: &Problem, audience: Audience) -> Self {
        let reason = match audience {
            Audience::Agent => format!("{}. {NO_OTHER_WAY}", problem.message()),
            Audience::Person => problem.message().to_owned(),
        };
        let body = serde_json::to_vec(&ErrorAnswer::new(problem.code(), reason));
        let reply = Self::new(problem.status(), JSON, body.unwrap_or_default());
        Self { retry_after: problem.retry_after_seconds(), ..reply }
    }

    /// The same with an alarm in its head.
    pub(crate) fn with_alarm(self, alarm: Option<&'static str>) -> Self {
        Self { alarm, ..self }
    }

    /// The same, with where clients learn how to get a token, for those that need one.
    pub(crate) fn with_metadata(self, metadata: Option<String>) -> Self {
        Self { metadata, ..self }
    }

    /// The same with the methods that the path does answer.
    pub(crate) fn with_methods(self, methods: String) -> Self {
        Self { allow: Some(methods), ..self }
    }

    /// The same, and the connection ends with it.
    pub(crate) fn hanging_up(self) -> Self {
        Self { hang_up: true, ..self }
    }

    /// As it goes over the wire.
    pub(crate) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            let metadata = self.metadata.map(|at| format!("Bearer resource_metadata=\"{at}\""));
            let challenge = metadata.and_then(|text| HeaderValue::try_from(text).ok());
            let challenge = challenge.unwrap_or(HeaderValue::from_static("Bearer"));
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(alarm) = self.alarm {
            headers.insert(ALARM, HeaderValue::from_static(alarm));
        }
        if let Some(Ok(methods)) = self.allow.map(HeaderValue::try_from) {
            headers.insert(ALLOW, methods);
        }
        if let Some(next) = self.next {
            headers.insert(NEXT, HeaderValue::from(next));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.hang_up {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
