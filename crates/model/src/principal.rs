//! Who is speaking.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::AgentId;

/// What a credential is good for. Roles do not include each other: no agent reads the log, and no
/// auditor approves.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks for decisions and reports events: the hook door.
    Agent,
    /// Sees and answers requests for approval.
    Approver,
    /// Reads the log.
    Auditor,
    /// Manages tokens and configuration.
    Admin,
}

impl Role {
    /// Every role, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Agent, Self::Approver, Self::Auditor, Self::Admin];

    /// The role as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }

    /// Reads a role as it is written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An authenticated speaker.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// Its name: a token's name, or the account on the control socket.
    pub name: Arc<str>,
    /// What it may do.
    pub roles: Arc<[Role]>,
    /// The one agent that it speaks for, where its credential is bound to one.
    pub agent: Option<AgentId>,
}

impl Principal {
    /// Whether its credential is good for `role`. An agent's never reads the log, whatever else it
    /// is good for.
    #[must_use]
    pub fn has(&self, role: Role) -> bool {
        let reads_of_itself = role == Role::Auditor && self.roles.contains(&Role::Agent);
        self.roles.contains(&role) && !reads_of_itself
    }
}
