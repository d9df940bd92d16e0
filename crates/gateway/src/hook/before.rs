//! May this call be made?

use bakerst_guard::Passthrough;

use super::{Before, read_before};
use crate::exchange::Exchange;
use crate::gateway::Enforcement;
use crate::judge::{Asking, Ruled};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{HookAnswer, UnguardedAnswer};

/// `POST /v1/guard/before`.
pub(crate) async fn before(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, path, query, body, .. } = exchange;
    let wait = query.wait(&gateway.limits)?;
    let Before { call, approval } = read_before(&body, &gateway.limits)?;
    let call = gateway.attribute(call, &caller, path).await?;
    match gateway.enforcement {
        Enforcement::Off => Reply::json(&UnguardedAnswer::from(Passthrough.before(&call))),
        Enforcement::On => {
            let asking =
                Asking { approval, wait, caller: &caller, path, listed: None, awaits: None };
            Reply::json(&answer(gateway.decide(call, asking).await?))
        }
    }
}

fn answer(ruled: Ruled) -> HookAnswer {
    match ruled {
        Ruled::Permitted(permit) => HookAnswer::allowed(permit),
        Ruled::Asked(asked) => HookAnswer::asked(&asked),
        Ruled::Refused(refusal) => HookAnswer::refused(&refusal),
    }
}
