//! Who visits, and on which way to a server.

use std::sync::Arc;

use axum::http::{HeaderMap, Method};
use bakerst_model::ConversationId;

use super::door::Door;
use super::http::Way;
use super::relay::Relay;
use super::screening::Shown;
use super::session::Owner;
use crate::gateway::Gateway;
use crate::identity::Caller;

/// Everything that is known of a visit before it is known to which server it goes.
pub(crate) struct Visitor {
    pub(super) door: Arc<Door>,
    pub(super) gateway: Arc<Gateway>,
    pub(super) caller: Caller,
    pub(super) conversation: ConversationId,
    pub(super) path: &'static str,
    pub(super) headers: HeaderMap,
    /// Whether the client can be told to come again.
    pub(super) in_rounds: bool,
}

impl Visitor {
    /// Whose what is kept with this server is.
    pub(super) fn owner(&self, server: &str) -> Owner {
        let principal = &self.caller.principal;
        let agent = principal.agent.as_ref().map_or("", |agent| agent.as_str());
        Owner::new(&principal.name, agent, server)
    }

    /// What stands between this client and a server.
    pub(super) fn relay(&self, server: &Arc<str>, shown: Arc<Shown>) -> Relay {
        Relay {
            gateway: self.gateway.clone(),
            caller: self.caller.clone(),
            server: server.clone(),
            conversation: self.conversation.clone(),
            path: self.path,
            shown,
            in_rounds: self.in_rounds,
        }
    }

    /// The way to a server.
    pub(super) fn way(&self, server: &Arc<str>) -> Way {
        let owner = self.owner(server);
        Way {
            door: self.door.clone(),
            relay: self.relay(server, self.door.shown(&owner)),
            owner,
            method: Method::POST,
            headers: self.headers.clone(),
            session: None,
        }
    }
}
