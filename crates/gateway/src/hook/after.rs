//! What came of a call: its result, without secrets.

use bakerst_guard::{Passthrough, Sanitized};
use bakerst_model::Recorded;

use super::{After, read_after};
use crate::exchange::Exchange;
use crate::gateway::Enforcement;
use crate::output::{Executed, Told};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{AfterAnswer, OutputNote, UnguardedResult, Withheld};

/// `POST /v1/guard/after`.
pub(crate) async fn after(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, path, body, .. } = exchange;
    let After { call, result, decision, duration_ms } = read_after(&body, &gateway.limits)?;
    let call = gateway.attribute(call, &caller, path).await?;
    let result = result.into_inner();
    match gateway.enforcement {
        Enforcement::Off => Reply::json(&UnguardedResult::from(Passthrough.after(result))),
        Enforcement::On => {
            let result_bytes = result.to_string().len();
            let told = Told { logged: None, decision, duration_ms, result_bytes };
            Reply::json(&answer(gateway.take_output(&call, result, told, &caller).await?))
        }
    }
}

fn answer(executed: Recorded<Executed>) -> AfterAnswer {
    let Executed { sanitized, instructions, .. } = executed.into_inner();
    let Sanitized { value, findings, withheld } = sanitized;
    let withheld = withheld.map(Withheld::from);
    AfterAnswer {
        // What goes on to the model in place of the result says why, and what not to try.
        result: withheld.as_ref().map_or(value, |withheld| withheld.reason.clone().into()),
        findings: (findings.into_iter().map(OutputNote::from))
            .chain(instructions.map(OutputNote::from))
            .collect(),
        withheld,
    }
}
