//! Tools as servers describe them, and the digest by which a description is known again.
//!
//! A description is what an agent reads and obeys, so a change of it is a change of the tool. The
//! digest covers everything that a server says of a tool but `_meta`, which is for programs and may
//! change with each answer, and whose tool it is. It is taken over canonical JSON, so that neither
//! the order of keys nor blanks count.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{Digest, IdError, ToolName};

/// A tool as a server describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct ToolDefinition(Map<String, Value>);

/// Why something is not the description of a tool.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ToolDefinitionError {
    /// Not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
    /// The name is missing or no text.
    #[error("it has no text under `name`")]
    NoName,
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] IdError),
    /// A field is not of its kind.
    #[error("`{0}` is not {1}")]
    Field(&'static str, &'static str),
}

impl ToolDefinition {
    /// Reads what a server says of one tool.
    ///
    /// # Errors
    /// Says what is missing or of the wrong kind.
    pub fn read(value: Value) -> Result<Self, ToolDefinitionError> {
        let Value::Object(mut fields) = value else { return Err(ToolDefinitionError::NotAnObject) };
        fields.remove("_meta");
        let name = fields.get("name").and_then(Value::as_str);
        ToolName::parse(name.ok_or(ToolDefinitionError::NoName)?)?;
        for field in ["title", "description"] {
            if fields.get(field).is_some_and(|value| !value.is_string()) {
                return Err(ToolDefinitionError::Field(field, "a text"));
            }
        }
        for field in ["inputSchema", "outputSchema"] {
            if fields.get(field).is_some_and(|value| !value.is_object() && !value.is_boolean()) {
                return Err(ToolDefinitionError::Field(field, "a schema"));
            }
        }
        if fields.get("annotations").is_some_and(|value| !value.is_object()) {
            return Err(ToolDefinitionError::Field("annotations", "an object"));
        }
        Ok(Self(fields))
    }

    /// The name that the server calls it by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("name")
    }

    /// What the server says that it does; nothing where it says nothing.
    #[must_use]
    pub fn description(&self) -> &str {
        self.text("description")
    }

    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The schema of its arguments.
    #[must_use]
    pub fn input_schema(&self) -> Option<&Value> {
        self.0.get("inputSchema")
    }

    /// What the server claims about its effects.
    #[must_use]
    pub fn annotations(&self) -> Option<&Map<String, Value>> {
        self.0.get("annotations").and_then(Value::as_object)
    }

    /// Everything that is said of it.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Its digest, as the tool `name` of `server`.
    #[must_use]
    pub fn digest(&self, name: &ToolName, server: Option<&ServerIdentity>) -> Digest {
        let pinned = json!({ "name": name, "server": server, "definition": self });
        Digest::of(canonical(&pinned).as_bytes())
    }
}

/// Who a server is: its name in the client's configuration, and how it is reached. What it says of
/// itself, such as a version, is not part of it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ServerIdentity {
    /// The name that the client knows it by.
    pub name: String,
    /// How it is reached.
    #[serde(flatten)]
    pub reached: Reached,
}

/// How a server is reached.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reached {
    /// A program and its arguments.
    Command(Vec<String>),
    /// An address.
    Url(String),
    /// Nobody said.
    Unknown,
}

/// The name that every door knows a server's tool by: the one that clients of several servers send
/// to hooks, `mcp__server__tool`; without a server, the tool's own.
///
/// # Errors
/// When the two together cannot be a tool's name.
pub fn canonical_tool_name(server: Option<&str>, tool: &str) -> Result<ToolName, IdError> {
    match server {
        Some(server) => ToolName::parse(&format!("mcp__{server}__{tool}")),
        None => ToolName::parse(tool),
    }
}

/// A value as canonical JSON, after RFC 8785: no blanks, keys in the order of their UTF-16 units,
/// whole numbers without a fraction. Numbers that are no doubles are written as they are.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (place, (key, field)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::from(key.as_str()));
                write_canonical(field, out);
            }
            out.push('}');
        }
        Value::Number(number) => {
            let whole = number.as_f64().filter(|n| number.is_f64() && n.fract() == 0.0);
            let _ = match whole.filter(|n| n.abs() < 1e15) {
                Some(whole) => write!(out, "{whole:.0}"),
                None => write!(out, "{number}"),
            };
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tool(value: Value) -> Result<ToolDefinition, String> {
        ToolDefinition::read(value).map_err(|e| e.to_string())
    }

    #[test]
    fn canonical_json_knows_no_order_and_no_blanks() {
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(
            read(r#" { "b" : 1.0, "a" : [ true , null, "é\n" ] } "#),
            r#"{"a":[true,null,"é\n"],"b":1}"#
        );
        // In UTF-16 a letter beyond the first plane begins below U+E000.
        assert_eq!(read("{\"\u{fb33}\":1,\"\u{1f600}\":2}"), "{\"\u{1f600}\":2,\"\u{fb33}\":1}");
        assert_eq!(read("-0.0"), "-0");
        assert_eq!(read("1e300"), "1e+300");
    }

    #[test]
    fn a_digest_covers_all_that_is_said_and_whose_tool_it_is() {
        let read = |more: Value| {
            let mut value =
                json!({"name": "t", "description": "d", "inputSchema": {"type": "object"}});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            tool(value).unwrap()
        };
        let name = ToolName::parse("mcp__s__t").unwrap();
        let server = |reached| ServerIdentity { name: "s".into(), reached };
        let plain = read(json!({}));
        let digest = |tool: &ToolDefinition| tool.digest(&name, Some(&server(Reached::Unknown)));
        assert_eq!(digest(&plain), digest(&read(json!({"_meta": {"x": 1}}))));
        for other in [
            json!({"description": "e"}),
            json!({"inputSchema": {}}),
            json!({"outputSchema": {}}),
            json!({"annotations": {}}),
            json!({"title": "T"}),
            json!({"icons": []}),
        ] {
            assert_ne!(digest(&plain), digest(&read(other.clone())), "{other}");
        }
        let elsewhere = server(Reached::Command(vec!["npx".into(), "other".into()]));
        assert_ne!(digest(&plain), plain.digest(&name, Some(&elsewhere)));
        assert_ne!(digest(&plain), plain.digest(&ToolName::parse("t").unwrap(), None));
    }

    #[test]
    fn what_describes_no_tool_is_refused() {
        assert_eq!(tool(json!([])), Err("it is not a JSON object".into()));
        assert_eq!(tool(json!({})), Err("it has no text under `name`".into()));
        assert_eq!(
            tool(json!({"name": "a\nb"})),
            Err("`toolName` holds the control character U+000A".into())
        );
        assert_eq!(
            tool(json!({"name": "a", "description": 1})),
            Err("`description` is not a text".into())
        );
        assert_eq!(
            tool(json!({"name": "a", "inputSchema": []})),
            Err("`inputSchema` is not a schema".into())
        );
        assert_eq!(
            canonical_tool_name(Some("files"), "read").unwrap().as_str(),
            "mcp__files__read"
        );
    }

    proptest! {
        #[test]
        fn canonical_json_reads_back_as_the_same_value(text in r#"[\[\]{}:,"a-c0-9.eE -]{0,40}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let again: Value = serde_json::from_str(&canonical(&value)).unwrap();
                prop_assert_eq!(canonical(&again), canonical(&value));
            }
        }
    }
}
