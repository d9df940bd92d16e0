//! What a client speaks to, in the words of the newest revision.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::eras::asking::Asked;
use super::eras::streams::{Heard, WORDS_MAX};
use super::http::{Door, Way};
use super::outlet::{Gone, Outlet};
use super::relay::Cleared;
use crate::gateway::Gateway;

/// What answers requests of the newest revision, whatever stands behind it.
#[derive(Clone)]
pub(crate) enum Core {
    /// One server.
    One(Box<Way>),
}

impl Core {
    /// The door that it is behind.
    pub(crate) fn door(&self) -> &Arc<Door> {
        match self {
            Self::One(way) => &way.door,
        }
    }

    /// What every door shares.
    pub(crate) fn gateway(&self) -> &Arc<Gateway> {
        match self {
            Self::One(way) => &way.relay.gateway,
        }
    }

    /// How many servers it is.
    pub(crate) fn servers(&self) -> usize {
        match self {
            Self::One(_) => 1,
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
        }
    }

    /// Listens to what it says on its own account, until what comes out is dropped.
    pub(crate) fn listen(&self, text: String) -> mpsc::Receiver<Heard> {
        let (said, heard) = mpsc::channel(WORDS_MAX);
        match self {
            Self::One(way) => drop(tokio::spawn(way.as_ref().clone().listen(text, said))),
        }
        heard
    }
}
