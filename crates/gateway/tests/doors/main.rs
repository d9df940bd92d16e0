//! The doors from outside: real sockets, and books that are as strict as the real ones.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod approvals;
mod audit;
mod bad_input;
mod before;
mod control;
mod conversations;
mod http2;
mod identity;
mod issued;
mod journal;
mod log;
mod mcp;
mod metrics;
mod opa;
mod openapi;
mod parity;
mod rates;
mod server;
mod support;
mod tokens;
