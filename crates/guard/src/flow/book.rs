//! Where conversations are kept, as the doors reach it.

use std::sync::Arc;

use bakerst_model::{Code, ConversationId, Pending, UnixMillis};

use super::{Overview, Part, Unreadable};

/// Whose conversation it is. Two applications may use the same name for theirs, and neither may
/// speak for the other's user.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ConversationKey {
    /// The credential under which it is led.
    pub holder: Arc<str>,
    /// Its name there.
    pub conversation: ConversationId,
}

/// A conversation in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptConversation {
    /// Whose, and which.
    pub key: ConversationKey,
    /// When it last heard something.
    pub heard_at: UnixMillis,
    /// What it has heard.
    pub overview: Overview,
}

/// Why the book could not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum ConversationBookError {
    /// As many conversations are kept as may be.
    #[error("{max} conversations are kept, which is as many as `conversations_max` allows")]
    Full {
        /// The limit.
        max: usize,
    },
    /// It holds what was never written there.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The medium failed.
    #[error("the book of conversations failed: {0}")]
    Failed(String),
}

impl ConversationBookError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Full { .. } => Code::ConversationsFull,
            Self::Unreadable(_) | Self::Failed(_) => Code::ConversationBroken,
        }
    }
}

/// Where conversations are kept. Each method is one atomic step.
pub trait ConversationBook: Send + Sync {
    /// The parts of one, by kind and place; none where it has heard nothing.
    fn load(&self, key: ConversationKey) -> Pending<'_, Result<Vec<Part>, ConversationBookError>>;

    /// Keeps parts in place of those of the same kind and place. A new conversation is refused
    /// where as many are kept as may be and none has been silent for long.
    fn keep(
        &self,
        key: ConversationKey,
        parts: Vec<Part>,
        at: UnixMillis,
    ) -> Pending<'_, Result<(), ConversationBookError>>;

    /// Those there are, the last heard first, at most `most`; with `named`, those of this name.
    fn list(
        &self,
        named: Option<ConversationId>,
        most: usize,
    ) -> Pending<'_, Result<Vec<KeptConversation>, ConversationBookError>>;
}
