//! `bakerst completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::{Exit, Outcome};

pub(crate) fn run(shell: Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "bakerst", &mut std::io::stdout());
    Ok(Exit::Ok)
}
