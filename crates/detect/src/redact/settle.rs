//! From matches to text: what overlaps becomes one finding, and placeholders take its place.

use std::cmp::Reverse;

use super::found::Found;
use super::kind::Action;
use super::pseudonym::Pseudonyms;
use super::{RedactionFinding, Redactor};

/// Matches that still wait for their turn, and how far the text is written.
///
/// Matches that overlap are one finding, named by the first of them: what only the second one
/// covers is not let through.
#[derive(Debug, Default)]
pub(crate) struct Settler {
    pub(crate) found: Vec<Found>,
    /// Up to where the text is written or replaced, from the beginning of the text.
    pub(crate) done: usize,
    open: Option<RedactionFinding>,
    pub(crate) findings: Vec<RedactionFinding>,
    pub(crate) blocked: bool,
}

impl Settler {
    /// Writes what is decided: all matches that start before `safe`, and the text before them.
    /// `text` begins at `base`.
    pub(crate) fn settle(
        &mut self,
        redactor: &Redactor,
        mut names: Option<&mut Pseudonyms>,
        (text, base): (&str, usize),
        safe: usize,
        out: &mut String,
    ) {
        self.found.sort_by_key(|found| (found.start, found.rank, found.weight, Reverse(found.end)));
        let ready = self.found.partition_point(|found| found.start < safe);
        for found in self.found.drain(..ready) {
            let action = redactor.action(found.kind);
            if action != Action::Report && found.start < self.done {
                self.done = self.done.max(found.reach);
                if let Some(open) = &mut self.open {
                    open.span.end = self.done;
                }
                continue;
            }
            let value = text.get(found.start - base..found.end - base).unwrap_or_default();
            let placeholder = match (found.kind, &mut names) {
                (Some(kind), Some(names)) => names.name(kind, value),
                (Some(kind), None) => kind.placeholder().to_owned(),
                (None, _) => redactor.replacement(found.rank).to_owned(),
            };
            let finding = RedactionFinding {
                placeholder,
                span: found.start..found.reach,
                rule: found.rule,
                kind: found.kind,
                action,
                verified: found.verified,
            };
            if action == Action::Report {
                report(&mut self.findings, finding);
                continue;
            }
            self.blocked |= action == Action::Block;
            out.push_str(text.get(self.done - base..found.start - base).unwrap_or_default());
            out.push_str(&finding.placeholder);
            self.done = found.reach;
            self.findings.extend(self.open.replace(finding));
        }
    }

    /// Writes the text up to a place before which nothing is open any more.
    pub(crate) fn pass(&mut self, (text, base): (&str, usize), safe: usize, out: &mut String) {
        if safe > self.done {
            self.findings.extend(self.open.take());
            out.push_str(text.get(self.done - base..safe - base).unwrap_or_default());
            self.done = safe;
        }
    }

    /// Closes the last finding.
    pub(crate) fn close(&mut self) {
        self.findings.extend(self.open.take());
        self.findings.sort_by_key(|finding| finding.span.start);
    }
}

/// Notes what stays in the text; what overlaps the last one of its kind is part of it.
fn report(findings: &mut Vec<RedactionFinding>, finding: RedactionFinding) {
    let last = findings.iter_mut().rev().find(|last| last.kind == finding.kind);
    match last {
        Some(last) if last.action == Action::Report && finding.span.start < last.span.end => {
            last.span.end = last.span.end.max(finding.span.end);
        }
        _ => findings.push(finding),
    }
}
