//! What the door keeps: its servers, and what it must know of them and of those who ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use super::aggregate::names::Aliases;
use super::eras::knowledge::Knowledge;
use super::eras::old_client::Questions;
use super::eras::parameters::Parameters;
use super::eras::parked;
use super::eras::sessions::Sessions;
use super::eras::standing::Standing;
use super::eras::upward::Stated;
use super::message::Id;
use super::screening::{Boards, Shown};
use super::session::{Owner, Seal};
use super::upstream::McpServers;

/// What the door keeps.
pub(crate) struct Door {
    pub(crate) servers: Arc<McpServers>,
    pub(super) seal: Seal,
    /// Requests that are being judged, by whose they are and what they are known by.
    waiting: Mutex<HashMap<Asked, Arc<Notify>>>,
    /// What servers' lists have shown, by who has seen them.
    shown: Boards,
    /// Which revisions servers speak, where that is not what their clients do.
    pub(super) knowledge: Knowledge,
    /// Sessions with servers of older revisions, for clients that have none.
    pub(super) sessions: Sessions,
    /// Calls in whose middle such a server wants something of its client.
    pub(super) parked: parked::Calls,
    /// What servers without sessions want of clients that have one.
    pub(super) questions: Questions,
    /// What such clients have said to stand for their session.
    pub(super) standing: Standing,
    /// Which parameters servers want to see in headers.
    pub(super) parameters: Parameters,
    /// How servers are called where all have one address.
    pub(super) aliases: Aliases,
}

/// Whose request it is, in which session, and what it is known by: two clients of one credential
/// count from one each.
type Asked = (Owner, Option<String>, Id);

/// What the name of a session stands for.
pub(super) enum Session {
    /// Under this name the server knows it.
    Servers(String),
    /// It is ours: the server has none.
    Ours(Stated),
}

impl Door {
    /// A door to these servers.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new(servers: McpServers) -> Result<Self, getrandom::Error> {
        let waiting = Mutex::new(HashMap::new());
        let known = servers.names().map(|name| (name.clone(), servers.stated(name)));
        Ok(Self {
            knowledge: Knowledge::of_all(known),
            aliases: Aliases::of(servers.names()),
            servers: Arc::new(servers),
            seal: Seal::draw()?,
            waiting,
            shown: Boards::default(),
            sessions: Sessions::default(),
            parked: parked::Calls::default(),
            questions: Questions::default(),
            standing: Standing::default(),
            parameters: Parameters::default(),
        })
    }

    /// What the name of a session stands for, if it is this owner's.
    pub(super) fn session(&self, name: &str, owner: &Owner) -> Option<Session> {
        if let Ok(servers) = self.seal.open(name, owner) {
            return Some(Session::Servers(servers));
        }
        let ours = self.seal.open(name, &owner.of_ours()).ok()?;
        Stated::opened(&ours).map(Session::Ours)
    }

    pub(super) fn shown(&self, owner: &Owner) -> Arc<Shown> {
        self.shown.of(owner)
    }

    pub(super) fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<Asked, Arc<Notify>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
