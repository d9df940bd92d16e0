//! Configuration as it was written: values that remember their line and column.
//!
//! YAML is read once into a [`Node`] tree; typed shapes are then read from the tree, so that
//! whatever is wrong with a value is reported where the value stands.

mod reader;
mod yaml;

use std::fmt;

use bakerst_model::Code;
use serde::de::DeserializeOwned;

/// A place in a text, counted from 1.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The stable code.
    pub code: Code,
    /// Where, when it is one place.
    pub at: Option<Position>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What was perhaps meant, or what would do.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault at no particular place yet.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, at: None, message: message.into(), hint: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same fault at `at`, unless a closer place is known.
    #[must_use]
    pub fn at(self, at: Position) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }

    pub(crate) fn unknown_name(kind: &str, name: &str, known: &[&str]) -> Self {
        let fault = Self::new(
            Code::ConfigField,
            format!("unknown {kind} `{}`", bakerst_model::Escaped(name)),
        );
        match nearest(name, known) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint(format!("expected one of: {}", known.join(", "))),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.at {
            write!(f, "line {line}, column {column}: ")?;
        }
        write!(f, "{} {}", self.code, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for Fault {}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    at: Position,
    value: NodeValue,
}

#[derive(Clone, Debug, PartialEq)]
enum NodeValue {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Clone, Debug, PartialEq)]
struct Key {
    at: Position,
    text: String,
}

impl Node {
    /// Reads one YAML document of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// Says where the text stops being YAML, or names a key twice, or grows beyond bounds.
    pub fn parse_yaml(text: &str, bytes_max: usize) -> Result<Self, Fault> {
        yaml::parse(text, bytes_max)
    }

    /// A mapping with nothing in it.
    #[must_use]
    pub fn empty() -> Self {
        Self { at: Position { line: 1, column: 1 }, value: NodeValue::Map(Vec::new()) }
    }

    /// Where the value stands.
    #[must_use]
    pub fn at(&self) -> Position {
        self.at
    }

    /// Reads the value as a typed shape.
    ///
    /// # Errors
    /// Says which field or value does not fit, where, and what was expected.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        T::deserialize(self).map_err(|fault: Fault| fault.at(self.at))
    }

    /// The text, when the value is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value under `name`, when this is a mapping that has it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        let NodeValue::Map(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// Where the name `name` stands, when this is a mapping that has it.
    #[must_use]
    pub fn place_of(&self, name: &str) -> Option<Position> {
        let NodeValue::Map(entries) = &self.value else { return None };
        entries.iter().find(|(key, _)| key.text == name).map(|(key, _)| key.at)
    }

    /// The entries of a mapping that has no fields but `known`.
    ///
    /// # Errors
    /// When this is no mapping, or it names anything else.
    pub fn fields(&self, known: &[&str]) -> Result<Vec<(&str, &Node)>, Fault> {
        let entries = self.entries()?;
        let stray = entries.iter().find(|(key, _)| !known.contains(&key.text.as_str()));
        if let Some((key, _)) = stray {
            return Err(Fault::unknown_name("field", &key.text, known).at(key.at));
        }
        Ok(entries.iter().map(|(key, node)| (key.text.as_str(), node)).collect())
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// When this is no list.
    pub fn items(&self) -> Result<&[Node], Fault> {
        match &self.value {
            NodeValue::List(items) => Ok(items),
            _ => Err(self.unexpected("a list")),
        }
    }

    fn entries(&self) -> Result<&[(Key, Node)], Fault> {
        match &self.value {
            NodeValue::Map(entries) => Ok(entries),
            NodeValue::Null => Ok(&[]),
            _ => Err(self.unexpected("a mapping")),
        }
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let message = format!("expected {wanted}, found {}", self.value.kind());
        Fault::new(Code::ConfigValue, message).at(self.at)
    }
}

impl NodeValue {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Unsigned(_) | Self::Signed(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// The known name that `word` is most likely a slip of the pen for.
#[must_use]
pub fn nearest<'n>(word: &str, known: &[&'n str]) -> Option<&'n str> {
    let word: String = word.chars().take(64).collect();
    let close = |name: &&str| distance(&word, name);
    let best = known.iter().copied().min_by_key(close)?;
    (distance(&word, best) <= 1 + best.chars().count() / 4).then_some(best)
}

/// Edits between two short texts: insert, delete, replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        row.first_mut().into_iter().for_each(|first| *first = i + 1);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
