//! `bakerst`: the one binary.
//!
//! It joins the rooms: reads the configuration, opens the state folder, hands ports to the doors,
//! and turns what went wrong into an exit code and a sentence that helps.
#![forbid(unsafe_code)]

mod bench;
mod children;
mod cli;
mod clients;
mod clock;
mod commands;
mod config;
mod custody;
mod failure;
mod files;
mod http;
mod issuer_keys;
mod operator;
mod paths;
mod print;
mod reserve;
mod retention;
mod sealed_inputs;
mod servers;
mod shipping;
mod station;
mod subjects;
mod worries;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let json = cli.global.json;
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report(json);
            failure.exit.into()
        }
    }
}
