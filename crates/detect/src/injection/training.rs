//! What training needs of the detector, so that both see the same features.

use super::features::BLOCK_TOKENS;
use super::scan::Reader;
use crate::normalise::{self, Layer};

/// A text as the model sees it: the rows of each block of words.
pub type Blocks = Vec<Vec<u32>>;

/// Every reading of a text: as it stands, and with each disguise taken off.
#[must_use]
pub fn readings(text: &str) -> Vec<(Layer, Blocks)> {
    let mut found = Vec::new();
    read(text, Layer::Plain, 0, &mut found);
    found
}

fn read(text: &str, layer: Layer, depth: usize, found: &mut Vec<(Layer, Blocks)>) {
    let folded = (!text.is_ascii()).then(|| normalise::fold(text));
    let text = folded.as_ref().map_or(text, |folded| folded.text());
    let (mut blocks, mut tokens) = (Vec::new(), 0);
    let mut reader = Reader::default();
    reader.read(text, &mut Vec::new(), |rows, _| {
        tokens += 1;
        if tokens == BLOCK_TOKENS {
            blocks.push(rows.all().to_vec());
            rows.clear();
            tokens = 0;
        }
    });
    if tokens > 0 {
        blocks.push(reader.rows.all().to_vec());
    }
    found.push((layer, blocks));
    if depth < 3 {
        for inner in normalise::decodings(text, &reader.hints) {
            read(inner.text(), inner.layer(), depth + 1, found);
        }
    }
}
