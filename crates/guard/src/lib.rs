//! The chain.
#![forbid(unsafe_code)]
pub mod approval;
pub mod document;
