//! From a text to an assessment: chunks, readings, windows, findings.

use std::ops::Range;

use super::found::{FINDINGS_MAX, Found};
use super::model::Sum;
use super::rules::{CERTAIN, RULES, RuleHit};
use super::scan::{self, Window};
use super::{Assessment, Detector, InjectionFinding, InjectionKind, Sensitivity, judge};
use crate::normalise::{self, Layer};

/// A text is read in pieces of this size, so that memory stays bounded.
const CHUNK_BYTES: usize = 1 << 16;
/// What two neighbouring pieces share, so that no attack is cut in two.
const OVERLAP_BYTES: usize = 1 << 10;
/// How often the length of a piece may be read again under its disguises, all of them together: a
/// text that hides every layer in every other one would else cost hundreds of readings.
const READ_AGAIN: usize = 24;
/// How many bytes may be read again whatever the length.
const READ_AGAIN_MIN: usize = 32 << 10;
/// How many disguises may lie on top of each other.
const DEPTH_MAX: usize = 3;

/// What a text is to the agent that reads it: the same words weigh more in one place than in
/// another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Data, which may well quote an attack or speak about one.
    Data,
    /// A tool's description, which has no reason to.
    Description,
}

impl Detector {
    /// What is to be thought of `text`.
    #[must_use]
    pub fn assess(&self, text: &str) -> Assessment {
        self.assess_at(text, Place::Data)
    }

    pub(super) fn assess_at(&self, text: &str, place: Place) -> Assessment {
        let mut whole = Found::default();
        for chunk in chunks(text) {
            let piece = text.get(chunk.clone()).unwrap_or_default();
            let mut found =
                self.reading(piece, place, 0, READ_AGAIN * piece.len() + READ_AGAIN_MIN);
            found.shift(chunk.start);
            whole.merge(found, self.pieces_max());
        }
        let Found { mut assessment, pieces } = whole;
        self.add_patterns(text, &mut assessment);
        if let Some(second) = self.second.as_ref().filter(|_| !assessment.blocked) {
            second.hear(pieces, &mut assessment);
        }
        assessment.settle();
        assessment
    }

    fn pieces_max(&self) -> usize {
        self.second.as_ref().map_or(0, |second| second.pieces_max)
    }

    /// One piece of text, folded where it is not plain, and every reading that it hides, as long as
    /// those are no more than `left` bytes.
    fn reading(&self, text: &str, place: Place, depth: usize, left: usize) -> Found {
        if text.is_ascii() {
            return self.plain_reading(text, place, depth, left);
        }
        let folded = normalise::fold(text);
        let mut found = self.plain_reading(folded.text(), place, depth, left);
        found.back(&folded, text);
        found
    }

