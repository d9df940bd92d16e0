//! Words, and what is left of them once a shell has expanded what can be known.

use std::collections::HashMap;
use std::ops::Range;

/// Stands in an expanded word for what a substitution prints.
pub(super) const HOLE_RUN: char = '\0';
/// Stands in an expanded word for the unknown value of a variable.
pub(super) const HOLE_VAR: char = '\u{1}';

/// The longest value of a variable that is followed.
const VALUE_BYTES_MAX: usize = 4096;
/// The most words that braces are expanded to.
const BRACE_WORDS_MAX: usize = 64;

/// A word as it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) parts: Vec<Part>,
    /// Some of it was quoted or escaped.
    pub(super) quoted: bool,
    /// It holds an unquoted `*`, `?` or `[`.
    pub(super) glob: bool,
    /// It holds unquoted braces that may expand.
    pub(super) brace: bool,
}

/// A piece of a word.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// What it says.
    Literal(String),
    /// The value of a variable.
    Variable { name: String, quoted: bool },
    /// What the commands in this range print, or what cannot be known at all.
    Hole {
        run: Option<Range<usize>>,
        quoted: bool,
        /// It stands for a file with what they print, as `<(…)` does.
        file: bool,
    },
}

impl Word {
    /// A word of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self { parts: vec![Part::Hole { run: None, quoted: true, file: false }], ..Self::default() }
    }

    pub(super) fn from_literal(text: &str) -> Self {
        Self { parts: vec![Part::Literal(text.to_owned())], ..Self::default() }
    }

    /// Adds a character that means itself.
    pub(super) fn push(&mut self, c: char) {
        match self.parts.last_mut() {
            Some(Part::Literal(text)) => text.push(c),
            _ => self.parts.push(Part::Literal(c.into())),
        }
    }

    /// Adds text that means itself.
    pub(super) fn push_str(&mut self, more: &str) {
        match self.parts.last_mut() {
            Some(Part::Literal(text)) => text.push_str(more),
            _ => self.parts.push(Part::Literal(more.to_owned())),
        }
    }

    /// The text, where nothing in it is expanded.
    pub(super) fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

/// A word after expansion, as far as that is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Arg {
    /// The text; [`HOLE_RUN`] and [`HOLE_VAR`] stand for what is not known.
    pub(super) text: String,
    /// It holds a pattern that the shell replaces by the files that match.
    pub(super) glob: bool,
    /// A variable, even one whose value is known, went into it.
    pub(super) variable: bool,
    /// The substitutions that went into it.
    pub(super) runs: Vec<Range<usize>>,
}

impl Arg {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Whether some of it is not known.
    pub(super) fn has_hole(&self) -> bool {
        has_hole(&self.text)
    }
}

/// Whether some of `text` is not known.
pub(super) fn has_hole(text: &str) -> bool {
    text.bytes().any(|b| b < 2)
}

/// Variables of a script: a value where every assignment in the text gives that one.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: HashMap<String, Option<String>>,
    /// Something may have changed any of them.
    pub(super) lost: bool,
}

impl Variables {
    /// Takes note of an assignment; a second, different value makes the variable unknown.
    pub(super) fn assign(&mut self, name: &str, value: Option<&str>) {
        let value = value.filter(|v| v.len() <= VALUE_BYTES_MAX && !has_hole(v));
        match self.values.get_mut(name) {
            Some(old) if old.as_deref() != value => *old = None,
            Some(_) => {}
            None => {
                self.values.insert(name.to_owned(), value.map(str::to_owned));
            }
        }
    }

    /// Makes a variable unknown for good.
    pub(super) fn lose(&mut self, name: &str) {
        self.values.insert(name.to_owned(), None);
    }

    fn value(&self, name: &str) -> Option<&str> {
        if self.lost {
            return None;
        }
        self.values.get(name)?.as_deref()
    }

    fn knows(&self, name: &str) -> bool {
        self.lost || self.values.contains_key(name)
    }
}

/// Expands one word to any number of them; `printed` answers what a substitution prints, where
/// that is known.
pub(super) fn expand(
    word: &Word,
    variables: &Variables,
    printed: &dyn Fn(&Range<usize>) -> Option<String>,
    out: &mut Vec<Arg>,
) {
    if let (true, Some(text)) = (word.brace, word.literal()) {
        for text in braces(text) {
            out.push(Arg { text, glob: word.glob, ..Arg::default() });
        }
        return;
    }
    let mut now = Arg { glob: word.glob, ..Arg::default() };
    let mut started = word.quoted;
    for part in &word.parts {
        match part {
            Part::Literal(text) => {
                now.text.push_str(text);
                started = true;
            }
            Part::Variable { name, quoted } => {
                now.variable = true;
                let value = match name.as_str() {
                    "IFS" if !variables.knows("IFS") => Some(" "),
                    _ => variables.value(name),
                };
                match value {
                    Some(value) if *quoted => now.text.push_str(value),
                    Some(value) => split_into(value, &mut now, &mut started, out),
                    None => {
                        now.text.push(HOLE_VAR);
                        started = true;
                    }
                }
            }
            Part::Hole { run, quoted, file } => {
                let known = run.as_ref().filter(|_| !file).and_then(printed);
                now.runs.extend(run.clone());
                match known {
                    Some(text) if *quoted => now.text.push_str(&text),
                    Some(text) => split_into(&text, &mut now, &mut started, out),
                    None => {
                        now.text.push(HOLE_RUN);
                        started = true;
                    }
                }
            }
        }
    }
    if started {
        out.push(now);
    }
}

/// Splits an unquoted value at its blanks, as the shell does.
fn split_into(value: &str, now: &mut Arg, started: &mut bool, out: &mut Vec<Arg>) {
    now.glob |= value.contains(['*', '?', '[']);
    for (i, field) in value.split([' ', '\t', '\n']).enumerate() {
        if i > 0 && (*started || !now.text.is_empty()) {
            let next = Arg { variable: true, glob: now.glob, ..Arg::default() };
            out.push(std::mem::replace(now, next));
            *started = false;
        }
        if !field.is_empty() {
            now.text.push_str(field);
            *started = true;
        }
    }
}

/// Expands `a{b,c}d`; what grows too large stays as it is written.
pub(super) fn braces(text: &str) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut todo = vec![text.to_owned()];
    while let Some(text) = todo.pop() {
        if done.len() + todo.len() >= BRACE_WORDS_MAX {
            done.push(text);
            continue;
        }
        match first_braces(&text) {
            None => done.push(text),
            Some((open, close, choices)) => {
                let head = text.get(..open).unwrap_or_default();
                let tail = text.get(close + 1..).unwrap_or_default();
                todo.extend(choices.iter().rev().map(|choice| format!("{head}{choice}{tail}")));
            }
        }
    }
    done.retain(|word| !word.is_empty());
    done
}

/// The first pair of braces that holds a comma at its own level.
fn first_braces(text: &str) -> Option<(usize, usize, Vec<&str>)> {
    let open = text.find('{')?;
    let (mut depth, mut from, mut choices) = (0_u32, open + 1, Vec::new());
    for (at, b) in text.bytes().enumerate().skip(open) {
        match b {
            b'{' => depth += 1,
            b',' if depth == 1 => {
                choices.push(text.get(from..at)?);
                from = at + 1;
            }
            b'}' if depth == 1 => {
                choices.push(text.get(from..at)?);
                return (choices.len() > 1).then_some((open, at, choices));
            }
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
