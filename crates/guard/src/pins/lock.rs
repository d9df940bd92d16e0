//! The lock: a file of what was approved, with a digest over all of it.
//!
//! The digest finds what was changed by hand or cut short. It keeps nobody out who can write the
//! file and compute it; that is for version control and `pins.digest` in the configuration.

use std::collections::BTreeMap;

use bakerst_model::json::{self, DEPTH_CEILING};
use bakerst_model::{
    Code, Digest, Escaped, Limits, Reached, Reason, ServerIdentity, ToolDefinition, ToolName,
    canonical,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The form that is written, and the only one that is read.
const VERSION: u64 = 1;

/// What was approved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    servers: BTreeMap<String, ServerIdentity>,
    pins: BTreeMap<String, Pin>,
}

/// A tool as it was approved, and what has been found since.
#[derive(Clone, Debug, PartialEq)]
pub struct Pin {
    /// Whose tool it is.
    pub server: Option<String>,
    /// What was said of it.
    pub definition: ToolDefinition,
    /// The digest of that.
    pub digest: Digest,
    /// Why it may not be called, although it is here.
    pub held: Option<Held>,
    /// What a person let pass by name.
    pub accepted: Vec<Code>,
}

/// Why a tool may not be called until a person approves it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Held {
    /// The stable code.
    pub code: Code,
    /// What was found.
    pub why: String,
}

impl Held {
    /// The same, as a reason against a call.
    #[must_use]
    pub fn reason(&self) -> Reason {
        Reason::new(self.code, self.why.clone())
    }
}

/// Why a text is not a lock.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct LockError {
    /// The stable code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
}

impl LockError {
    fn unreadable(message: impl Into<String>) -> Self {
        Self { code: Code::LockUnreadable, message: message.into() }
    }

