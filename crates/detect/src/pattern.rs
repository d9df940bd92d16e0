//! Words that a policy names, matched as words.
//!
//! `delete` matches `DELETE x` and not `undelete_hint`; a blank in a pattern matches any run of
//! blanks, so `rm -rf` also finds `rm   -rf`. A regular expression matches exactly what it says.

mod invoked;

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex_automata::meta::Regex;

pub use self::invoked::InvokedPatterns;

/// One thing to look for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pattern {
    /// Words, compared without case, bounded by what is no word character.
    Words(String),
    /// A regular expression, taken as written.
    Regex(String),
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PatternError {
    /// It would match everywhere or nowhere.
    #[error("the pattern is empty")]
    Empty,
    /// Not a regular expression, or one that grows too large.
    #[error("`{pattern}` is not a usable regular expression: {why}")]
    Regex {
        /// As it was written.
        pattern: String,
        /// The compiler's words.
        why: String,
    },
}

impl From<PatternError> for String {
    fn from(error: PatternError) -> Self {
        error.to_string()
    }
}

/// Where a pattern was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PatternMatch {
    /// Which pattern, by its place in the list.
    pub pattern: usize,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
}

/// A compiled list of patterns.
#[derive(Debug)]
pub struct PatternSet {
    /// The first word of each words pattern finds candidates; the rest is compared by hand.
    words: Option<AhoCorasick>,
    parts: Vec<WordsPattern>,
    regexes: Vec<(usize, Regex)>,
}

#[derive(Debug)]
struct WordsPattern {
    index: usize,
    /// The words after the first, lower case.
    rest: Vec<String>,
    bounded_left: bool,
}

/// The most memory that one compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1 << 20;

impl PatternSet {
    /// Compiles the list.
    ///
    /// # Errors
    /// Names the first pattern that is empty or no regular expression.
    pub fn new(patterns: &[Pattern]) -> Result<Self, PatternError> {
        let (mut firsts, mut parts, mut regexes) = (Vec::new(), Vec::new(), Vec::new());
        for (index, pattern) in patterns.iter().enumerate() {
            match pattern {
                Pattern::Words(text) => {
                    let lower = text.to_lowercase();
                    let mut words = lower.split_whitespace();
                    let first = words.next().ok_or(PatternError::Empty)?.to_owned();
                    let bounded_left = first.chars().next().is_some_and(is_word);
                    firsts.push(first);
                    let rest = words.map(str::to_owned).collect();
                    parts.push(WordsPattern { index, rest, bounded_left });
                }
                Pattern::Regex(text) => regexes.push((index, compile_regex(text)?)),
            }
        }
        let words = (!firsts.is_empty()).then(|| compile_words(&firsts)).transpose()?;
        Ok(Self { words, parts, regexes })
    }

    /// The leftmost match of the words, else of the first regular expression that matches.
    #[must_use]
    pub fn first_match(&self, text: &str) -> Option<PatternMatch> {
        self.first_words(text).or_else(|| {
            self.regexes.iter().find_map(|(pattern, regex)| {
                let found = regex.find(text)?;
                Some(PatternMatch { pattern: *pattern, span: found.range() })
            })
        })
    }

    fn first_words(&self, text: &str) -> Option<PatternMatch> {
        let words = self.words.as_ref()?;
        words.find_overlapping_iter(text).find_map(|found| {
            let part = self.parts.get(found.pattern().as_usize())?;
            let starts = !part.bounded_left || !ends_in_word(text.get(..found.start())?);
            let end = starts.then(|| match_rest(text, found.end(), &part.rest))??;
            Some(PatternMatch { pattern: part.index, span: found.start()..end })
        })
    }
}

fn compile_words(firsts: &[String]) -> Result<AhoCorasick, PatternError> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(firsts)
        .map_err(|e| PatternError::Regex { pattern: firsts.join(" "), why: e.to_string() })
}

/// Compiles one regular expression, bounded in size.
///
/// # Errors
/// Says what is wrong with it.
pub fn compile_regex(text: &str) -> Result<Regex, PatternError> {
    if text.is_empty() {
        return Err(PatternError::Empty);
    }
    let config = Regex::config().nfa_size_limit(Some(REGEX_BYTES_MAX));
    let compiled = Regex::builder().configure(config).build(text);
    compiled.map_err(|e| {
        let words = e.syntax_error().map_or_else(|| e.to_string(), ToString::to_string);
        // The compiler draws the place over several lines and says what is wrong in the last.
        let why = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        PatternError::Regex { pattern: text.to_owned(), why }
    })
}

/// Matches the words after the first, each after at least one blank; the end must be the end of a
/// word where the pattern ends in one.
fn match_rest(text: &str, mut at: usize, rest: &[String]) -> Option<usize> {
    for word in rest {
        let tail = text.get(at..)?;
        let trimmed = tail.trim_start();
        if trimmed.len() == tail.len() || !starts_with_folded(trimmed, word) {
            return None;
        }
        at += tail.len() - trimmed.len() + word.len();
    }
    let last = text.get(..at)?.chars().next_back()?;
    let next = text.get(at..)?.chars().next();
    (!is_word(last) || !next.is_some_and(is_word)).then_some(at)
}

fn starts_with_folded(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patterns: &[&str], text: &str, want: Option<&str>) {
        let as_pattern = |p: &&str| match p.strip_prefix("regex:") {
            Some(regex) => Pattern::Regex(regex.to_owned()),
            None => Pattern::Words((*p).to_owned()),
        };
        let set = PatternSet::new(&patterns.iter().map(as_pattern).collect::<Vec<_>>()).unwrap();
        let got = set.first_match(text).map(|found| &text[found.span]);
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn words_match_as_words() {
        let flagged = ["delete", "rm -rf", "kubectl delete", "DROP TABLE"];
        check(&flagged, "please DELETE it", Some("DELETE"));
        check(&flagged, "undelete_hint", None);
        check(&flagged, "delete_hint", None);
        check(&flagged, "rm \t -rf /", Some("rm \t -rf"));
        check(&flagged, "rm -rfv /", None);
        check(&flagged, "farm -rf", None);
        check(&flagged, "drop\n table users", Some("drop\n table"));
        check(&flagged, "droptable", None);
        check(&flagged, "/delete/", Some("delete"));
        check(&["--force"], "push --force", Some("--force"));
        check(&["--force"], "push --force-with-lease", Some("--force"));
    }

    #[test]
    fn overlapping_candidates_are_all_tried() {
        check(&["rm -rf", "rm -r x"], "rm -r x", Some("rm -r x"));
        check(&["a a b"], "a a a b", Some("a a b"));
    }

    #[test]
    fn regular_expressions_match_as_written() {
        check(&[r"regex:\bdel\w*"], "undelete then delete", Some("delete"));
        for wrong in ["(", "a{1000}{1000}", ""] {
            assert!(PatternSet::new(&[Pattern::Regex(wrong.to_owned())]).is_err(), "{wrong}");
        }
        assert!(PatternSet::new(&[Pattern::Words("  ".to_owned())]).is_err());
    }
}
