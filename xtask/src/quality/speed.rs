//! How fast it is: the product's own bench, run as anybody would run it.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use super::page::Page;
use crate::binary;
use crate::command::command;

/// One figure of `bakerst bench --json`.
#[derive(Debug, Deserialize)]
struct Figure {
    metric: String,
    value: f64,
    unit: String,
}

pub(super) fn measure(page: &mut Page) -> Result<()> {
    binary::build()?;
    let mut bench = command(binary::path(), &["bench", "detect", "--full", "--json"]);
    let done = bench.stderr(Stdio::inherit()).output().context("cannot run the release binary")?;
    ensure!(done.status.success(), "`bakerst bench detect` failed");
    let figures: Vec<Figure> =
        serde_json::from_slice(&done.stdout).context("the bench's figures cannot be read")?;
    page.heading("Speed");
    page.text(&format!(
        "One thread, on {}: `bakerst bench detect --full`. Compare with what the same machine does in \
         `memchr` and in copying memory. A growth of one means that a byte costs the same in a long text \
         as in a short one, over texts made to break that.",
        processor()
    ));
    let rows = figures.into_iter().map(|Figure { metric, value, unit }| {
        vec![format!("`{metric}`"), format!("{value:.2}"), unit]
    });
    page.table(&["metric", "value", "unit"], &rows.collect::<Vec<_>>());
    Ok(())
}

/// What the machine calls its processor.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or("an unnamed processor", |(_, name)| name.trim()).to_owned()
}
