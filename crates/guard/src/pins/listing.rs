//! A server's list of tools, as it is read.

use std::collections::HashSet;

use bakerst_model::{Code, Escaped, Limits, ToolDefinition};
use serde_json::Value;

use super::LockError;
use crate::rails::schema_validation;

/// What a server lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The tools that can be used.
    pub tools: Vec<ToolDefinition>,
    /// Those that cannot, and why.
    pub unusable: Vec<Unusable>,
}

/// Something in a list that cannot be used as a tool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unusable {
    /// Its name, escaped, or its place in the list.
    pub name: String,
    /// Why.
    pub why: String,
}

impl Listing {
    /// Reads a list of tools: a JSON array, an object with `tools`, or a server's whole answer with
    /// `result.tools`.
    ///
    /// # Errors
    /// When it is none of these, is longer than `tools_max`, or names a tool twice.
    pub fn read(value: Value, limits: &Limits) -> Result<Self, LockError> {
        let unusable = |message: String| LockError { code: Code::ToolListUnusable, message };
        let Some(items) = items_of(value) else {
            let message =
                "it is no list of tools: expected an array, or one under `tools` or `result.tools`";
            return Err(unusable(message.to_owned()));
        };
        let (got, max) = (items.len(), limits.tools_max);
        if got > max {
            return Err(unusable(format!("{got} tools are more than `tools_max` allows ({max})")));
        }
        let (mut listing, mut names) = (Self::default(), HashSet::new());
        for (place, item) in items.into_iter().enumerate() {
            let named =
                item.get("name").and_then(Value::as_str).map(|name| Escaped(name).to_string());
            let name = named.unwrap_or_else(|| format!("number {}", place + 1));
            match ToolDefinition::read(item) {
                Ok(tool) if !names.insert(tool.name().to_owned()) => {
                    return Err(unusable(format!("the tool `{name}` is listed twice")));
                }
                Ok(tool) => match schema_fault(&tool) {
                    None => listing.tools.push(tool),
                    Some(why) => listing.unusable.push(Unusable { name, why }),
                },
                Err(why) => listing.unusable.push(Unusable { name, why: why.to_string() }),
            }
        }
        Ok(listing)
    }
}

fn items_of(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        Value::Object(mut fields) => {
            let inner = fields.remove("tools").or_else(|| match fields.remove("result") {
                Some(Value::Object(mut result)) => result.remove("tools"),
                _ => None,
            });
            match inner {
                Some(Value::Array(items)) => Some(items),
                _ => None,
            }
        }
        _ => None,
    }
}

fn schema_fault(tool: &ToolDefinition) -> Option<String> {
    ["inputSchema", "outputSchema"].iter().find_map(|field| {
        let schema = tool.fields().get(*field)?;
        let why = schema_validation::compile(schema).err()?;
        Some(format!("its `{field}` cannot be used: {why}"))
    })
}
