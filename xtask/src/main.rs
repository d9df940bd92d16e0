//! `cargo xtask`: checks and generators of this repository.
#![forbid(unsafe_code)]

mod binary;
mod command;
mod crash;
mod deny;
mod fuzz;
mod generate;
mod mcp;
mod quality;
mod repo;
mod rules;
mod servers;
mod soak;
mod steps;
mod tamper;
mod test;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks and generators of this repository")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every check and test but the long ones; what CI runs.
    #[command(after_help = "Example:\n  cargo xtask test")]
    Test,
    /// Run what takes long: all of it, or one by name.
    #[command(after_help = "Example:\n  cargo xtask soak fuzz --seconds 3600")]
    Soak(soak::Soak),
    /// Kill processes that write the log, and look for what they were told was recorded.
    #[command(after_help = "Example:\n  cargo xtask crash --runs 500")]
    Crash(crash::Crash),
    /// The process that `crash` kills.
    #[command(hide = true)]
    CrashWriter(crash::Writer),
    /// Run fuzz targets: all of them, or one by name.
    #[command(after_help = "Example:\n  cargo xtask fuzz config --seconds 60")]
    Fuzz(fuzz::Fuzz),
    /// Write the files that are made from the code.
    #[command(after_help = "Example:\n  cargo xtask generate --check")]
    Generate {
        /// Write nothing; fail when a file is not up to date.
        #[arg(long)]
        check: bool,
    },
    /// Score the detectors on every corpus at hand, measure them, and write `docs/quality.md`.
    #[command(
        after_help = "Example:\n  cargo xtask quality\n  cargo xtask quality --no-speed --misses"
    )]
    Quality(quality::Quality),
    /// Try the MCP door with the conformance suite and with servers and clients of others; part of
    /// `test`.
    #[command(after_help = "Example:\n  cargo build --release && cargo xtask mcp")]
    Mcp,
    /// Hold the repository against its own rules.
    #[command(after_help = "Example:\n  cargo xtask rules")]
    Rules,
    /// Train the injection model and write it where the detector embeds it.
    #[command(
        after_help = "Example:\n  cargo run --release -p xtask -- train --corpus ../shared/corpora/injection"
    )]
    Train(train::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Test => return test::run(),
        Task::Soak(soak) => soak.run(),
        Task::Crash(crash) => crash.run(),
        Task::CrashWriter(writer) => writer.run(),
        Task::Fuzz(fuzz) => fuzz.run(),
        Task::Generate { check } => generate::run(check),
        Task::Mcp => return mcp::run(),
        Task::Quality(quality) => quality.run(),
        Task::Rules => rules::run(),
        Task::Train(arguments) => train::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
