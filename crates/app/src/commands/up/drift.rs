//! Tools that are held by the lock, told to the log when a configuration comes into force.

use bakerst_guard::PolicySource;
use bakerst_guard::pins::Held;
use bakerst_model::{Action, Journal};
use serde_json::json;

use super::{event, record};
use crate::failure::Failure;

/// More are told as a number.
const EVENTS_MAX: usize = 1_000;

/// Records each tool that is held, unless the policy before held it for the same reason.
pub(super) async fn record_held(
    journal: &dyn Journal,
    new: &PolicySource,
    old: Option<&PolicySource>,
) -> Result<(), Failure> {
    let known = |name: &str, held: &Held| {
        let pin = old.and_then(|old| old.pins.as_ref()).and_then(|pins| pins.lock().pin(name));
        pin.and_then(|pin| pin.held.as_ref()) == Some(held)
    };
    let pins = new.pins.iter().flat_map(|pins| pins.lock().pins());
    let held = pins.filter_map(|(name, pin)| Some((name, pin, pin.held.as_ref()?)));
    let fresh: Vec<_> = held.filter(|(name, _, held)| !known(name, held)).collect();
    for (name, pin, held) in fresh.iter().take(EVENTS_MAX) {
        let detail = json!({
            "tool": name, "server": pin.server, "hidden": true,
            "code": held.code, "reason": held.why, "approved": pin.digest,
        });
        record(journal, event(Action::ToolDrift, &detail)?).await?;
    }
    match fresh.len().saturating_sub(EVENTS_MAX) {
        0 => Ok(()),
        more => {
            let detail = json!({ "hidden": true, "more": more });
            record(journal, event(Action::ToolDrift, &detail)?).await
        }
    }
}
