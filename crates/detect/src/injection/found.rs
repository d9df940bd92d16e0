//! What readings yield, on its way back to the text that they were made from.

use super::judge::Piece;
use super::{Assessment, InjectionFinding};
use crate::normalise::{self, Layer, Layered};

/// How many findings an assessment names.
pub(super) const FINDINGS_MAX: usize = 8;

/// What some readings of a text yield.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) assessment: Assessment,
    /// What a second judge may hear, worst first.
    pub(super) pieces: Vec<Piece>,
}

impl Found {
    /// Everything that has a place in the text.
    pub(super) fn findings(&mut self) -> impl Iterator<Item = &mut InjectionFinding> {
        let pieces = self.pieces.iter_mut().map(|piece| &mut piece.finding);
        self.assessment.findings.iter_mut().chain(pieces)
    }

    /// Takes findings in a reading back to the text that it was made from.
    pub(super) fn back(&mut self, layered: &Layered, outer: &str) {
        for finding in self.findings() {
            let layer = layered.layer_at(&finding.span);
            finding.span = layered.original(finding.span.clone());
            if finding.layer == Layer::Plain {
                finding.layer = layer;
            }
            if finding.layer == Layer::Plain {
                finding.layer = normalise::surrounding(outer, finding.span.start);
            }
        }
    }

    pub(super) fn shift(&mut self, by: usize) {
        for finding in self.findings() {
            finding.span = finding.span.start + by..finding.span.end + by;
        }
    }

    /// Takes in what other readings yield, and keeps `pieces_max` of the pieces.
    pub(super) fn merge(&mut self, other: Self, pieces_max: usize) {
        let (whole, part) = (&mut self.assessment, other.assessment);
        whole.score = whole.score.max(part.score);
        whole.blocked |= part.blocked;
        whole.findings.extend(part.findings);
        if whole.findings.len() > 4 * FINDINGS_MAX {
            whole.findings.sort_by(|a, b| b.weight.total_cmp(&a.weight));
            whole.findings.truncate(FINDINGS_MAX);
        }
        self.pieces.extend(other.pieces);
        self.pieces.sort_by(|a, b| b.heat.total_cmp(&a.heat));
        self.pieces.truncate(pieces_max);
    }
}

impl Assessment {
    /// Brings findings into their order and keeps the heaviest.
    pub(super) fn settle(&mut self) {
        self.findings.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        self.findings.dedup_by(|a, b| a.rule == b.rule && a.span == b.span);
        self.findings.truncate(FINDINGS_MAX);
    }
}
