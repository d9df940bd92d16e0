//! The MCP door: clients speak to their servers through here, and neither has to know.
//!
//! A message is read once. Its envelope tells what it is; what acts goes through the chain, what
//! comes back is cleaned, and everything else passes on as the bytes that it came in.
//! [`relay`] says what becomes of each message, whichever way it came; [`http`] brings messages
//! to servers over HTTP, [`link`] over the pipes of a server that the client starts.

mod aggregate;
mod answer;
mod core;
mod door;
mod eras;
mod http;
pub(crate) mod link;
mod listing;
mod media;
mod message;
mod outlet;
mod relay;
mod reply;
mod revision;
mod rounds;
mod screening;
mod session;
pub mod sse;
mod upstream;
mod visitor;
mod waiting;

pub(crate) use door::Door;
pub(crate) use http::{Visit, serve};
pub use link::{LinkEnds, LinkHello, LinkNews, LinkWelcome};
pub(crate) use screening::Listed;
pub(crate) use session::Seal;
pub use upstream::{
    McpAddress, McpProcess, McpProgram, McpRunning, McpServer, McpServers, ServerError,
    http1 as http1_client,
};
