//! `cargo xtask soak`: what takes too long for every change.

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::fuzz;
use crate::steps::Step;

/// What to run, and for how long.
#[derive(Args)]
pub(crate) struct Soak {
    /// One of them; all of them when none is named.
    name: Option<Name>,
    /// How long each fuzz target runs.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Every fuzz target, for long.
    Fuzz,
}

impl Soak {
    /// Runs it, and says what it did.
    ///
    /// # Errors
    /// When anything fails, or cannot be run here.
    pub(crate) fn run(self) -> Result<()> {
        let Self { name, seconds } = self;
        match name {
            None | Some(Name::Fuzz) => {}
        }
        for target in fuzz::TARGETS {
            println!("==> fuzz, {seconds} s: {target}");
            if let Step::Skipped(why) = fuzz::run_target(target, seconds)? {
                bail!("fuzz target `{target}` cannot be run: {why}");
            }
        }
        println!("fuzzed {} targets for {seconds} s each: no crash", fuzz::TARGETS.len());
        Ok(())
    }
}
