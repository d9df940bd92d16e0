//! Values without their secrets.

mod names;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bakerst_detect::redact::{Action, Kind, Pseudonyms, Redaction, Redactor};
use bakerst_model::{Code, Reason, ToolName};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Mode;
use crate::way::Way;

pub use names::NameBook;

/// The longest value that is read together with its name. What a name makes a secret is shorter.
const NAMED_BYTES_MAX: usize = 8 << 10;
/// How much of a name is read with a value: its end, where it says what the value is.
const NAME_BYTES_MAX: usize = 64;

/// A tool's result without its secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Sanitized {
    /// The result; null where it is withheld.
    pub value: Value,
    /// What was found.
    pub findings: Vec<OutputFinding>,
    /// Why the result must not be handed out at all.
    pub withheld: Option<Reason>,
}

/// One thing that was found in a result.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OutputFinding {
    /// Where, as a JSON pointer.
    pub path: String,
    /// What stands there now, or would if it had been replaced.
    pub placeholder: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of something that was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// A placeholder stands in its place.
    Replaced,
    /// It was noted, and is still there.
    Noted,
    /// The whole result is withheld because of it.
    Blocked,
}

/// What a policy takes out of results.
#[derive(Debug)]
pub(crate) struct Sanitizer {
    pub(crate) mode: Mode,
    pub(crate) everywhere: Redactor,
    /// For the tools that have settings of their own.
    pub(crate) tools: BTreeMap<String, Redactor>,
    pub(crate) pseudonyms: bool,
}

impl Sanitizer {
    pub(crate) fn sanitize(
        &self,
        tool: &ToolName,
        mut value: Value,
        names: Option<&mut Pseudonyms>,
    ) -> Sanitized {
        let redactor = self.tools.get(tool.as_str()).unwrap_or(&self.everywhere);
        let mut cleaner = Cleaner::new(redactor, names.filter(|_| self.pseudonyms));
        if self.mode == Mode::Monitor {
            cleaner.clean(&mut value.clone());
            let noted = |finding| OutputFinding { fate: Fate::Noted, ..finding };
            let findings = cleaner.findings.into_iter().map(noted).collect();
            return Sanitized { value, findings, withheld: None };
        }
        cleaner.clean(&mut value);
        let Cleaner { findings, blocked, .. } = cleaner;
        if blocked.is_empty() {
            return Sanitized { value, findings, withheld: None };
        }
        let kinds: Vec<&str> = blocked.into_iter().map(Kind::as_str).collect();
        let message =
            format!("the result of `{tool}` holds what the policy blocks: {}", kinds.join(", "));
        let withheld = Some(Reason::new(Code::OutputBlocked, message));
        Sanitized { value: Value::Null, findings, withheld }
    }
}

/// Goes through a value: replaces in every string, every key and every number, and notes where.
pub(crate) struct Cleaner<'r> {
    redactor: &'r Redactor,
    names: Option<&'r mut Pseudonyms>,
    way: Way,
    /// Where a value is written out with its name.
    field: String,
    pub(crate) findings: Vec<OutputFinding>,
    blocked: BTreeSet<Kind>,
}

impl<'r> Cleaner<'r> {
    pub(crate) fn new(redactor: &'r Redactor, names: Option<&'r mut Pseudonyms>) -> Self {
        let (way, field) = (Way::default(), String::new());
        Self { redactor, names, way, field, findings: Vec::new(), blocked: BTreeSet::new() }
    }

    pub(crate) fn clean(&mut self, value: &mut Value) {
        self.value(value, "");
    }

