//! Bytes that must stand in a line for it to match.

use memchr::memmem::Finder;

/// A value of a filter, as bytes to look for before anything is parsed.
///
/// JSON may write one text in many ways: `/` as `\/`, any character as `\u….`. Characters that have
/// no escape but `\u` are called plain here; the longest run of plain ones stands in the line as it
/// is, unless the line holds a `\u`, and then the needle says nothing.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    run: Finder<'static>,
}

impl Needle {
    /// The needle of a value; `None` when nothing of it is plain, and any line may hold it.
    pub(super) fn new(value: &str) -> Option<Self> {
        let run = value.split(is_escaped).max_by_key(|run| run.len())?;
        (!run.is_empty()).then(|| Self { run: Finder::new(run).into_owned() })
    }

    /// Whether the line holds the bytes as they are.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.run.find(line).is_some()
    }
}

/// Whether JSON has another way to write a character than itself and `\u`.
pub(super) fn is_escaped(c: char) -> bool {
    matches!(c, '"' | '\\' | '/') || c.is_control()
}
