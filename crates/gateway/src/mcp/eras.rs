//! Between the revisions with sessions and the one without: clients and servers that do not speak
//! the same one understand each other all the same.
//!
//! In the middle everything is said in the words of the newest revision. A client of an older one
//! is translated where it comes in ([`old_client`]), a server of an older one where it is asked
//! ([`old_server`]); what stands between the two, and what judges, knows one revision only. What is
//! said by whom in which words is in [`upward`], [`downward`] and [`listening`], which are values in
//! and values out. Whoever speaks the same revision as its server never comes here.

pub(super) mod asking;
pub(super) mod crossing;
pub(super) mod downward;
pub(super) mod hearing;
pub(super) mod knowledge;
pub(super) mod listening;
pub(super) mod mirror;
pub(super) mod old_client;
pub(super) mod old_server;
pub(super) mod parameters;
pub(super) mod parked;
mod room;
pub(super) mod sessions;
pub(super) mod standing;
pub(super) mod streams;
pub(super) mod upward;
pub(super) mod words;
