//! Identifiers. Each is its own type, so that a user can never be passed where an agent is meant.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text cannot be an identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdError {
    /// Identifiers name something; an empty one names nothing.
    #[error("`{what}` is empty")]
    Empty {
        /// The identifier that was read, in the words of the wire.
        what: &'static str,
    },
    /// Longer than any identifier may be.
    #[error("`{what}` is {bytes} bytes long, at most {ID_BYTES_MAX} are allowed")]
    TooLong {
        /// The identifier that was read.
        what: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// Control characters would let an identifier forge log lines and terminals.
    #[error("`{what}` holds the control character U+{character:04X}")]
    Control {
        /// The identifier that was read.
        what: &'static str,
        /// The offending character's code point.
        character: u32,
    },
}

/// The longest identifier that is accepted, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 256;

fn checked(what: &'static str, text: &str) -> Result<Arc<str>, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty { what });
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong { what, bytes: text.len() });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(IdError::Control { what, character: c.into() }),
        None => Ok(text.into()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an identifier: not empty, not long, no control characters.
            ///
            /// # Errors
            /// Says which of the three it was.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                checked($what, text).map(Self)
            }

            /// The identifier as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
            }
        }
    };
}

text_id!(
    /// One conversation of one agent; flow labels and approvals belong to it.
    ConversationId,
    "conversationId"
);
text_id!(
    /// The person on whose behalf the agent acts.
    UserId,
    "userId"
);
text_id!(
    /// The agent that makes a call.
    AgentId,
    "agent"
);
text_id!(
    /// A tool, by the name the agent calls it by.
    ToolName,
    "toolName"
);

impl AgentId {
    /// The agent of a call that names none.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("default".into())
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub u64);

        impl $name {
            /// Reads the printed form back.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.strip_prefix($prefix)?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit());
                (plain && !digits.is_empty()).then(|| digits.parse().ok().map(Self))?
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

number_id!(
    /// A decision, named after the record that holds it: `dec-17` is record 17 of the log.
    DecisionId,
    "dec-"
);
number_id!(
    /// A request for approval, short enough to be typed by a person.
    ApprovalId,
    "apr-"
);

/// A record's place in the log. It starts at 1 and never repeats.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Seq> for DecisionId {
    fn from(Seq(seq): Seq) -> Self {
        Self(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = ToolName::parse(text).map_or_else(|e| e.to_string(), |id| format!("ok {id}"));
        assert_eq!(got, want);
    }

    #[test]
    fn identifiers_refuse_what_could_forge_a_line() {
        check("send_money", "ok send_money");
        check("", "`toolName` is empty");
        check("a\nb", "`toolName` holds the control character U+000A");
        check("a\u{9b}b", "`toolName` holds the control character U+009B");
        check(&"x".repeat(257), "`toolName` is 257 bytes long, at most 256 are allowed");
    }

    #[test]
    fn numbered_identifiers_read_back_only_what_they_print() {
        assert_eq!(ApprovalId::parse("apr-17"), Some(ApprovalId(17)));
        for wrong in
            ["17", "apr-", "apr-+17", "apr--1", "apr-1 ", "dec-1", "apr-99999999999999999999"]
        {
            assert_eq!(ApprovalId::parse(wrong), None, "{wrong}");
        }
    }
}
