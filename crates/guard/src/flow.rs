//! What flows where: which values of a call come from the user, from tools that are trusted, or only
//! from what anybody may have written.
//!
//! A [`Conversation`] learns the user's prompts and the tools' outputs. It keeps none of them: of
//! what is trusted it keeps keyed digests of short runs of words, exactly; of what is not it keeps
//! a filter of pieces of words, which may take a value for untrusted that is not, and never the
//! other way round. Room for one never comes out of the room for another, so no flood of outputs
//! makes the user's words forgotten. Where room ends, what is not known is untrusted.
//!
//! What is trusted must match to the letter, but for case and spacing: whoever owns
//! `exam-ple.org` is not whoever owns `example.org`. What is untrusted is found again under every
//! disguise that [`normalise`](bakerst_detect::normalise) knows.

mod book;
mod conversation;
mod facts;
mod filter;
mod key;
mod known;
mod labels;
mod origins;
mod pieces;
pub(crate) mod role;
mod walk;
mod words;

pub use book::{ConversationBook, ConversationBookError, ConversationKey, KeptConversation};
pub use conversation::{Conversation, Overview, Part, PartKind, Taint, Unreadable};
pub use facts::{ArgumentFact, FlowFacts, Origin};
pub use key::FlowKey;
pub use labels::{Labels, Reads, Sends, Source};
pub(crate) use walk::{is_link, last_name};

#[cfg(test)]
mod tests;
