//! The words that every room of the house shares.
//!
//! Identifiers, digests and money are newtypes whose constructors refuse bad values; a
//! [`ToolCall`] is what every door turns its wire format into; a [`Verdict`] and a [`Reason`] are
//! what the chain answers; an [`Event`] is what the journal keeps. The ports through which pure
//! code reaches the world ([`Journal`], [`Clock`]) stand here too, so that the edges that
//! implement them never need to know each other.
//!
//! Nothing here reads a file, a socket, a clock or the environment, and nothing here knows a wire
//! format beyond JSON itself.
#![forbid(unsafe_code)]

mod call;
mod code;
mod digest;
mod event;
mod id;
mod journal;
pub mod json;
mod limits;
mod money;
mod pin;
mod principal;
mod text;
mod time;
mod token;
mod verdict;

pub use call::ToolCall;
pub use code::{Blame, Code};
pub use digest::Digest;
pub use event::{Action, Actor, Category, Detail, Event, EventError};
pub use id::{AgentId, ApprovalId, ConversationId, DecisionId, IdError, Seq, ToolName, UserId};
pub use journal::{Accountable, Appending, Journal, JournalError, Pending, Recorded};
pub use limits::Limits;
pub use money::{MicroUsd, MoneyError};
pub use pin::{Reached, ServerIdentity, ToolDefinition, ToolDefinitionError};
pub use pin::{canonical, canonical_tool_name};
pub use principal::{Principal, Role};
pub use text::{Escaped, Secret, Untrusted};
pub use time::{Clock, UnixMillis};
pub use token::{KeySource, MintedToken, TOKEN_RANDOM_BYTES, TokenBook, TokenBookError, TokenId};
pub use token::{TokenRecord, mint_token, present_token};
pub use verdict::{Reason, Verdict};
