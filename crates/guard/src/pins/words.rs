//! What of a tool's description is wording, and what was added to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keys whose texts are for readers, wherever they stand beside a schema's own.
const WORDING: [&str; 3] = ["description", "title", "$comment"];
/// Keys whose values are mappings of names: nothing in there is a key of a schema.
const NAMES: [&str; 5] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keys whose values mean what they are, down to the last letter.
const VALUES: [&str; 4] = ["enum", "const", "default", "examples"];
/// Comparing two texts takes as many steps as one has words times the other.
const STEPS_MAX: usize = 4_000_000;

/// A description taken apart: what is left without its wording, and the wording by its place.
pub(super) struct Parts {
    pub(super) structure: Value,
    pub(super) texts: BTreeMap<String, String>,
}

impl Parts {
    pub(super) fn of(fields: &Map<String, Value>) -> Self {
        let mut texts = BTreeMap::new();
        let structure =
            strip(&Value::Object(fields.clone()), false, &mut String::new(), &mut texts);
        Self { structure, texts }
    }
}

fn strip(
    value: &Value,
    names: bool,
    path: &mut String,
    texts: &mut BTreeMap<String, String>,
) -> Value {
    let length = path.len();
    match value {
        Value::Object(fields) => {
            let mut rest = Map::new();
            for (key, field) in fields {
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                match field {
                    Value::String(text) if !names && WORDING.contains(&key.as_str()) => {
                        texts.insert(path.clone(), text.clone());
                    }
                    _ if !names && VALUES.contains(&key.as_str()) => {
                        rest.insert(key.clone(), field.clone());
                    }
                    _ => {
                        let names = !names && NAMES.contains(&key.as_str());
                        rest.insert(key.clone(), strip(field, names, path, texts));
                    }
                }
                path.truncate(length);
            }
            Value::Object(rest)
        }
        Value::Array(items) => {
            let stripped = items.iter().enumerate().map(|(place, item)| {
                path.push_str(&format!("/{place}"));
                let item = strip(item, false, path, texts);
                path.truncate(length);
                item
            });
            Value::Array(stripped.collect())
        }
        _ => value.clone(),
    }
}

/// The runs of words in `new` that are not in `old`, in order.
pub(super) fn added<'n>(old: &str, new: &'n str) -> Vec<&'n str> {
    let old: Vec<&str> = old.split_whitespace().collect();
    let words = words(new);
    if old.len().saturating_mul(words.len()) > STEPS_MAX {
        return vec![new];
    }
    let kept = common(&old, &words);
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut open = false;
    for (at, (start, word)) in words.iter().enumerate() {
        let end = start + word.len();
        if kept.get(at).copied().unwrap_or_default() {
            open = false;
        } else if let (true, Some(last)) = (open, runs.last_mut()) {
            last.1 = end;
        } else {
            runs.push((*start, end));
            open = true;
        }
    }
    runs.into_iter().filter_map(|(start, end)| new.get(start..end)).collect()
}

fn words(text: &str) -> Vec<(usize, &str)> {
    let begin = text.as_ptr() as usize;
    text.split_whitespace().map(|word| (word.as_ptr() as usize - begin, word)).collect()
}

/// For each new word, whether it belongs to the longest run of words that both have in order.
fn common(old: &[&str], new: &[(usize, &str)]) -> Vec<bool> {
    let width = new.len() + 1;
    let mut table = vec![0_u32; (old.len() + 1) * width];
    let at =
        |table: &[u32], i: usize, j: usize| table.get(i * width + j).copied().unwrap_or_default();
    for (i, a) in old.iter().enumerate().rev() {
        for (j, (_, b)) in new.iter().enumerate().rev() {
            let longest = match a == b {
                true => at(&table, i + 1, j + 1) + 1,
                false => at(&table, i + 1, j).max(at(&table, i, j + 1)),
            };
            table.iter_mut().skip(i * width + j).take(1).for_each(|cell| *cell = longest);
        }
    }
    let (mut kept, mut i, mut j) = (vec![false; new.len()], 0, 0);
    while let (Some(a), Some((_, b))) = (old.get(i), new.get(j)) {
        if a == b {
            kept.iter_mut().skip(j).take(1).for_each(|keep| *keep = true);
            (i, j) = (i + 1, j + 1);
        } else if at(&table, i + 1, j) >= at(&table, i, j + 1) {
            i += 1;
        } else {
            j += 1;
        }
    }
    kept
}

/// Whether a word says where something could go: an address, a host, a person, a place on a disk.
pub(super) fn is_destination(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && !"/~$".contains(c));
    if word.contains("://") || word.contains("www.") {
        return true;
    }
    if word.starts_with(['/', '~', '$']) && word.len() > 1 {
        return true;
    }
    if word.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty()) {
        return true;
    }
    // A name of two labels or more that ends in letters, or an address in numbers.
    let labels: Vec<&str> = word.split(['/', ':']).next().unwrap_or_default().split('.').collect();
    let last = labels.last().copied().unwrap_or_default();
    let ends = last.len() >= 2 && last.chars().all(char::is_alphabetic);
    let plain = labels.iter().all(|label| {
        !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    });
    plain && ((labels.len() >= 2 && ends) || word.parse::<std::net::IpAddr>().is_ok())
}
