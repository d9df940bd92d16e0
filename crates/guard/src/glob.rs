//! Names with `*` in them, and how two of them stand to each other.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A pattern of names, in which `*` stands for any run of characters, none included.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Glob(String);

/// Stands for whatever a `*` matches when two patterns are compared. No name holds it.
const ANYTHING: char = '\0';

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is empty, holds control characters, or looks like another kind of pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty".to_owned());
        }
        if text.chars().any(char::is_control) {
            return Err("the pattern holds a control character".to_owned());
        }
        match text.chars().find(|c| "?[]{}!".contains(*c)) {
            Some(c) => Err(format!("`{c}` means nothing here, only `*` stands for something else")),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names one thing only.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.contains('*')
    }

    /// Whether it matches every name.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.chars().all(|c| c == '*')
    }

    /// Whether it matches `name`.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        // Most patterns differ from most names before their first `*`, or have none.
        let Some(star) = self.0.bytes().position(|byte| byte == b'*') else {
            return *self.0 == *name;
        };
        if !name.as_bytes().starts_with(self.0.as_bytes().get(..star).unwrap_or_default()) {
            return false;
        }
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            // The leftmost place leaves the most room for what follows.
            match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }

    /// Whether it matches whatever `other` matches.
    ///
    /// What a `*` of `other` stands for can only be matched by a `*`, so one name with something
    /// unheard of in its place tells for all.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.matches(&other.0.replace('*', &ANYTHING.to_string()))
    }

    /// Whether some name is matched by both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let theirs: Vec<char> = other.0.chars().collect();
        // `row[j]`: what is left of ours and of theirs from `j` on can be matched by one name.
        let mut row = vec![false; theirs.len() + 1];
        row.iter_mut().next_back().into_iter().for_each(|last| *last = true);
        for (j, c) in theirs.iter().enumerate().rev() {
            let rest = row.get(j + 1).copied().unwrap_or_default();
            row.iter_mut().skip(j).take(1).for_each(|cell| *cell = rest && *c == '*');
        }
        for ours in self.0.chars().rev() {
            let below = row;
            let at = |j: usize| below.get(j).copied().unwrap_or_default();
            row = vec![false; theirs.len() + 1];
            let mut right = at(theirs.len()) && ours == '*';
            row.iter_mut().next_back().into_iter().for_each(|last| *last = right);
            for (j, c) in theirs.iter().enumerate().rev() {
                right = match (ours, *c) {
                    ('*', _) => at(j) || right,
                    (_, '*') => right || at(j),
                    (ours, theirs) => ours == theirs && at(j + 1),
                };
                row.iter_mut().skip(j).take(1).for_each(|cell| *cell = right);
            }
        }
        row.first().copied().unwrap_or_default()
    }

    /// Sorts the more specific of two that cover one another to the front: it says more letters,
    /// or leaves fewer open.
    pub(crate) fn specificity(&self) -> impl Ord + use<> {
        let letters = self.0.chars().filter(|c| *c != '*').count();
        // Stars that stand beside each other are one.
        let gaps = self.0.split(|c| c != '*').filter(|stars| !stars.is_empty()).count();
        (std::cmp::Reverse(letters), gaps)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Glob> for String {
    fn from(Glob(text): Glob) -> Self {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::parse(text).unwrap()
    }

    #[track_caller]
    fn check(pattern: &str, name: &str, want: bool) {
        assert_eq!(glob(pattern).matches(name), want, "{pattern} on {name}");
    }

    #[test]
    fn a_star_is_any_run_and_all_else_is_itself() {
        check("*", "anything", true);
        check("read_*", "read_", true);
        check("read_*", "thread_x", false);
        check("*_file", "read_file", true);
        check("a*b*c", "aXbYc", true);
        check("a*b*c", "aXcYb", false);
        check("ab*ba", "aba", false);
        check("exact", "exact", true);
        check("exact", "exactly", false);
        for wrong in ["", "a?", "[a]", "!x", "a\u{1b}"] {
            assert!(Glob::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn patterns_cover_overlap_or_stand_apart() {
        let covers = |a: &str, b: &str| glob(a).covers(&glob(b));
        assert!(
            covers("*", "a*") && covers("a*", "ab*") && covers("a*", "a*b") && covers("*a*", "a*")
        );
        assert!(!covers("a*", "*") && !covers("a*b", "a*") && !covers("ab", "a*"));
        let overlaps = |a: &str, b: &str| glob(a).overlaps(&glob(b));
        assert!(overlaps("a*", "*b") && overlaps("a*", "a*b") && overlaps("*", "x"));
        assert!(!overlaps("a*", "b*") && !overlaps("*a", "*b") && !overlaps("ab", "abc"));
    }

    proptest! {
        #[test]
        fn relations_agree_with_what_is_matched(a in "[ab*]{1,6}", b in "[ab*]{1,6}", name in "[ab]{0,7}") {
            let (a, b) = (glob(&a), glob(&b));
            let (in_a, in_b) = (a.matches(&name), b.matches(&name));
            prop_assert!(!(in_a && in_b) || a.overlaps(&b));
            prop_assert_eq!(a.overlaps(&b), b.overlaps(&a));
            prop_assert!(!a.covers(&b) || !in_b || in_a);
            if a.covers(&b) && !b.covers(&a) {
                prop_assert!(b.specificity() < a.specificity(), "{} within {}", b, a);
            }
        }
    }
}
