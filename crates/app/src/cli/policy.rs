//! The command line of `bakerst policy`.

use std::path::PathBuf;

use clap::Subcommand;

/// `policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Say what contradicts, never matches or is unsafe, each with its place and how to mend it.
    #[command(after_help = "Example:\n  bakerst policy lint --config bakerst.yaml")]
    Lint,
    /// Print the policy's digest, as every decision carries it.
    #[command(after_help = "Example:\n  bakerst policy hash --config bakerst.yaml")]
    Hash,
    /// Say what differs between two policies, setting by setting.
    #[command(after_help = "Example:\n  bakerst policy diff old.yaml new.yaml")]
    Diff {
        /// The policy that was.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The policy that would be.
        #[arg(value_name = "NEW")]
        new: PathBuf,
    },
}
