//! Where a request came in.

use std::net::IpAddr;

/// The way by which a connection reached us, as far as it can be trusted.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Source {
    /// Over TCP.
    Tcp {
        /// Who connected.
        peer: IpAddr,
        /// To which of our addresses.
        local: IpAddr,
    },
    /// Over the socket of the hook door.
    Socket,
    /// Over the socket for wrappers, as this account.
    Link {
        /// The account, as the system vouches for it.
        uid: u32,
    },
    /// Over the control socket, or from this process itself, as this account.
    Control {
        /// The account, as the system vouches for it.
        uid: u32,
    },
}

impl Source {
    /// The address that the log keeps.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Tcp { peer, .. } => Some(peer),
            Self::Socket | Self::Link { .. } | Self::Control { .. } => None,
        }
    }

    /// The way in one word, for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp { .. } => "tcp",
            Self::Socket => "socket",
            Self::Link { .. } => "link",
            Self::Control { .. } => "control",
        }
    }
}
