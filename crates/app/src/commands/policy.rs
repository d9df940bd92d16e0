//! `bakerst policy`: what a policy says, before anybody relies on it. One file a command.

mod diff;
mod hash;
mod lint;

use crate::cli::{Global, Policy};
use crate::failure::Outcome;

pub(crate) fn run(policy: &Policy, global: &Global) -> Outcome {
    match policy {
        Policy::Lint => lint::run(global),
        Policy::Hash => hash::run(global),
        Policy::Diff { old, new } => diff::run(old, new, global),
    }
}
