//! `cargo xtask quality`: how well the detectors tell, and how fast.
//!
//! Every corpus that is at hand is scored; one that is not is named. What is printed is also
//! written to `docs/quality.md`, unless a part was left out.

mod commands;
mod corpus;
mod forms;
mod injection;
mod metrics;
mod named;
mod page;
mod progress;
mod redaction;
mod speed;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use self::corpus::Corpora;
use self::page::Page;
use self::progress::Progress;
use crate::repo::Repo;

/// What to score.
#[derive(Args)]
pub(crate) struct Quality {
    /// The folder with corpora beside the repository.
    #[arg(long, value_name = "FOLDER")]
    corpora: Option<PathBuf>,
    /// Score only; build and measure nothing, and leave `docs/quality.md` as it is.
    #[arg(long)]
    no_speed: bool,
    /// Also print every text that is judged wrongly.
    #[arg(long)]
    misses: bool,
}

impl Quality {
    /// Scores, measures, prints and writes.
    ///
    /// # Errors
    /// When a corpus that is there cannot be read, or the binary cannot be built or run.
    pub(crate) fn run(self) -> Result<()> {
        let Self { corpora, no_speed, misses } = self;
        let shared = corpora.unwrap_or_else(|| Repo::root().join("../shared/corpora"));
        let Corpora { injection, redaction, commands } = Corpora::find(&shared);
        let mut page = Page::new("Quality");
        page.text(
            "Written by `cargo xtask quality`, which scores the corpora of the repository and those that lie \
             beside it. Figures on small corpora move by whole points with a single text.",
        );
        let progress = Progress::new();
        injection::score(&injection, &mut page, progress, misses)?;
        redaction::score(&redaction, &mut page, progress, misses)?;
        commands::score(&commands, &mut page, progress, misses)?;
        if !no_speed {
            speed::measure(&mut page)?;
        }
        let text = page.into_text();
        print!("{text}");
        if !no_speed {
            let path = Repo::root().join("docs/quality.md");
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
