//! The command line of `bakerst wrap` and `bakerst unwrap`.

use std::path::PathBuf;

use clap::Args;

use crate::clients::Client;

/// `wrap`.
#[derive(Args, Debug)]
pub(crate) struct Wrap {
    /// The client.
    #[arg(value_enum)]
    pub(crate) client: Client,
    /// A configuration of the client's, instead of those that are found.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_config: Vec<PathBuf>,
    /// The agent that the client is.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The program that the client is to start [default: this one, by its whole path].
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) program: Option<String>,
    /// Change the configurations; without it the changes are shown.
    #[arg(long)]
    pub(crate) apply: bool,
}

/// `unwrap`.
#[derive(Args, Debug)]
pub(crate) struct Unwrap {
    /// The client.
    #[arg(value_enum)]
    pub(crate) client: Client,
    /// A configuration of the client's, instead of those that are found.
    #[arg(long, value_name = "FILE")]
    pub(crate) client_config: Vec<PathBuf>,
    /// Change the configurations; without it the changes are shown.
    #[arg(long)]
    pub(crate) apply: bool,
}
