//! What the chain answers.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Code;

/// A judgement. The order is the meaning: of many, the strictest is the greatest.
#[must_use]
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The call may be made.
    Allow,
    /// A person must say so first.
    Ask,
    /// The call must not be made.
    Deny,
}

impl Verdict {
    /// The verdict as it is written in policies and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a verdict was given: a stable code, and words about this very call.
///
/// The words may quote the call; they are escaped when they are built. Whether a retry can help
/// and what a person could do follow from the code.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// What happened, in one sentence without a full stop.
    pub message: Cow<'static, str>,
}

impl Reason {
    /// A reason with words about this call.
    #[must_use]
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl From<Code> for Reason {
    fn from(code: Code) -> Self {
        Self::new(code, code.title())
    }
}
