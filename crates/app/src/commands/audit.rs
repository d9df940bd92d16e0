//! `bakerst audit`: the log, read and verified where it lies.

pub(crate) mod args;
mod dlq;
mod doctor;
mod erase;
mod export;
mod index;
mod prove;
mod query;
mod retain;
mod select;
mod stats;
mod tail;
mod verify;

use crate::cli::{Audit, Global};
use crate::failure::Outcome;
use crate::station::Places;

pub(crate) fn run(audit: &Audit, global: &Global) -> Outcome {
    let places = Places::of(global)?;
    match audit {
        Audit::Dlq(dlq) => dlq::run(dlq, &places, global),
        Audit::Verify(args) => verify::run(args, &places, global.json),
        Audit::Checkpoint => prove::checkpoint(&places, global.json),
        Audit::PublicKey => prove::public_key(&places, global.json),
        Audit::Prove(args) => prove::prove(args, &places),
        Audit::CheckProof(args) => prove::check(args, &places, global.json),
        Audit::RotateKey => prove::rotate_key(global),
        Audit::Tail(args) => tail::run(args, &places, global.json),
        Audit::Query(args) => query::run(args, &places, global.json),
        Audit::Stats(args) => stats::run(args, &places, global.json),
        Audit::Export(args) => export::run(args, &places, global.json),
        Audit::Index(args) => index::run(args, &places, global.json),
        Audit::Retain(args) => retain::run(args, &places, global),
        Audit::Erase(args) => erase::run(args, &places, global),
        Audit::Doctor => doctor::run(&places, global),
    }
}
