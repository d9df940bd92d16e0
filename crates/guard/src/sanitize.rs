//! Values without their secrets.

use std::borrow::Cow;

use bakerst_detect::redact::Redactor;
use serde::Serialize;
use serde_json::{Map, Value};

/// A tool's result without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Sanitized {
    /// The result.
    pub value: Value,
    /// What was replaced.
    pub findings: Vec<OutputFinding>,
}

/// One thing that was replaced in a result.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OutputFinding {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What stands there now.
    pub placeholder: String,
    /// Whether it was only noted, and the result left as it was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub monitored: bool,
}

/// Replaces secrets in every string and every key, and notes where.
pub(crate) fn sanitize_value(
    redactor: &Redactor,
    value: &mut Value,
    path: &mut String,
    findings: &mut Vec<OutputFinding>,
) {
    match value {
        Value::String(text) => {
            if let Some(clean) = redacted(redactor, text, path, findings) {
                *text = clean;
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter_mut().enumerate() {
                let length = path.len();
                path.push('/');
                path.push_str(&place.to_string());
                sanitize_value(redactor, item, path, findings);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            *fields = sanitize_fields(redactor, std::mem::take(fields), path, findings);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn sanitize_fields(
    redactor: &Redactor,
    fields: Map<String, Value>,
    path: &mut String,
    findings: &mut Vec<OutputFinding>,
) -> Map<String, Value> {
    let mut clean = Map::new();
    for (key, mut field) in fields {
        let length = path.len();
        let mut name = redacted(redactor, &key, path, findings).unwrap_or(key);
        // Two keys that were secrets must not become one field.
        while clean.contains_key(&name) {
            name.push('\'');
        }
        path.push('/');
        path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        sanitize_value(redactor, &mut field, path, findings);
        path.truncate(length);
        clean.insert(name, field);
    }
    clean
}

fn redacted(
    redactor: &Redactor,
    text: &str,
    path: &str,
    findings: &mut Vec<OutputFinding>,
) -> Option<String> {
    let redaction = redactor.redact(text);
    findings.extend(redaction.findings.iter().map(|found| OutputFinding {
        path: path.to_owned(),
        placeholder: found.placeholder.clone(),
        monitored: false,
    }));
    match redaction.text {
        Cow::Borrowed(_) => None,
        Cow::Owned(clean) => Some(clean),
    }
}
