//! Checks a call's arguments against the tool's JSON Schema (2020-12 or draft-07).
//!
//! Schemas are compiled once. No reference leaves the schema, regular expressions run in linear
//! time, and fields that a schema does not name are refused unless it allows them.

mod circles;
mod closed;

use std::collections::HashMap;
use std::sync::Arc;

use bakerst_model::{Code, Escaped, Reason};
use jsonschema::{Draft, PatternOptions, Validator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::PolicySource;
use crate::{Check, Guardrail, Subject, Undecided};

/// Whether every tool must have a schema.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    require_schema: bool,
}

/// The guardrail.
pub struct SchemaValidation {
    schemas: HashMap<Arc<str>, Validator>,
    require_schema: bool,
}

impl SchemaValidation {
    pub(crate) fn new(config: &Config, source: &PolicySource) -> Result<Self, String> {
        let mut schemas = HashMap::new();
        for (name, entry) in &source.tools {
            // What was approved of a tool holds where the policy has no schema of its own.
            let pinned = source.pins.as_ref().and_then(|pins| pins.lock().pin(name));
            let pinned = pinned.and_then(|pin| pin.definition.input_schema());
            if let Some(schema) = entry.schema.as_ref().or(pinned) {
                let compiled = compile(schema).map_err(|why| {
                    format!("the schema of the tool `{name}` cannot be used: {why}")
                })?;
                schemas.insert(Arc::from(name.as_str()), compiled);
            }
        }
        Ok(Self { schemas, require_schema: config.require_schema })
    }
}

/// Compiles one schema, closed against fields it does not name.
///
/// # Errors
/// Says why the schema cannot be used.
pub(crate) fn compile(schema: &Value) -> Result<Validator, String> {
    let draft = match schema.get("$schema").and_then(Value::as_str) {
        None => Draft::Draft202012,
        Some(uri) if uri.contains("json-schema.org/draft/2020-12/schema") => Draft::Draft202012,
        Some(uri) if uri.contains("json-schema.org/draft-07/schema") => Draft::Draft7,
        Some(uri) => return Err(format!("`$schema` is `{uri}`, expected 2020-12 or draft-07")),
    };
    closed::refuse_external_refs(schema)?;
    circles::refuse(schema)?;
    let closed = closed::close(schema);
    jsonschema::options()
        .with_draft(draft)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .build(&closed)
        .map_err(|e| e.to_string())
}

impl Guardrail for SchemaValidation {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let tool = subject.call.tool.as_str();
        let Some(schema) = self.schemas.get(tool) else {
            return Ok(match self.require_schema {
                false => Check::Approve,
                true => {
                    let message = format!("the tool `{}` has no schema", Escaped(tool));
                    Check::Reject(Reason::new(Code::SchemaMissing, message))
                }
            });
        };
        let Err(error) = schema.validate(subject.call.input.expose()) else {
            return Ok(Check::Approve);
        };
        let at = error.instance_path().to_string();
        let place =
            if at.is_empty() { "the input".to_owned() } else { format!("`{}`", Escaped(&at)) };
        let words: String = error.masked_with("the value").to_string().chars().take(300).collect();
        let message = format!("{place} does not match the schema: {}", Escaped(&words));
        Ok(Check::Reject(Reason::new(Code::SchemaMismatch, message)))
    }
}
