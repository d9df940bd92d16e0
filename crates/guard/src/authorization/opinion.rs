//! What a policy thinks of a call.

use bakerst_model::{Code, Escaped, Reason};
use serde_json::Value;

use crate::Check;

/// What the three rules say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Opinion {
    /// Whether a rule allows the call.
    pub allow: bool,
    /// Why it must not be made.
    pub deny: Vec<String>,
    /// Why a person must say so first.
    pub ask: Vec<String>,
}

/// How much of a policy's words is quoted.
const QUOTED_MAX: usize = 5;
const CHARS_MAX: usize = 200;

impl Opinion {
    /// Reads the document of a package: `{allow, deny, ask}`, other rules beside them.
    ///
    /// # Errors
    /// Says which rule gave something that cannot be understood.
    pub fn read(result: &Value) -> Result<Self, String> {
        let Value::Object(rules) = result else {
            return Err("the result is not an object with `allow`, `deny` and `ask`".to_owned());
        };
        Ok(Self {
            allow: rules.get("allow") == Some(&Value::Bool(true)),
            deny: words("deny", rules.get("deny"))?,
            ask: words("ask", rules.get("ask"))?,
        })
    }

    /// The word that follows. What is not allowed is denied; `ask` and `deny` only restrict.
    pub fn check(&self) -> Check {
        match self {
            Self { deny, .. } if !deny.is_empty() => {
                Check::Reject(Reason::new(Code::AuthorizationDenied, quoted(deny)))
            }
            Self { allow: false, .. } => Check::Reject(Code::NotAuthorized.into()),
            Self { ask, .. } if !ask.is_empty() => {
                Check::Escalate(Reason::new(Code::AuthorizationAsks, quoted(ask)))
            }
            _ => Check::Approve,
        }
    }
}

/// The words of a rule: a set of messages, or `true` for a rule that has none.
pub(super) fn words(rule: &str, value: Option<&Value>) -> Result<Vec<String>, String> {
    match value {
        None | Some(Value::Bool(false)) => Ok(Vec::new()),
        Some(Value::Bool(true)) => Ok(vec![format!("`{rule}` holds")]),
        Some(Value::Array(messages)) => Ok(messages.iter().map(message).collect()),
        // A partial object: its keys are the messages.
        Some(Value::Object(messages)) => Ok(messages.keys().map(|key| shortened(key)).collect()),
        Some(Value::Null | Value::Number(_) | Value::String(_)) => {
            Err(format!("`{rule}` is neither a set of messages nor true or false"))
        }
    }
}

fn message(value: &Value) -> String {
    match value {
        Value::String(text) => shortened(text),
        Value::Object(fields) => match fields.get("msg").or_else(|| fields.get("message")) {
            Some(Value::String(text)) => shortened(text),
            _ => shortened(&value.to_string()),
        },
        _ => shortened(&value.to_string()),
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(CHARS_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Escaped(&shown).to_string()
}

fn quoted(messages: &[String]) -> String {
    let shown: Vec<_> = messages.iter().take(QUOTED_MAX).map(String::as_str).collect();
    match messages.len().saturating_sub(QUOTED_MAX) {
        0 => shown.join("; "),
        more => format!("{}; and {more} more", shown.join("; ")),
    }
}
