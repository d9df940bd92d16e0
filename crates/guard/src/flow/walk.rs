//! The texts within a JSON value.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

/// Calls `see` with the pointer and text of every value that can come from somewhere: texts, and
/// numbers as they are written. It ends when `see` says `false`.
pub(super) fn texts(value: &Value, see: &mut impl FnMut(&str, Cow<'_, str>) -> bool) -> bool {
    walk(value, &mut String::new(), see)
}

fn walk(value: &Value, at: &mut String, see: &mut impl FnMut(&str, Cow<'_, str>) -> bool) -> bool {
    let length = at.len();
    let mut below = |at: &mut String, step: &str, value: &Value| {
        at.push('/');
        at.push_str(step);
        let goes_on = walk(value, at, see);
        at.truncate(length);
        goes_on
    };
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => see(at, Cow::Borrowed(text)),
        Value::Number(number) => see(at, Cow::Owned(number.to_string())),
        Value::Array(items) => {
            items.iter().enumerate().all(|(place, item)| below(at, &place.to_string(), item))
        }
        Value::Object(fields) => fields
            .iter()
            .all(|(name, field)| below(at, &name.replace('~', "~0").replace('/', "~1"), field)),
    }
}

/// The names on the way to a value, from its pointer: list places left out.
pub(crate) fn names(pointer: &str) -> impl DoubleEndedIterator<Item = Cow<'_, str>> {
    let (_, steps) = pointer.split_once('/').unwrap_or_default();
    let steps = steps.split('/').filter(|step| !step.bytes().all(|b| b.is_ascii_digit()));
    steps.map(|step| match step.contains('~') {
        true => Cow::Owned(step.replace("~1", "/").replace("~0", "~")),
        false => Cow::Borrowed(step),
    })
}

/// The name of a value, from its pointer.
pub(crate) fn last_name(pointer: &str) -> Option<Cow<'_, str>> {
    names(pointer).next_back()
}

/// The links within a text: what has a scheme, or begins as hosts of the web do.
pub(super) fn links(text: &str) -> impl Iterator<Item = Range<usize>> {
    let ends = |c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '(' | ')' | '[' | ']' | '|')
    };
    let mut at = 0;
    text.split(ends).filter_map(move |chunk| {
        let start = at;
        at += chunk.len() + text.get(at + chunk.len()..)?.chars().next().map_or(0, char::len_utf8);
        let word = chunk.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        is_link(word).then_some(start..start + word.len())
    })
}

/// Whether a word is an address on the web.
pub(crate) fn is_link(word: &str) -> bool {
    let starts = |with: &str| word.get(..with.len()).is_some_and(|w| w.eq_ignore_ascii_case(with));
    (word.contains("://") && word.len() > 8) || (starts("www.") && word.len() > 6)
}
