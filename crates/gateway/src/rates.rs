//! How often calls may be made, at every door: counted before anybody judges them.

use std::sync::{Mutex, PoisonError};

use bakerst_guard::rate::{Buckets, Limited, Rates};
use bakerst_model::{Action, Actor, Code, Detail, Event, Journal as _, ToolCall};
use serde::Serialize;

use crate::gateway::Gateway;
use crate::identity::Caller;
use crate::problem::Problem;

/// The buckets, where there are rates.
#[derive(Default)]
pub(crate) struct RateDesk(Mutex<Option<Buckets>>);

impl RateDesk {
    fn take(&self, call: &ToolCall, user: &str, gateway: &Gateway) -> Result<(), Limited> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(buckets) = &mut *buckets else { return Ok(()) };
        buckets.take(&call.agent, user, gateway.clock.now())
    }
}

impl Gateway {
    /// Puts rates in force; what was counted before is forgotten.
    pub fn limit_rates(&self, rates: Rates) {
        let limited =
            (rates != Rates::default()).then(|| Buckets::new(rates, self.limits.rate_buckets_max));
        *self.rates.0.lock().unwrap_or_else(PoisonError::into_inner) = limited;
    }

    /// Counts a call, unless there have been too many. The first that is held back is recorded;
    /// those that follow it are as many as somebody likes to send.
    pub(crate) async fn within_rates(
        &self,
        call: &ToolCall,
        caller: &Caller,
        actor: &Actor,
    ) -> Result<(), Problem> {
        let user = call.user.as_ref().map_or(&*caller.principal.name, |user| user.as_str());
        let Err(limited) = self.rates.take(call, user, self) else { return Ok(()) };
        let Limited { setting, rate, retry_after_seconds, is_new } = limited;
        if is_new {
            #[derive(Serialize)]
            struct RateDetail<'d> {
                setting: &'static str,
                rate: String,
                tool: &'d str,
            }
            let tool = call.tool.as_str();
            let detail = Detail::of(&RateDetail { setting, rate: rate.to_string(), tool })?;
            let (actor, conversation) = (actor.clone(), Some(call.conversation.clone()));
            let event = Event { action: Action::RateLimited, actor, conversation, detail };
            self.ledger.append(event).await?;
        }
        let message = format!(
            "more calls than `rate_limits.{setting}` allows ({rate}), the next one in \
             {retry_after_seconds} s"
        );
        Err(Problem::new(Code::RateLimited, message).retry_after(retry_after_seconds))
    }
}
