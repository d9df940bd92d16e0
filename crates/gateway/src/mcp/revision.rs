//! The revisions of the protocol.

/// A revision of the protocol, as clients and servers name it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Revision {
    /// The first.
    V2024_11_05,
    /// Streamable HTTP, and the only one with batches.
    V2025_03_26,
    /// Structured results and elicitation.
    V2025_06_18,
    /// Tasks, and streams that can be polled.
    V2025_11_25,
    /// Without sessions: every request says for itself what it needs.
    V2026_07_28,
}

impl Revision {
    /// Every revision, oldest first.
    pub(crate) const ALL: [Self; 5] = [
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// The newest.
    pub(crate) const NEWEST: Self = Self::V2026_07_28;
    /// The newest of those with sessions.
    pub(crate) const LAST_WITH_SESSIONS: Self = Self::V2025_11_25;

    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Reads a revision.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == text)
    }

    /// Whether each request stands for itself, without a handshake and a session.
    pub(crate) fn is_stateless(self) -> bool {
        self >= Self::V2026_07_28
    }
}
