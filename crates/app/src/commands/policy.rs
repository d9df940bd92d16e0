//! `bakerst policy`: what a policy says, before anybody relies on it. One file a command.

mod diff;
mod graph;
mod hash;
mod learn;
mod lint;
pub(crate) mod pin;
pub(crate) mod recorded;
mod replay;
mod test;

use crate::cli::{Global, Policy};
use crate::failure::Outcome;

pub(crate) fn run(policy: &Policy, global: &Global) -> Outcome {
    match policy {
        Policy::Lint => lint::run(global),
        Policy::Test { files } => test::run(files, global),
        Policy::Graph { form } => graph::run(*form, global),
        Policy::Pin(pin) => pin::run(pin, global),
        Policy::Hash => hash::run(global),
        Policy::Diff { old, new, log } => diff::run(old, new, log.as_deref(), global),
        Policy::Replay { log, against, from } => replay::run(log, against, from.as_deref(), global),
        Policy::Learn { log, output } => learn::run(log, output.as_deref(), global),
    }
}
