//! `bakerst policy`: what a policy says, before anybody relies on it. One file a command.

mod diff;
mod graph;
mod hash;
mod lint;
pub(crate) mod pin;
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
        Policy::Diff { old, new } => diff::run(old, new, global),
    }
}
