//! Strict JSON: what two parsers could read differently is not read at all.
//!
//! A duplicate key lets a guard see one value and the tool another, so it is refused; so are
//! invalid UTF-8, `NaN` and whatever nests deeper than the limit.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Depth at which the parser below stops by itself, whatever the limit says.
pub const DEPTH_CEILING: usize = 120;

/// Why a text is not accepted as JSON.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than the limit.
    #[error("{bytes} bytes are more than `body_bytes_max` allows ({max})")]
    TooLong {
        /// How many there were.
        bytes: usize,
        /// How many are allowed.
        max: usize,
    },
    /// Not UTF-8.
    #[error("byte {at} is not valid UTF-8")]
    NotUtf8 {
        /// Offset of the first bad byte.
        at: usize,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than `json_depth_max` allows ({max})")]
    TooDeep {
        /// How deep is allowed.
        max: usize,
    },
    /// One object names a key twice.
    #[error("the key `{key}` occurs twice in one object")]
    DuplicateKey {
        /// The key, escaped for printing.
        key: String,
    },
    /// Anything else that is not JSON.
    #[error("{message}")]
    Syntax {
        /// The parser's own words, with line and column.
        message: String,
    },
}

/// Reads one JSON value from the whole of `bytes`.
///
/// # Errors
/// Says which rule was broken, and where the parser knows it.
pub fn parse(bytes: &[u8], bytes_max: usize, depth_max: usize) -> Result<Value, JsonError> {
    if bytes.len() > bytes_max {
        return Err(JsonError::TooLong { bytes: bytes.len(), max: bytes_max });
    }
    let text =
        std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8 { at: e.valid_up_to() })?;
    let depth_max = depth_max.min(DEPTH_CEILING);
    let broken = Cell::new(None);
    let mut parser = serde_json::Deserializer::from_str(text);
    let strict = Strict { depth_left: depth_max, broken: &broken };
    let read = strict.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    read.map_err(|error| match broken.take() {
        Some(Rule::Depth) => JsonError::TooDeep { max: depth_max },
        Some(Rule::DuplicateKey(key)) => JsonError::DuplicateKey { key },
        None => JsonError::Syntax { message: error.to_string() },
    })
}

/// The rule of ours that a text broke; serde's errors carry only words.
enum Rule {
    Depth,
    DuplicateKey(String),
}

#[derive(Clone, Copy)]
struct Strict<'c> {
    depth_left: usize,
    broken: &'c Cell<Option<Rule>>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left, ..self }),
            None => {
                self.broken.set(Some(Rule::Depth));
                Err(E::custom("too deep"))
            }
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                let key = crate::Escaped(&key).to_string();
                self.broken.set(Some(Rule::DuplicateKey(key)));
                return Err(A::Error::custom("duplicate key"));
            }
            let value = map.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &[u8], want: &str) {
        let got = parse(text, 64, 4).map_or_else(|e| format!("error: {e}"), |v| v.to_string());
        assert_eq!(got, want);
    }

    #[test]
    fn only_what_every_parser_reads_alike_is_read() {
        check(br#"{"a":[1,-2,0.5,null,true,"x"]}"#, r#"{"a":[1,-2,0.5,null,true,"x"]}"#);
        check(br#"{"a":1,"b":{"a":2}}"#, r#"{"a":1,"b":{"a":2}}"#);
        check(br#"{"a":1,"a":2}"#, "error: the key `a` occurs twice in one object");
        check(br#"{"a":1,"\u0061":2}"#, "error: the key `a` occurs twice in one object");
        check(b"[[[[1]]]]", "[[[[1]]]]");
        check(b"[[[[[1]]]]]", "error: nested deeper than `json_depth_max` allows (4)");
        check(b"\"\xff\"", "error: byte 1 is not valid UTF-8");
        check(b"NaN", "error: expected value at line 1 column 1");
        check(b"1e999", "error: number out of range at line 1 column 5");
        check(b"1 2", "error: trailing characters at line 1 column 3");
        check(b"", "error: EOF while parsing a value at line 1 column 0");
        check(&[b' '; 65], "error: 65 bytes are more than `body_bytes_max` allows (64)");
    }

    #[test]
    fn ten_thousand_brackets_end_at_the_limit() {
        let bomb = "[".repeat(10_000);
        let refused = parse(bomb.as_bytes(), usize::MAX, usize::MAX);
        assert_eq!(refused, Err(JsonError::TooDeep { max: DEPTH_CEILING }));
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json_on_what_it_accepts(text in r#"[\[\]{}:,"a-c0-9.eE\\ -]{0,40}"#) {
            if let Ok(value) = parse(text.as_bytes(), 1000, 100) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).ok(), Some(value));
            }
        }
    }
}
