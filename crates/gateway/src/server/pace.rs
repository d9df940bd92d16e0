//! How long a connection may take over what it is doing.
//!
//! A client that has begun a request must finish its head soon, or slow clients could hold every
//! connection there is; one that sits between two requests may rest for longer, so that
//! applications can keep a connection for their next call.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bakerst_model::Limits;
use tokio::time::{Instant, Sleep};

/// How long a connection may rest between two requests, and how long it may take what it asked for.
pub(super) const REST: Duration = Duration::from_secs(60);

/// How patient a server is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    head: Duration,
}

impl Patience {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { head: Duration::from_millis(limits.header_millis_max) }
    }

    /// How long a client may take over a head.
    pub(super) fn head(self) -> Duration {
        self.head
    }
}

/// Ends once a connection has taken too long.
pub(super) struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    /// One that is to be set before it is asked.
    pub(super) fn new() -> Self {
        Self(Box::pin(tokio::time::sleep(REST)))
    }

    pub(super) fn set(&mut self, time: Duration) {
        self.0.as_mut().reset(Instant::now() + time);
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(context)
    }
}
