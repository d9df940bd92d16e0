//! The servers that a configuration names, and where everything of theirs stands in its text.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::{KEYS, PROJECTS};

/// A server in a configuration.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The keys that lead to it.
    pub(crate) path: Vec<String>,
    /// What is said of it; nothing where that is no object.
    pub(crate) fields: Option<BTreeMap<String, Field>>,
}

/// One thing that is said of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// What it is.
    pub(crate) value: Value,
    /// Where it stands.
    pub(crate) span: Range<usize>,
    /// Where each item of a list stands.
    pub(crate) items: Vec<Range<usize>>,
}

impl Entry {
    /// What its client calls it.
    pub(crate) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// The folder of the project that it belongs to.
    pub(crate) fn project(&self) -> Option<PathBuf> {
        match self.path.as_slice() {
            [projects, folder, _, _] if projects == PROJECTS => Some(PathBuf::from(folder)),
            _ => None,
        }
    }

    /// One thing that is said of it.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.as_ref()?.get(name)
    }

    /// One text that is said of it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.field(name)?.value.as_str()
    }

    /// The program and its arguments, where all of them are texts.
    pub(crate) fn command(&self) -> Option<Vec<String>> {
        let mut command = vec![self.text("command")?.to_owned()];
        match self.field("args").map(|field| &field.value) {
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => {
                for item in items {
                    command.push(item.as_str()?.to_owned());
                }
            }
            Some(_) => return None,
        }
        Some(command)
    }
}

type Raws<'t> = BTreeMap<String, &'t RawValue>;

/// The servers in a text of plain JSON.
pub(super) fn of_json(plain: &str) -> Result<Vec<Entry>, String> {
    let root: Raws<'_> = serde_json::from_str(plain).map_err(|e| e.to_string())?;
    let mut entries = Vec::new();
    for key in KEYS {
        if let Some(servers) = root.get(key).and_then(|raw| object(raw)) {
            entries.extend(of_map(plain, &[key], &servers));
        }
    }
    let projects = root.get(PROJECTS).and_then(|raw| object(raw));
    for (folder, project) in projects.into_iter().flatten() {
        let [key, ..] = KEYS;
        let project = object(project);
        if let Some(servers) = project.as_ref().and_then(|project| object(project.get(key)?)) {
            entries.extend(of_map(plain, &[PROJECTS, &folder, key], &servers));
        }
    }
    Ok(entries)
}

fn object<'t>(raw: &'t RawValue) -> Option<Raws<'t>> {
    serde_json::from_str(raw.get()).ok()
}

fn of_map<'e>(
    plain: &'e str,
    path: &'e [&str],
    servers: &'e Raws<'e>,
) -> impl Iterator<Item = Entry> + 'e {
    servers.iter().map(|(name, raw)| {
        let fields = object(raw).map(|fields| {
            let field = |(name, raw): (String, &RawValue)| Some((name, field(plain, raw)?));
            fields.into_iter().filter_map(field).collect()
        });
        Entry {
            path: path.iter().copied().chain([name.as_str()]).map(str::to_owned).collect(),
            fields,
        }
    })
}

fn field(plain: &str, raw: &RawValue) -> Option<Field> {
    let items: Vec<&RawValue> = match raw.get().starts_with('[') {
        true => serde_json::from_str(raw.get()).ok()?,
        false => Vec::new(),
    };
    let items = items.into_iter().map(|item| place(plain, item.get())).collect();
    let value = serde_json::from_str(raw.get()).ok()?;
    Some(Field { value, span: place(plain, raw.get()), items })
}

/// Where a part of a text stands in it.
fn place(whole: &str, part: &str) -> Range<usize> {
    let from = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    from..from + part.len()
}

/// The servers in a text of TOML that says `value`.
pub(super) fn of_toml(text: &str, value: &Value) -> Result<Vec<Entry>, String> {
    let root = DeTable::parse(text).map_err(|e| super::first_line(&e.to_string()))?;
    let mut entries = Vec::new();
    for key in KEYS {
        let Some(DeValue::Table(servers)) = root.get_ref().get(key).map(toml::Spanned::get_ref)
        else {
            continue;
        };
        for (name, server) in servers {
            let name = name.get_ref().as_ref();
            let said = value.get(key).and_then(|servers| servers.get(name));
            let fields = match server.get_ref() {
                DeValue::Table(fields) => Some(
                    fields
                        .iter()
                        .filter_map(|(name, field)| {
                            let name = name.get_ref().as_ref();
                            let items = match field.get_ref() {
                                DeValue::Array(items) => {
                                    items.iter().map(toml::Spanned::span).collect()
                                }
                                _ => Vec::new(),
                            };
                            let value = said?.get(name)?.clone();
                            Some((name.to_owned(), Field { value, span: field.span(), items }))
                        })
                        .collect(),
                ),
                _ => None,
            };
            entries.push(Entry { path: vec![key.to_owned(), name.to_owned()], fields });
        }
    }
    Ok(entries)
}
