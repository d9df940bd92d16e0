//! How records get from the log to a sink, and what is known of that.
//!
//! The log is the queue, so nothing is ever buffered or dropped: a sink that is away for two days
//! is a number that stands still. [`Planner`] says what to do next with one sink: wait, send these
//! records, or put those into the dead letters. It is told what came of it, what time it is and a
//! random number, and knows nothing else. [`Account`] is what is kept of a sink between two runs,
//! and finds out where the log and what the sink acknowledged do not fit together.

mod account;
mod backoff;
mod planner;
mod shipped;
mod span;
mod status;

pub use account::{Account, Discord};
pub use backoff::{Backoff, Moment};
pub use planner::{Circuit, Letter, Outcome, Pace, Planner, Reason, Step};
pub use shipped::{EventId, Form, Shipped};
pub use span::Span;
pub use status::{Deliveries, LogVitals, SinkStatus, Vitals};
