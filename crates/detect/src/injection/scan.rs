//! One pass over a text: blocks of feature sums, rules that fired, hints of disguise.

use std::ops::Range;

use super::features::{BLOCK_TOKENS, Features, Rows, rule_row, windows};
use super::lexicon::Lexicon;
use super::model::{Model, Sum};
use super::rules::{RuleHit, RuleReader};
use super::tokens::Tokens;
use crate::normalise::Hints;

/// A run of words with what their features add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Block {
    pub(super) sum: Sum,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What one pass over a text yields.
#[derive(Clone, Debug, Default)]
pub(super) struct Scan {
    pub(super) blocks: Vec<Block>,
    pub(super) rules: Vec<RuleHit>,
    pub(super) hints: Hints,
}

/// Rules that fire without end are one attack, or none.
const RULE_HITS_MAX: usize = 64;
/// A run of letters and digits as long as this may be an encoding.
const LONG_RUN: usize = 16;

/// Reads a text. Without a model the blocks stay empty, and reading is faster.
pub(super) fn read(text: &str, model: Option<&Model>) -> Scan {
    let mut scan = Scan::default();
    let mut reader = Reader::default();
    if let Some(model) = model {
        scan.blocks.reserve(text.len() / (4 * BLOCK_TOKENS) + 1);
        let mut block = Block::default();
        let mut tokens = 0;
        reader.read(text, &mut scan.rules, |rows, word| {
            if tokens == 0 {
                block.start = word.start;
            }
            block.end = word.end;
            tokens += 1;
            if tokens == BLOCK_TOKENS {
                block.sum = model.sum(rows.all());
                scan.blocks.push(std::mem::take(&mut block));
                rows.clear();
                tokens = 0;
            }
        });
        if tokens > 0 {
            block.sum = model.sum(reader.rows.all());
            scan.blocks.push(block);
        }
    } else {
        reader.read_rules(text, &mut scan.rules);
    }
    scan.hints = reader.hints;
    scan
}

/// The state of a pass over a text.
#[derive(Default)]
pub(super) struct Reader {
    features: Features,
    rules: RuleReader,
    lexicon: Lexicon,
    /// The rows of the words that were not taken yet.
    pub(super) rows: Rows,
    singles: u32,
    pub(super) hints: Hints,
}

impl Reader {
    /// Reads a text to its end, and tells after each word where it stands.
    ///
    /// Whoever hears that takes the rows, at the latest when there is a block of them.
    #[inline]
    pub(super) fn read(
        &mut self,
        text: &str,
        hits: &mut Vec<RuleHit>,
        mut word: impl FnMut(&mut Rows, Range<usize>),
    ) {
        let bytes = text.as_bytes();
        for token in Tokens::new(text) {
            let before = self.features.before();
            let parts = self.lexicon.parts(&token, before, bytes, &mut self.hints);
            self.features.take(&token, parts, &mut self.rows);
            self.rules.take(&token, parts, |hit| {
                self.rows.push(rule_row(hit.rule));
                if hits.len() < RULE_HITS_MAX {
                    hits.push(hit);
                }
            });
            self.hint(&token);
            word(&mut self.rows, token.start..token.end);
        }
    }

    /// The same for the rules alone.
    fn read_rules(&mut self, text: &str, hits: &mut Vec<RuleHit>) {
        let bytes = text.as_bytes();
        let mut before = super::tokens::Token::default();
        for token in Tokens::new(text) {
            let parts = self.lexicon.parts(&token, &before, bytes, &mut self.hints);
            self.rules.take(&token, parts, |hit| {
                if hits.len() < RULE_HITS_MAX {
                    hits.push(hit);
                }
            });
            self.hint(&token);
            before = token;
        }
    }

    #[inline]
    fn hint(&mut self, token: &super::tokens::Token) {
        let len = token.end - token.start;
        self.hints.long_runs += u32::from(len >= LONG_RUN && token.traits.word_like());
        self.singles = if token.traits.single() { self.singles + 1 } else { 0 };
        self.hints.singles = self.hints.singles.max(self.singles);
        self.hints.numbers += u32::from(!token.traits.lettered() && matches!(len, 2 | 8));
    }
}

/// The best window of a scan: first block, how many, wide or not, and its score.
pub(super) type Window = (usize, usize, bool, f32);

/// Every window with its score.
pub(super) fn scored<'s>(
    model: &'s Model,
    blocks: &'s [Block],
) -> impl Iterator<Item = (Window, Sum)> + 's {
    windows(blocks.len()).map(|(first, count, wide)| {
        let mut sum = Sum::default();
        for block in blocks.iter().skip(first).take(count) {
            sum.add(&block.sum);
        }
        let logit = model.logit(&sum, wide);
        ((first, count, wide, logit), sum)
    })
}

/// The score of the worst window of a text as it stands.
pub(super) fn worst(model: &Model, text: &str) -> f32 {
    let scan = read(text, Some(model));
    scored(model, &scan.blocks).map(|((.., logit), _)| logit).fold(f32::MIN, f32::max)
}

/// Where the words stand that weigh most in a window: the run of words with the greatest sum of
/// what each adds above the average.
pub(super) fn heaviest(model: &Model, text: &str, sum: &Sum, wide: bool) -> Range<usize> {
    let slope = model.slope(sum, wide);
    let mut words: Vec<(f32, usize, usize)> = Vec::new();
    Reader::default().read(text, &mut Vec::new(), |rows, word| {
        let values = rows.all().iter().flat_map(|row| model.row(*row).iter().zip(slope));
        let weight = values.map(|(value, slope)| f32::from(*value) * slope).sum::<f32>();
        words.push((weight, word.start, word.end));
        rows.clear();
    });
    #[expect(clippy::cast_precision_loss, reason = "a window has a few hundred words")]
    let mean = words.iter().map(|(w, ..)| w).sum::<f32>() / words.len().max(1) as f32;
    let (mut best, mut best_sum) = (0..text.len(), 0.0);
    let (mut run, mut run_start) = (0.0, 0);
    for (weight, start, end) in words {
        if run <= 0.0 {
            (run, run_start) = (0.0, start);
        }
        run += weight - mean;
        if run > best_sum {
            (best, best_sum) = (run_start..end, run);
        }
    }
    best
}
