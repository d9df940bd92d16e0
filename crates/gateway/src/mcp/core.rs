//! What a client speaks to, in the words of the newest revision.

use std::sync::Arc;

use axum::http::HeaderMap;
use tokio::sync::mpsc;

use super::aggregate::Aggregate;
use super::door::Door;
use super::eras::asking::Asked;
use super::eras::streams::{self, Heard, WORDS_MAX};
use super::eras::words::request_in;
use super::http::Way;
use super::outlet::{Gone, Outlet};
use super::relay::Cleared;
use crate::gateway::Gateway;

/// What answers requests of the newest revision, whatever stands behind it.
#[derive(Clone)]
pub(crate) enum Core {
    /// One server.
    One(Box<Way>),
    /// All of them.
    All(Aggregate),
}

impl Core {
    /// The door that it is behind.
    pub(crate) fn door(&self) -> &Arc<Door> {
        match self {
            Self::One(way) => &way.door,
            Self::All(all) => &all.0.door,
        }
    }

    /// What every door shares.
    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        match self {
            Self::One(way) => &way.relay.gateway,
            Self::All(all) => &all.0.gateway,
        }
    }

    /// The headers of its client.
    pub(crate) fn headers(&self) -> &HeaderMap {
        match self {
            Self::One(way) => &way.headers,
            Self::All(all) => &all.0.headers,
        }
    }

    /// How many servers it is.
    pub(crate) fn servers(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::All(all) => all.len(),
        }
    }

    /// Asks it something. What was asked before, and goes once more, has its leave already.
    pub(crate) async fn ask(
        &self,
        text: &str,
        again: Option<Cleared>,
        outlet: &mut Outlet,
    ) -> Result<Asked, Gone> {
        match self {
            Self::One(way) => way.modern(text, again, outlet).await,
            Self::All(all) => all.ask(text, again, outlet).await,
        }
    }

    /// Brings a request of a client of the newest revision there, and the answer back. What has
    /// its leave already may be given along.
    pub(crate) async fn carry(
        &self,
        text: &str,
        cleared: Option<Cleared>,
        mut outlet: Outlet,
    ) -> Result<(), Gone> {
        let Some(request) = request_in(text) else { return Ok(()) };
        if request.method() == "subscriptions/listen" {
            return streams::serve(self, text, outlet).await;
        }
        let asked = self.ask(text, cleared, &mut outlet).await?;
        if let Some(seconds) = asked.retry_after {
            outlet.retry_after(seconds);
        }
        outlet.finish(asked.status, asked.text).await
    }

    /// Listens to what it says on its own account, until what comes out is dropped.
    pub(crate) fn listen(&self, text: String) -> mpsc::Receiver<Heard> {
        let (said, heard) = mpsc::channel(WORDS_MAX);
        match self {
            Self::One(way) => drop(tokio::spawn(way.as_ref().clone().listen(text, said))),
            Self::All(all) => all.listen(&text, &said),
        }
        heard
    }
}
