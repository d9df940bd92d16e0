//! A bar for a person at a terminal who waits; nothing anywhere else.

use std::io::{IsTerminal as _, stderr};

use indicatif::{ProgressBar, ProgressIterator as _, ProgressStyle};

/// Shows how far a loop is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: stderr().is_terminal() }
    }

    /// Goes over items, and shows how many are left.
    pub(super) fn over<T>(self, name: &'static str, items: Vec<T>) -> impl Iterator<Item = T> {
        let bar =
            if self.shown { ProgressBar::new(items.len() as u64) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:22} {bar:40} {pos}/{len}, {eta} left");
        let bar = bar
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
            .with_message(name);
        items.into_iter().progress_with(bar)
    }
}