    fn edited(message: impl Into<String>) -> Self {
        Self { code: Code::LockEdited, message: message.into() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLock {
    version: u64,
    servers: BTreeMap<String, RawServer>,
    tools: Vec<RawPin>,
    digest: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawServer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawPin {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<String>,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held: Option<RawHeld>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accepted: Vec<String>,
    definition: Value,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawHeld {
    code: String,
    why: String,
}

impl Lock {
    /// Reads a lock.
    ///
    /// # Errors
    /// When it is too long, no lock, or not as it was written.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, LockError> {
        let (got, max) = (text.len(), limits.lock_bytes_max);
        if got > max {
            let message = format!("{got} bytes are more than `lock_bytes_max` allows ({max})");
            return Err(LockError::unreadable(message));
        }
        let value = json::parse(text.as_bytes(), max, DEPTH_CEILING)
            .map_err(|e| LockError::unreadable(format!("it is not JSON as it was written: {e}")))?;
        let own = digest_of(&value);
        let raw: RawLock =
            serde_json::from_value(value).map_err(|e| LockError::unreadable(e.to_string()))?;
        if raw.version != VERSION {
            let message = format!("its version is {}, expected {VERSION}", raw.version);
            return Err(LockError::unreadable(message));
        }
        let (got, max) = (raw.tools.len(), limits.tools_max);
        if got > max {
            let message = format!("{got} tools are more than `tools_max` allows ({max})");
            return Err(LockError::unreadable(message));
        }
        let said = Digest::parse_hex(&raw.digest);
        let lock = Self::of_raw(raw)?;
        match said == Some(own) {
            true => Ok(lock),
            false => Err(LockError::edited("it was changed by hand: its digest is another's")),
        }
    }

    fn of_raw(raw: RawLock) -> Result<Self, LockError> {
        let mut lock = Self::default();
        for (name, RawServer { command, url }) in raw.servers {
            let reached = match (command, url) {
                (Some(command), None) => Reached::Command(command),
                (None, Some(url)) => Reached::Url(url),
                (None, None) => Reached::Unknown,
                (Some(_), Some(_)) => {
                    let message =
                        format!("the server `{}` has a command and an address", Escaped(&name));
                    return Err(LockError::unreadable(message));
                }
            };
            lock.servers.insert(name.clone(), ServerIdentity { name, reached });
        }
        for raw in raw.tools {
            let (name, pin) = lock.pin_of_raw(raw)?;
            if lock.pins.insert(name.clone(), pin).is_some() {
                return Err(LockError::edited(format!(
                    "the tool `{}` is in it twice",
                    Escaped(&name)
                )));
            }
        }
        Ok(lock)
    }

    fn pin_of_raw(&self, raw: RawPin) -> Result<(String, Pin), LockError> {
        let tool = Escaped(&raw.name).to_string();
        let unreadable = |why: String| LockError::unreadable(format!("the tool `{tool}`: {why}"));
        let name = ToolName::parse(&raw.name).map_err(|e| unreadable(e.to_string()))?;
        let definition =
            ToolDefinition::read(raw.definition).map_err(|e| unreadable(e.to_string()))?;
        let code = |text: &str| Code::ALL.iter().copied().find(|code| code.as_str() == text);
        let held = raw.held.map(|RawHeld { code: text, why }| match code(&text) {
            Some(code) => Ok(Held { code, why: Escaped(&why).to_string() }),
            None => Err(unreadable(format!("`{}` is no code", Escaped(&text)))),
        });
        let accepted = raw.accepted.iter().map(|text| {
            code(text).ok_or_else(|| unreadable(format!("`{}` is no code", Escaped(text))))
        });
        let digest = self.digest_of(&name, raw.server.as_deref(), &definition);
        if Digest::parse_hex(&raw.digest) != Some(digest) {
            let message =
                format!("it was changed by hand: the tool `{tool}` is not what its digest says");
            return Err(LockError::edited(message));
        }
        let (held, accepted) = (held.transpose()?, accepted.collect::<Result<_, _>>()?);
        Ok((raw.name, Pin { server: raw.server, definition, digest, held, accepted }))
    }

    /// The digest of a tool under its name, whoever its server is.
    pub(super) fn digest_of(
        &self,
        name: &ToolName,
        server: Option<&str>,
        tool: &ToolDefinition,
    ) -> Digest {
        tool.digest(name, server.and_then(|server| self.servers.get(server)))
    }

    /// The lock as a file holds it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut value = self.to_value();
        let digest = digest_of(&value);
        if let Value::Object(fields) = &mut value {
            fields.insert("digest".to_owned(), json!(digest));
        }
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        text + "\n"
    }

    fn to_value(&self) -> Value {
        let servers = self.servers.iter().map(|(name, ServerIdentity { reached, .. })| {
            let raw = match reached {
                Reached::Command(command) => {
                    RawServer { command: Some(command.clone()), url: None }
                }
                Reached::Url(url) => RawServer { command: None, url: Some(url.clone()) },
                Reached::Unknown => RawServer { command: None, url: None },
            };
            (name.clone(), json!(raw))
        });
        let tools = self.pins.iter().map(|(name, pin)| {
            json!(RawPin {
                name: name.clone(),
                server: pin.server.clone(),
                digest: pin.digest.to_string(),
                held: pin
                    .held
                    .as_ref()
                    .map(|held| RawHeld { code: held.code.to_string(), why: held.why.clone() }),
                accepted: pin.accepted.iter().map(ToString::to_string).collect(),
                definition: json!(pin.definition),
            })
        });
        json!({
            "version": VERSION,
            "servers": servers.collect::<serde_json::Map<_, _>>(),
            "tools": tools.collect::<Vec<_>>(),
        })
    }

    /// The digest of all of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(&self.to_value())
    }

    /// A tool, by the name that every door knows it by.
    #[must_use]
    pub fn pin(&self, name: &str) -> Option<&Pin> {
        self.pins.get(name)
    }

    /// Every tool, by name.
    pub fn pins(&self) -> impl Iterator<Item = (&str, &Pin)> {
        self.pins.iter().map(|(name, pin)| (name.as_str(), pin))
    }

    /// The servers, by name.
    pub fn servers(&self) -> impl Iterator<Item = &ServerIdentity> {
        self.servers.values()
    }

    pub(super) fn set_server(&mut self, server: &ServerIdentity) {
        self.servers.insert(server.name.clone(), server.clone());
    }

    pub(super) fn set_pin(&mut self, name: &str, pin: Pin) {
        self.pins.insert(name.to_owned(), pin);
    }
}

/// The digest of a lock, whatever it says its digest is.
fn digest_of(value: &Value) -> Digest {
    let mut value = value.clone();
    if let Value::Object(fields) = &mut value {
        fields.remove("digest");
    }
    Digest::of(canonical(&value).as_bytes())
}
