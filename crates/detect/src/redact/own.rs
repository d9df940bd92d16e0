//! A policy's own regular expressions.
//!
//! A regular expression may match without end, so the text is read in steps: a match that starts
//! in a step may reach to the end of the next one, and no further. Steps lie at fixed distances
//! from the beginning, so a stream is read the same way as a whole text.

use regex_automata::util::prefilter::Prefilter;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, meta::Regex};

use super::found::{Found, Weight};
use super::kind::RuleId;
use crate::pattern::{PatternError, compile_regex};

/// The longest match that is looked for where an expression sets no limit.
const SPAN_MAX: usize = 1024;
/// What an expression may look at behind the end of its match, in bytes of one character.
const AHEAD: usize = 4;

/// The expressions of a policy, in order.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    regex: Regex,
    /// Finds every place where a match may start, if the expressions begin with fixed words.
    starts: Option<Prefilter>,
    step: usize,
    /// For each expression, its place in the policy.
    pub(crate) ranks: Vec<usize>,
}

impl Own {
    /// Compiles expressions with their places in the policy.
    pub(crate) fn new(rules: &[(usize, &str)]) -> Result<Option<Self>, PatternError> {
        if rules.is_empty() {
            return Ok(None);
        }
        let texts: Vec<&str> = rules.iter().map(|(_, text)| *text).collect();
        let refused = |why: String| PatternError::Regex { pattern: texts.join(" | "), why };
        let mut trees = Vec::new();
        for text in &texts {
            compile_regex(text)?;
            trees.push(syntax::parse(text).map_err(|e| refused(e.to_string()))?);
        }
        let longest =
            |max: usize, len: Option<usize>| len.map_or(SPAN_MAX, |len| len.clamp(max, SPAN_MAX));
        let lens = trees.iter().map(|tree| tree.properties().maximum_len());
        let step = lens.fold(64, longest);
        let starts = Prefilter::from_hirs_prefix(MatchKind::LeftmostFirst, &trees);
        let regex = Regex::builder().build_many(&texts).map_err(|e| refused(e.to_string()))?;
        let ranks = rules.iter().map(|(rank, _)| *rank).collect();
        Ok(Some(Self { regex, starts, step, ranks }))
    }

    /// Reports the matches from `next` on in a text whose first byte stands at `base`, and returns
    /// where to go on: before it, all is decided.
    pub(crate) fn scan(
        &self,
        text: &[u8],
        base: usize,
        mut next: usize,
        whole: bool,
        out: &mut Vec<Found>,
    ) -> usize {
        let end = base + text.len();
        loop {
            next = next.max(self.first_start(text, base, next, end, whole));
            let step_end = (next / self.step + 1) * self.step;
            let reach = step_end + self.step;
            if next >= end || !whole && reach + AHEAD > end {
                return next.min(end);
            }
            let span = next - base..reach.min(end) - base;
            match self.regex.search(&Input::new(text).span(span)) {
                Some(found) if base + found.start() < step_end => {
                    next = base + found.end();
                    if found.is_empty() {
                        next += 1;
                        continue;
                    }
                    let rank =
                        self.ranks.get(found.pattern().as_usize()).copied().unwrap_or_default();
                    let (start, end) = (base + found.start(), base + found.end());
                    out.push(Found {
                        start,
                        end,
                        reach: end,
                        rank,
                        weight: Weight::Form,
                        kind: None,
                        rule: RuleId::OWN,
                        verified: false,
                    });
                }
                _ => next = step_end,
            }
        }
    }

    /// The first place from `next` on where a match may start.
    fn first_start(&self, text: &[u8], base: usize, next: usize, end: usize, whole: bool) -> usize {
        let Some(starts) = &self.starts else { return next };
        let from = next.saturating_sub(base).min(text.len());
        match starts.find(text, (from..text.len()).into()) {
            Some(found) => base + found.start,
            None if whole => end,
            None => next.max(end.saturating_sub(starts.max_needle_len())),
        }
    }
}
