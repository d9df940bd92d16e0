//! References that run in a circle without ever reaching into the value: no validator could end.
//!
//! A schema may well refer to itself from within its properties or items, where each turn consumes a
//! level of the value. What applies to the same value as the schema that holds it consumes nothing.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// What applies to the same value as the schema that holds it.
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const SINGLE: [&str; 4] = ["not", "if", "then", "else"];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Mark {
    Open,
    Done,
}

/// Refuses a schema with a circle, naming the references that make it.
pub(super) fn refuse(schema: &Value) -> Result<(), String> {
    let mut targets = Vec::new();
    gather(schema, &mut targets);
    let mut marks = HashMap::new();
    targets.iter().try_for_each(|uri| follow(uri, schema, &mut marks, &mut Vec::new()))
}

/// Every reference of a schema.
fn gather<'s>(value: &'s Value, into: &mut Vec<&'s str>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, field)| match field {
            Value::String(uri) if key == "$ref" || key == "$dynamicRef" => into.push(uri),
            _ => gather(field, into),
        }),
        Value::Array(items) => items.iter().for_each(|item| gather(item, into)),
        _ => {}
    }
}

/// Follows a reference through everything that applies to the same value.
fn follow<'s>(
    uri: &'s str,
    root: &'s Value,
    marks: &mut HashMap<&'s str, Mark>,
    way: &mut Vec<&'s str>,
) -> Result<(), String> {
    match marks.get(uri) {
        Some(Mark::Done) => return Ok(()),
        Some(Mark::Open) => {
            let from = way.iter().position(|step| *step == uri).unwrap_or_default();
            let circle: Vec<&str> = way.iter().skip(from).take(8).copied().chain([uri]).collect();
            return Err(format!("its references run in a circle: `{}`", circle.join("` to `")));
        }
        None => {}
    }
    if way.len() > 256 {
        return Err("its references lead too far: more than 256 in a row".to_owned());
    }
    marks.insert(uri, Mark::Open);
    way.push(uri);
    if let Some(Value::Object(target)) = resolve(uri, root) {
        let mut next = Vec::new();
        same_value(target, &mut next);
        next.into_iter().try_for_each(|uri| follow(uri, root, marks, way))?;
    }
    way.pop();
    marks.insert(uri, Mark::Done);
    Ok(())
}

/// The references that apply to the same value as `fields`.
fn same_value<'s>(fields: &'s Map<String, Value>, into: &mut Vec<&'s str>) {
    for key in ["$ref", "$dynamicRef"] {
        into.extend(fields.get(key).and_then(Value::as_str));
    }
    let listed = LISTS.iter().filter_map(|key| fields.get(*key)?.as_array()).flatten();
    let single = SINGLE.iter().filter_map(|key| fields.get(*key));
    let dependent = ["dependentSchemas", "dependencies"];
    let dependent = dependent.iter().filter_map(|key| fields.get(*key)?.as_object());
    let all = listed.chain(single).chain(dependent.flat_map(|map| map.values()));
    all.filter_map(Value::as_object).for_each(|inner| same_value(inner, into));
}

/// What a reference within the schema points at: a place, or an anchor.
fn resolve<'s>(uri: &str, root: &'s Value) -> Option<&'s Value> {
    match uri.strip_prefix('#')? {
        "" => Some(root),
        pointer if pointer.starts_with('/') => root.pointer(pointer),
        anchor => anchored(root, anchor),
    }
}

fn anchored<'s>(value: &'s Value, anchor: &str) -> Option<&'s Value> {
    match value {
        Value::Object(fields) => {
            let named = ["$anchor", "$dynamicAnchor"];
            let here =
                named.iter().any(|key| fields.get(*key).and_then(Value::as_str) == Some(anchor));
            if here {
                Some(value)
            } else {
                fields.values().find_map(|field| anchored(field, anchor))
            }
        }
        Value::Array(items) => items.iter().find_map(|item| anchored(item, anchor)),
        _ => None,
    }
}
