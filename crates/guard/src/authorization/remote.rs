//! Rego behind an OPA's REST API: what is asked, what may come back, and what holds when nothing
//! does.

use std::fmt;
use std::sync::Arc;

use bakerst_model::{Code, Escaped, Reason};
use serde::Serialize;

use super::{OpaServer, Opinion};
use crate::{Check, Risk};

/// What a remote OPA is to be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthorizeNeed {
    /// Whom to ask.
    pub server: Arc<OpaServer>,
    /// The input document, as JSON.
    pub input: Arc<str>,
}

/// What came of asking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Consulted {
    /// It answered.
    Answered {
        /// What it thinks.
        opinion: Opinion,
        /// The number that it gave its decision.
        decision_id: Option<Arc<str>>,
        /// The revision of the policy that it went by.
        revision: Option<Arc<str>>,
        /// How long it took for what, as JSON.
        metrics: Option<Arc<str>>,
        /// Whether it was an earlier answer to the same question.
        cached: bool,
    },
    /// It did not, or nothing that can be relied on.
    Silent(NoAnswer),
}

/// Why there is no answer to rely on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NoAnswer {
    /// There is no network here.
    NotAsked,
    /// As many questions are open as may be.
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Nobody is there, or they hung up.
    Unreachable(String),
    /// It took too long.
    TooSlow {
        /// How long it had.
        millis: u64,
    },
    /// It said more than is listened to.
    TooLong {
        /// The limit.
        max: usize,
    },
    /// It refused, or sent us elsewhere.
    Status {
        /// The status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// It cannot be understood.
    Garbled(String),
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("nothing is asked over a network here"),
            Self::TooMany { max } => {
                write!(
                    f,
                    "{max} questions are open, which is as many as `opa_questions_max` allows"
                )
            }
            Self::Unreachable(why) => write!(f, "it cannot be reached: {}", Escaped(why)),
            Self::TooSlow { millis } => write!(f, "it did not answer within {millis} ms"),
            Self::TooLong { max } => {
                write!(f, "its answer is longer than `opa_answer_bytes_max` ({max})")
            }
            Self::Status { status, message } if message.is_empty() => {
                write!(f, "it answered with status {status}")
            }
            Self::Status { status, message } => {
                write!(f, "it answered with status {status}: {}", Escaped(message))
            }
            Self::Garbled(why) => write!(f, "its answer cannot be used: {}", Escaped(why)),
        }
    }
}

/// Who answered, as the decision says it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "answered_by", rename_all = "lowercase")]
pub enum Authority {
    /// A remote OPA.
    Opa {
        /// The number that it gave its decision.
        #[serde(skip_serializing_if = "Option::is_none")]
        decision_id: Option<Arc<str>>,
        /// The revision of the policy that it went by.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<Arc<str>>,
        /// Whether it was an earlier answer to the same question.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        cached: bool,
    },
    /// The built-in rules, because nobody else did.
    Fallback {
        /// Why.
        because: String,
    },
}

impl Consulted {
    /// The word on a call to a tool of this risk, and who gave it.
    pub(crate) fn word(&self, risk: Option<Risk>) -> (Check, Authority) {
        match self {
            Self::Answered { opinion, decision_id, revision, cached, metrics: _ } => {
                let (decision_id, revision) = (decision_id.clone(), revision.clone());
                (opinion.check(), Authority::Opa { decision_id, revision, cached: *cached })
            }
            Self::Silent(why) => {
                let check = built_in(risk, why);
                (check, Authority::Fallback { because: why.to_string() })
            }
        }
    }
}

/// The built-in rules: what only looks is allowed, and nothing else.
fn built_in(risk: Option<Risk>, why: &NoAnswer) -> Check {
    if risk == Some(Risk::Read) {
        return Check::Approve;
    }
    let risk = risk.map_or("unknown", Risk::as_str);
    let message = format!(
        "the remote policy was not heard ({why}), and the built-in rules allow no tool of risk `{risk}`"
    );
    Check::Reject(Reason::new(Code::BuiltInDenied, message))
}
