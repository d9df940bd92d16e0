//! YAML text into nodes.

use std::fmt;

use bakerst_model::Code;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Fault, Key, Node, NodeValue, Position};

pub(super) fn parse(text: &str, bytes_max: usize) -> Result<Node, Fault> {
    if text.len() > bytes_max {
        let message =
            format!("{} bytes are more than `config_bytes_max` allows ({bytes_max})", text.len());
        return Err(Fault::new(Code::ConfigValue, message));
    }
    if text.trim().is_empty() {
        return Ok(Node::empty());
    }
    // Only `true` and `false` are truth values: `off` and `no` are words, as in `enforcement: off`.
    let options = serde_saphyr::options! { strict_booleans: true };
    let read: Result<Spanned<Value>, _> = serde_saphyr::from_str_with_options(text, options);
    read.map(Value::into_node).map_err(|error| fault_of(&error))
}

fn fault_of(error: &serde_saphyr::Error) -> Fault {
    // The first line holds the message; a drawing of the source may follow.
    let error = error.without_snippet();
    let words = error.to_string();
    let first = words.lines().next().unwrap_or("not YAML");
    // The place is told apart, so it need not be told twice.
    let message = first.split_once(" at line ").map_or(first, |(message, _)| message);
    let fault = Fault::new(Code::ConfigSyntax, message.trim_end_matches('.'));
    match error.location().and_then(position) {
        Some(at) => fault.at(at),
        None => fault,
    }
}

fn position(location: Location) -> Option<Position> {
    let column = u32::try_from(location.column()).ok()?;
    let line = u32::try_from(location.line()).ok()?;
    (line > 0).then_some(Position { line, column })
}

/// A value as the YAML reader hands it over, before the children's places are folded in.
enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Spanned<Value>>),
    Map(Vec<(Spanned<String>, Spanned<Value>)>),
}

impl Value {
    fn into_node(spanned: Spanned<Self>) -> Node {
        let at = position(spanned.referenced).unwrap_or(Position { line: 1, column: 1 });
        let value = match spanned.value {
            Self::Null => NodeValue::Null,
            Self::Bool(value) => NodeValue::Bool(value),
            Self::Unsigned(value) => NodeValue::Unsigned(value),
            Self::Signed(value) => NodeValue::Signed(value),
            Self::Float(value) => NodeValue::Float(value),
            Self::Text(value) => NodeValue::Text(value),
            Self::List(items) => NodeValue::List(items.into_iter().map(Self::into_node).collect()),
            Self::Map(entries) => NodeValue::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let key_at = position(key.referenced).unwrap_or(at);
                        (Key { at: key_at, text: key.value }, Self::into_node(value))
                    })
                    .collect(),
            ),
        };
        Node { at, value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(u64::try_from(value).map_or(Value::Signed(value), Value::Unsigned))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match value.is_finite() {
            true => Ok(Value::Float(value)),
            false => Err(E::custom("not a finite number")),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries: Vec<(Spanned<String>, Spanned<Value>)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}
