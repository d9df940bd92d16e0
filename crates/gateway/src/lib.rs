//! The doors: wire formats, identity and the servers that speak them.
//!
//! A [`Gateway`] holds what every door shares: the policy in force, the journal, the books of
//! approvals and tokens. [`serve`] puts it behind TCP and Unix sockets, [`operate`] behind a plain
//! function call for command lines that find no server running. What is served is one table of
//! routes, from which both the router and the OpenAPI document are made.
//!
//! A call is judged by `guard` and recorded before it is answered: the only way to an answer that
//! says `allow: true` is [`wire::HookAnswer::allowed`], which takes a recorded permit. Consumer
//! mode has an answer of its own, which says that nothing was checked.
#![forbid(unsafe_code)]

mod api;
mod base64;
mod body;
mod conversations;
mod desk;
mod exchange;
mod gateway;
pub mod hook;
mod housekeeping;
mod http1;
mod identity;
mod judge;
mod ledger;
mod log;
mod mcp;
mod metrics;
mod opa;
mod openapi;
mod origin;
mod output;
mod paths;
mod problem;
mod query;
mod rates;
mod readiness;
mod reply;
mod router;
mod routes;
mod server;
mod source;
mod tokens;
pub mod wire;

pub use gateway::{Enforcement, Gateway, OpenError, Ports};
pub use identity::{Algorithm, Issuer};
pub use mcp::sse;
pub use mcp::{
    LinkEnds, LinkHello, LinkNews, LinkWelcome, McpAddress, McpProcess, McpProgram, McpRunning,
    McpServer, McpServers, ServerError, http1_client,
};
pub use openapi::document as openapi_document;
pub use paths::follow_paths;
pub use problem::Problem;
pub use router::{Operated, operate};
pub use server::{Listeners, bind_socket, http1 as http1_server, own_uid, serve, serve_noop};