    fn plain_reading(&self, text: &str, place: Place, depth: usize, left: usize) -> Found {
        let scan = scan::read(text, self.model.as_ref());
        let mut found = Found { assessment: self.judge(text, &scan, place), pieces: Vec::new() };
        if let (Some(second), Some(model)) = (&self.second, &self.model) {
            found.pieces = judge::pieces(text, &scan, model, second);
        }
        for finding in found.findings() {
            finding.layer = normalise::surrounding(text, finding.span.start);
        }
        if depth < DEPTH_MAX {
            let mut left = left;
            let mut layers = normalise::decodings(text, &scan.hints);
            layers.retain(|layered| match left.checked_sub(layered.text().len()) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            });
            // What is hidden deeper shares what is left, so that no layer is read at the cost of all
            // the others.
            let each = left / layers.len().max(1);
            for layered in layers {
                let mut inner = self.reading(layered.text(), place, depth + 1, each);
                inner.back(&layered, text);
                found.merge(inner, self.pieces_max());
            }
        }
        found
    }

    fn judge(&self, text: &str, scan: &scan::Scan, place: Place) -> Assessment {
        let Some(model) = &self.model else { return self.judge_by_rules(text, &scan.rules) };
        let mut worst: Option<(Window, Sum)> = None;
        for (window, sum) in scan::scored(model, &scan.blocks) {
            if worst.is_none_or(|(best, _)| window.3 > best.3) {
                worst = Some((window, sum));
            }
        }
        let Some(((first, count, wide, logit), sum)) = worst else { return Assessment::default() };
        let mut logit = logit;
        let threshold = model.head().threshold(self.sensitivity);
        // A plain wording tips the scales, but only where the model has its doubts too: manuals and
        // code drop earlier rules all the time.
        let doubtful = logit >= model.head().threshold(Sensitivity::High);
        let tips = |hit: &RuleHit| match place {
            Place::Data => (doubtful || is_certain(hit)) && self.is_decisive(text, hit),
            Place::Description => is_telling(text, hit, doubtful),
        };
        if scan.rules.iter().any(tips) {
            logit = logit.max(threshold);
        }
        let score = model.head().probability(logit);
        let mut findings = Vec::new();
        if logit >= threshold || score > 0.5 {
            let start = scan.blocks.get(first).map_or(0, |block| block.start);
            let last = scan.blocks.iter().skip(first).take(count).next_back();
            let end = last.map_or(text.len(), |block| block.end);
            let shown = text.get(start..end).unwrap_or_default();
            let span = scan::heaviest(model, shown, &sum, wide);
            let kind = model.kind(&sum, wide);
            let span = start + span.start..start + span.end;
            findings.push(finding(kind, "model", span, score));
            findings.extend(rule_findings(&scan.rules, &(start..end), score));
        }
        Assessment { score, blocked: logit >= threshold, findings, undecided: None }
    }

    fn judge_by_rules(&self, text: &str, hits: &[RuleHit]) -> Assessment {
        let decisive: Vec<RuleHit> =
            hits.iter().filter(|hit| self.is_decisive(text, hit)).copied().collect();
        let score = if decisive.is_empty() { 0.0 } else { 0.9 };
        let findings = rule_findings(&decisive, &(0..text.len()), score);
        Assessment { score, blocked: !decisive.is_empty(), findings, undecided: None }
    }

    /// Whether a rule counts by itself: at this sensitivity, and not quoted as an example.
    fn is_decisive(&self, text: &str, hit: &RuleHit) -> bool {
        let counts = RULES.get(hit.rule).is_some_and(|rule| {
            let lowest = if self.model.is_some() { Sensitivity::Low } else { rule.tier };
            rule.tier == lowest && rule.tier <= self.sensitivity
        });
        counts && !is_mention(text, hit.start)
    }

    fn add_patterns(&self, text: &str, whole: &mut Assessment) {
        if let Some(found) = self.patterns.first_match(text) {
            let rule = format!("pattern {}", found.pattern + 1);
            whole.findings.push(finding(InjectionKind::Injection, &rule, found.span, 1.0));
            whole.score = 1.0;
            whole.blocked = true;
        }
    }
}

fn is_certain(hit: &RuleHit) -> bool {
    RULES.get(hit.rule).is_some_and(|rule| rule.name == CERTAIN)
}

/// Whether a rule counts by itself in a tool's description: that which hardly any description has a
/// reason to say, and the rest where the model has its doubts too.
fn is_telling(text: &str, hit: &RuleHit, doubtful: bool) -> bool {
    RULES.get(hit.rule).is_some_and(|rule| match rule.tier {
        Sensitivity::Low | Sensitivity::Medium => true,
        Sensitivity::High => doubtful && rule.kind != InjectionKind::Jailbreak,
    }) && !is_mention(text, hit.start)
}

/// Whether the words at a place are spoken about rather than spoken.
fn is_mention(text: &str, at: usize) -> bool {
    const LOOK_BACK: usize = 48;
    let before = text.as_bytes().get(at.saturating_sub(LOOK_BACK)..at).unwrap_or_default();
    let quoted = before.last().is_some_and(|b| matches!(b, b'"' | b'\'' | b'`' | 0x80..));
    let names = [&b"such as"[..], b"like", b"e.g.", b"example", b"attack", b"njection", b"phrase"];
    quoted || names.iter().any(|name| memchr::memmem::find(before, name).is_some())
}

fn rule_findings(hits: &[RuleHit], within: &Range<usize>, weight: f32) -> Vec<InjectionFinding> {
    let inside = hits.iter().filter(|hit| within.contains(&hit.start));
    let named = inside.filter_map(|hit| {
        let rule = RULES.get(hit.rule)?;
        Some(finding(rule.kind, rule.name, hit.start..hit.end, weight * 0.9))
    });
    named.take(FINDINGS_MAX).collect()
}

pub(super) fn finding(
    kind: InjectionKind,
    rule: &str,
    span: Range<usize>,
    weight: f32,
) -> InjectionFinding {
    InjectionFinding { kind, rule: rule.to_owned(), span, layer: Layer::Plain, weight }
}

/// The chunks of a text, each ending at the end of a letter.
fn chunks(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = text.floor_char_boundary((start + CHUNK_BYTES).min(text.len()));
        next = (end < text.len()).then(|| text.floor_char_boundary(end - OVERLAP_BYTES));
        Some(start..end)
    })
}
