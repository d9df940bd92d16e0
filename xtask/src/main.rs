//! Repository checks and generators.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};

mod train;

/// Checks and generates what the repository holds.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains the injection model and writes it where the detector embeds it.
    Train(train::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Train(arguments) => train::run(&arguments),
    }
}
