//! Finds innocent texts that look like attacks.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::corpus;
use super::example;
use super::net::Net;

/// The most bytes that a kept text has.
const TEXT_BYTES_MAX: usize = 1500;

/// Adds the texts of `file` that score highest to `kept`, and as many again by chance of place, so
/// that what is plain stays known too.
pub(super) fn keep(net: &Net, file: &Path, kept: &Path, count: usize) -> Result<()> {
    let rows = corpus::read(file)?;
    let lines = std::fs::read_to_string(file)?;
    let mut ranked: Vec<(f32, &str)> = rows
        .iter()
        .zip(lines.lines())
        .filter(|(row, _)| row.text.len() <= TEXT_BYTES_MAX)
        .map(|(row, line)| (net.score(&example(row, 1.0)), line))
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let rest = ranked.split_off(count.min(ranked.len()));
    let spread = rest.iter().step_by((rest.len() / (count / 2).max(1)).max(1));
    let mut text = std::fs::read_to_string(kept).unwrap_or_default();
    for (_, line) in ranked.iter().chain(spread) {
        if !text.contains(line) {
            text.push_str(line);
            text.push('\n');
        }
    }
    std::fs::write(kept, text).with_context(|| format!("cannot write `{}`", kept.display()))
}
