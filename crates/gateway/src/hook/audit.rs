//! Events of the application's own.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bakerst_guard::{Loggable, Policy};
use bakerst_model::{Action, Code, Detail, Escaped, Event, Journal, JournalError, Limits, Seq};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::exchange::Exchange;
use crate::identity::Caller;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::wire::{AuditAnswer, ReportedEvent, check_reported};

/// An event that an application reports, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    action: Action,
    timestamp: Option<Value>,
    actor: Option<Value>,
    detail: Map<String, Value>,
}

/// `POST /v1/guard/audit`.
pub(crate) async fn audit(exchange: Exchange) -> Result<Reply, Problem> {
    let Exchange { gateway, caller, body, .. } = exchange;
    let policy = gateway.policy();
    let reported = read_audit(&body, &gateway.limits)?;
    let events = reported.into_iter().map(|reported| reported.event(&policy, &caller));
    let events = events.collect::<Result<Vec<_>, _>>()?;
    let wanted = events.len();
    let (recorded, failed) = record_all(&gateway.ledger, events).await;
    if let Some(error) = failed {
        let (got, title) = (recorded.len(), error.code().title());
        return Err(Problem::new(
            error.code(),
            format!("{title}; {got} of {wanted} events were recorded before"),
        ));
    }
    let (first, last) = (recorded.iter().min().copied(), recorded.iter().max().copied());
    Reply::json(&AuditAnswer { accepted: recorded.len(), first, last })
}

/// Reads the body of an `audit` request, as the door does: one event or an array of them. If one
/// is not acceptable, none is accepted.
///
/// # Errors
/// Says which event is wrong, and why.
pub fn read_audit(body: &[u8], limits: &Limits) -> Result<Vec<Reported>, Problem> {
    // Which of the two it is shows in the first character, and each has its own messages.
    let is_list = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    let events: Vec<ReportedEvent> = match is_list {
        true => read(body, limits)?,
        false => vec![read(body, limits)?],
    };
    if events.len() > limits.audit_events_max {
        let (got, max) = (events.len(), limits.audit_events_max);
        let message = format!("{got} events are more than `audit_events_max` allows ({max})");
        return Err(Problem::new(Code::TooManyEvents, message));
    }
    let checked = events.into_iter().enumerate().map(|(place, event)| {
        Reported::check(event).map_err(|problem| match is_list {
            true => Problem::new(problem.code(), format!("event {place}: {}", problem.message())),
            false => problem,
        })
    });
    checked.collect()
}

impl Reported {
    fn check(event: ReportedEvent) -> Result<Self, Problem> {
        let ReportedEvent { timestamp, category, action, actor, detail } = event;
        let timestamp = timestamp.filter(|timestamp| !timestamp.is_null());
        if timestamp.as_ref().is_some_and(|at| !at.is_string() && !at.is_number()) {
            return Err(Problem::field("`timestamp` is neither a text nor a number"));
        }
        if let Some(shown) = timestamp.as_ref().and_then(Value::as_str).filter(|at| at.len() > 64) {
            let shown = shown.get(..shown.floor_char_boundary(64)).unwrap_or_default();
            return Err(Problem::field(format!("`timestamp` is too long: `{}…`", Escaped(shown))));
        }
        let action = Action::reported(&category, &action)?;
        let (actor, detail) = (actor.filter(|actor| !actor.is_null()), detail.unwrap_or_default());
        check_reported(action.category(), &detail).map_err(Problem::field)?;
        Ok(Self { action, timestamp, actor, detail })
    }

    /// The event as it is recorded. Whoever holds the token is its actor; everything that the
    /// application says stands apart from what we know.
    fn event(self, policy: &Policy, caller: &Caller) -> Result<Event, Problem> {
        let Self { action, timestamp, actor, detail } = self;
        let reported = json!({ "timestamp": timestamp, "actor": actor });
        let detail = Detail::of(&ReportedDetail {
            reported: policy.loggable(&reported),
            detail: policy.loggable(&Value::Object(detail)),
        })?;
        Ok(Event { action, actor: caller.actor(), conversation: None, detail })
    }
}

#[derive(Serialize)]
struct ReportedDetail {
    reported: Loggable,
    detail: Loggable,
}

/// Hands all events to the journal in order, and waits for all of them at once, so that they can
/// become durable together. Says where those that were taken stand, and what befell the others.
async fn record_all(journal: &dyn Journal, events: Vec<Event>) -> (Vec<Seq>, Option<JournalError>) {
    let mut open: Vec<_> = events.into_iter().map(|event| journal.append(event)).collect();
    let (mut recorded, mut failed) = (Vec::with_capacity(open.len()), None);
    poll_fn(|context| {
        open.retain_mut(|append| match Pin::new(append).poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(seq)) => {
                recorded.push(seq);
                false
            }
            Poll::Ready(Err(error)) => {
                failed = Some(error);
                false
            }
        });
        if open.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (recorded, failed)
}