    /// `name` is the nearest key around the value: `hunter2` is a password under `password`.
    fn value(&mut self, value: &mut Value, name: &str) {
        match value {
            Value::String(text) => {
                if let Some(clean) = self.text(text, name) {
                    *text = clean;
                }
            }
            // A card's number is one as a number too.
            Value::Number(number) => {
                if let Some(clean) = self.text(&number.to_string(), name) {
                    *value = Value::String(clean);
                }
            }
            Value::Array(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    let from = self.way.enter_place(place);
                    self.value(item, name);
                    self.way.back(from);
                }
            }
            Value::Object(fields) => self.fields(fields),
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn fields(&mut self, fields: &mut Map<String, Value>) {
        // Hardly any key is changed, and those before the first one stay where they are.
        let mut changed = None;
        for (place, (key, field)) in fields.iter_mut().enumerate() {
            match self.text(key, "") {
                None => self.field(key, key, field),
                Some(name) => {
                    changed = Some((place, name));
                    break;
                }
            }
        }
        if let Some((place, name)) = changed {
            *fields = self.rest(std::mem::take(fields), place, name);
        }
    }

    /// The fields anew, from one on whose key has become `name`; those before it are done.
    fn rest(
        &mut self,
        fields: Map<String, Value>,
        from: usize,
        name: String,
    ) -> Map<String, Value> {
        let (mut clean, mut first) = (Map::new(), Some(name));
        for (place, (key, mut field)) in fields.into_iter().enumerate() {
            if place < from {
                clean.insert(key, field);
                continue;
            }
            let name = first.take().or_else(|| self.text(&key, ""));
            let mut name = name.unwrap_or_else(|| key.clone());
            // Two keys that were secrets must not become one field.
            while clean.contains_key(&name) {
                name.push('\'');
            }
            self.field(&key, &name, &mut field);
            clean.insert(name, field);
        }
        clean
    }

    /// One field, whose key may have another name by now.
    fn field(&mut self, key: &str, name: &str, field: &mut Value) {
        let from = self.way.enter(name);
        self.value(field, key);
        self.way.back(from);
    }

    /// A text without what the rules find in it, if that changes it.
    fn text(&mut self, text: &str, name: &str) -> Option<String> {
        self.named_text(text, name).unwrap_or_else(|| {
            let redaction = self.redact(text);
            self.note(&redaction);
            match redaction.text {
                Cow::Borrowed(_) => None,
                Cow::Owned(clean) => Some(clean),
            }
        })
    }

    /// The same, read as the value of a field of that name; none where it cannot be read so.
    fn named_text(&mut self, text: &str, name: &str) -> Option<Option<String>> {
        if name.is_empty() || text.len() > NAMED_BYTES_MAX {
            return None;
        }
        let quote = ["\"", "'", "`"].into_iter().find(|quote| !text.contains(*quote))?;
        let from = name.ceil_char_boundary(name.len().saturating_sub(NAME_BYTES_MAX));
        let name = name.get(from..)?;
        let mut field = std::mem::take(&mut self.field);
        field.clear();
        field.extend([quote, name, quote, ": ", quote, text, quote]);
        let start = name.len() + 5;
        let clean = self.field_text(&field, start..start + text.len(), quote);
        self.field = field;
        clean
    }

    /// A value without what the rules find in it, where it stands behind its name.
    fn field_text(&mut self, field: &str, at: Range<usize>, quote: &str) -> Option<Option<String>> {
        let redaction = self.redact(field);
        // Keys are read by themselves; what reaches from one into its value is left to that.
        if redaction.findings.first().is_some_and(|found| found.span.start < at.start) {
            return None;
        }
        self.note(&redaction);
        let clean = match &redaction.text {
            Cow::Borrowed(_) => return Some(None),
            Cow::Owned(clean) => clean.get(at.start..).unwrap_or_default(),
        };
        let ends_inside = redaction.findings.last().is_none_or(|found| found.span.end <= at.end);
        let clean = if ends_inside { clean.strip_suffix(quote).unwrap_or(clean) } else { clean };
        Some(Some(clean.to_owned()))
    }

    fn redact<'t>(&mut self, text: &'t str) -> Redaction<'t> {
        match &mut self.names {
            Some(names) => self.redactor.redact_named(text, names),
            None => self.redactor.redact(text),
        }
    }

    fn note(&mut self, redaction: &Redaction<'_>) {
        for found in &redaction.findings {
            let fate = match found.action {
                Action::Report => Fate::Noted,
                Action::Mask => Fate::Replaced,
                Action::Block => Fate::Blocked,
            };
            self.blocked.extend(found.kind.filter(|_| fate == Fate::Blocked));
            let path = self.way.as_str().to_owned();
            let placeholder = found.placeholder.clone();
            self.findings.push(OutputFinding { path, placeholder, fate });
        }
    }
}
