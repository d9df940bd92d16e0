//! Closing a schema: fields that it names are the fields there are.
//!
//! Authors of tools list their `properties` and forget `additionalProperties: false`; a model, or
//! whoever speaks through it, may then add fields that the tool reads and nobody checked. So an
//! object schema that names properties and says nothing about others is read as naming all.

use serde_json::{Map, Value, json};

/// Schemas that apply to the same object as the schema that holds them.
const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const CONDITIONALS: [&str; 3] = ["if", "then", "else"];

/// How deep a schema is followed; deeper levels stay as they were written.
const DEPTH_MAX: usize = 32;

/// The schema with every object level that names properties closed against others.
pub(super) fn close(schema: &Value) -> Value {
    let mut closed = schema.clone();
    close_level(&mut closed, schema, 0);
    closed
}

/// Refuses references that leave the schema.
pub(super) fn refuse_external_refs(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| match value {
            Value::String(uri) if is_ref(key) && !uri.starts_with('#') => {
                Err(format!("`{key}` points outside the schema, to `{uri}`"))
            }
            _ => refuse_external_refs(value),
        }),
        Value::Array(items) => items.iter().try_for_each(refuse_external_refs),
        _ => Ok(()),
    }
}

fn is_ref(key: &str) -> bool {
    matches!(key, "$ref" | "$dynamicRef" | "$recursiveRef")
}

fn close_level(schema: &mut Value, root: &Value, depth: usize) {
    let Value::Object(fields) = schema else { return };
    if depth > DEPTH_MAX {
        return;
    }
    let mut names = Names::default();
    names.gather(fields, root, 0);
    for nested in ["properties", "patternProperties"] {
        if let Some(Value::Object(properties)) = fields.get_mut(nested) {
            properties.values_mut().for_each(|inner| close_level(inner, root, depth + 1));
        }
    }
    for nested in ["items", "additionalProperties", "prefixItems"] {
        match fields.get_mut(nested) {
            Some(Value::Array(items)) => {
                items.iter_mut().for_each(|item| close_level(item, root, depth + 1));
            }
            Some(inner) => close_level(inner, root, depth + 1),
            None => {}
        }
    }
    if let Some(rule) = names.rule() {
        add_rule(fields, rule);
    }
}

/// Adds a rule about property names. `$ref` silences its neighbours in draft-07, so there the rest
/// of the level moves into a branch, and only what references point at stays where it was.
fn add_rule(fields: &mut Map<String, Value>, rule: Value) {
    if !fields.contains_key("$ref") && !fields.contains_key("propertyNames") {
        fields.insert("propertyNames".to_owned(), rule);
        return;
    }
    let mut branch = std::mem::take(fields);
    for stays in ["$schema", "$id", "$defs", "definitions"] {
        fields.extend(branch.remove_entry(stays));
    }
    fields.insert("allOf".to_owned(), json!([branch, { "propertyNames": rule }]));
}

/// The property names that a level and its branches speak of.
#[derive(Default)]
struct Names {
    exact: Vec<Value>,
    patterns: Vec<Value>,
    named_any: bool,
    open: bool,
}

impl Names {
    fn gather(&mut self, fields: &Map<String, Value>, root: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            self.open = true;
            return;
        }
        if let Some(Value::Object(properties)) = fields.get("properties") {
            self.named_any = true;
            self.exact.extend(properties.keys().cloned().map(Value::String));
        }
        if let Some(Value::Object(patterns)) = fields.get("patternProperties") {
            self.patterns.extend(patterns.keys().cloned().map(Value::String));
        }
        let decided = ["additionalProperties", "unevaluatedProperties"];
        self.open |= decided.iter().any(|key| fields.get(*key).is_some_and(|rule| rule != false));
        for branch in self.branches(fields, root) {
            self.gather(&branch, root, depth + 1);
        }
    }

    fn branches(&mut self, fields: &Map<String, Value>, root: &Value) -> Vec<Map<String, Value>> {
        let listed = BRANCHES.iter().filter_map(|key| fields.get(*key)?.as_array()).flatten();
        let single = CONDITIONALS.iter().filter_map(|key| fields.get(*key));
        let dependent = ["dependentSchemas", "dependencies"];
        let dependent = dependent.iter().filter_map(|key| fields.get(*key)?.as_object());
        let all = listed.chain(single).chain(dependent.flat_map(|map| map.values()));
        let mut found: Vec<_> = all.filter_map(|schema| schema.as_object().cloned()).collect();
        match fields
            .get("$ref")
            .and_then(Value::as_str)
            .map(|uri| root.pointer(uri.trim_start_matches('#')))
        {
            Some(Some(Value::Object(target))) => found.push(target.clone()),
            // A target that is not found by its path may name anything.
            Some(_) => self.open = true,
            None => {}
        }
        found
    }

    fn rule(self) -> Option<Value> {
        if self.open || !self.named_any {
            return None;
        }
        let mut any = vec![json!({ "enum": self.exact })];
        any.extend(self.patterns.into_iter().map(|pattern| json!({ "pattern": pattern })));
        Some(json!({ "anyOf": any }))
    }
}
