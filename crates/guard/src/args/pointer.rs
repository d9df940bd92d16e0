//! JSON pointers in which a segment may mean every element.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A JSON pointer such as `/path`, or with `*` for each element of a list or mapping: `/to/*`.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pointer {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Segment {
    Each,
    Name(String),
}

/// What a pointer finds.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'v> {
    /// Something is not there, or not a list or mapping where one is needed.
    Missing,
    /// These; none of an empty list.
    Values(Vec<&'v Value>),
}

impl Pointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// When it does not begin with `/`, or escapes something that needs no escaping.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` is no JSON pointer, expected one such as `/path`"));
        };
        let segments = rest.split('/').map(|segment| match segment {
            "*" => Ok(Segment::Each),
            _ => {
                let plain = segment.replace("~1", "").replace("~0", "");
                match plain.contains('~') {
                    true => Err(format!("`~` in `{text}` is written `~0`, and `/` is `~1`")),
                    false => Ok(Segment::Name(segment.replace("~1", "/").replace("~0", "~"))),
                }
            }
        });
        Ok(Self { segments: segments.collect::<Result<_, _>>()?, text: text.to_owned() })
    }

    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names on the way, `*` for each element.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(|segment| match segment {
            Segment::Each => "*",
            Segment::Name(name) => name,
        })
    }

    pub(super) fn find<'v>(&self, input: &'v Value) -> Found<'v> {
        let mut values = vec![input];
        for segment in &self.segments {
            let mut inner = Vec::new();
            for value in values {
                match (segment, value) {
                    (Segment::Each, Value::Array(items)) => inner.extend(items),
                    (Segment::Each, Value::Object(fields)) => inner.extend(fields.values()),
                    (Segment::Each, _) => return Found::Missing,
                    (Segment::Name(name), value) => match child(value, name) {
                        Some(child) => inner.push(child),
                        None => return Found::Missing,
                    },
                }
            }
            values = inner;
        }
        Found::Values(values)
    }
}

fn child<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => {
            let plain = name == "0" || !name.starts_with(['0', '+']);
            items.get(name.parse::<usize>().ok().filter(|_| plain)?)
        }
        _ => None,
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Pointer> for String {
    fn from(pointer: Pointer) -> Self {
        pointer.text
    }
}
