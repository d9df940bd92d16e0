//! The texts within a JSON value.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use crate::way::Way;

/// Calls `see` with the pointer and text of every value that can come from somewhere: texts, and
/// numbers as they are written. It ends when `see` says `false`.
pub(super) fn texts(value: &Value, see: &mut impl FnMut(&str, Cow<'_, str>) -> bool) -> bool {
    walk(value, &mut Way::default(), see)
}

fn walk(value: &Value, way: &mut Way, see: &mut impl FnMut(&str, Cow<'_, str>) -> bool) -> bool {
    let mut below = |way: &mut Way, from: usize, value: &Value| {
        let goes_on = walk(value, way, see);
        way.back(from);
        goes_on
    };
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => see(way.as_str(), Cow::Borrowed(text)),
        Value::Number(number) => see(way.as_str(), Cow::Owned(number.to_string())),
        Value::Array(items) => items.iter().enumerate().all(|(place, item)| {
            let from = way.enter_place(place);
            below(way, from, item)
        }),
        Value::Object(fields) => fields.iter().all(|(name, field)| {
            let from = way.enter(name);
            below(way, from, field)
        }),
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
    // Most texts hold none, which is soon told.
    let text = if may_hold_links(text) { text } else { "" };
    text.split(ends).filter_map(move |chunk| {
        let start = at;
        at += chunk.len() + text.get(at + chunk.len()..)?.chars().next().map_or(0, char::len_utf8);
        let word = chunk.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        is_link(word).then_some(start..start + word.len())
    })
}

/// Whether any word of a text may be an address on the web.
fn may_hold_links(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr3_iter(b':', b'w', b'W', bytes).any(|at| {
        let sign = bytes.get(at..at + 3);
        sign.is_some_and(|sign| sign == b"://" || sign.eq_ignore_ascii_case(b"www"))
    })
}

/// Whether a word is an address on the web.
pub(crate) fn is_link(word: &str) -> bool {
    let starts = |with: &str| word.get(..with.len()).is_some_and(|w| w.eq_ignore_ascii_case(with));
    (word.contains("://") && word.len() > 8) || (starts("www.") && word.len() > 6)
}
