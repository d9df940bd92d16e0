//! What has to be done now and again, whether anybody asks or not.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::gateway::Gateway;

/// How late an expiry may be noticed. A claim in between finds the request overdue anyway.
const EVERY: Duration = Duration::from_secs(1);
/// How often the book is looked at when nothing is known to be pending.
const IDLE_TICKS: u32 = 60;

/// Ends overdue requests and reports suppressed refusals, until the server stops.
pub(crate) async fn keep(gateway: Arc<Gateway>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tick = 0_u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = gateway.closing() => break,
        }
        if gateway.desk.pending() > 0 || tick.is_multiple_of(IDLE_TICKS) {
            gateway.expire_overdue().await;
        }
        gateway.report_suppressed(false).await;
        tick = tick.wrapping_add(1);
    }
    gateway.report_suppressed(true).await;
}
