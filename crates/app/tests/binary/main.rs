//! The real binary, from outside.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod flows;
mod guarded;
mod identity;
mod init;
mod keeping;
mod policy;
mod reading;
mod refusals;
mod secrets;
mod sinks;
mod started;
mod support;
mod what_if;
mod wrap;
mod wrapper;
