//! The chain of guardrails, pure.
//!
//! A [`Policy`] is read from configuration and compiled once. For each call it is asked for a
//! [`Run`]: a machine that either is [`Step::Done`] with a [`Decision`] or has a [`Query`] that
//! only the world can answer. What comes out of a decision is a [`Permit`], an [`Asked`] or a
//! [`Refusal`], each of which must be recorded before it is acted upon.
//!
//! Nothing here awaits, reads a clock or touches the world: the same call under the same policy
//! and the same facts is decided alike for ever.
#![forbid(unsafe_code)]

pub mod agents;
pub mod approval;
pub mod args;
pub mod authorization;
pub mod cases;
mod chain;
mod command;
mod config;
mod consumer;
pub mod document;
pub mod flow;
pub mod glob;
pub mod graph;
mod instructions;
pub mod lint;
mod permit;
pub mod pins;
mod policy;
mod rail;
pub mod rails;
pub mod rate;
pub mod replay;
mod sanitize;
mod subject;
pub mod verbs;
mod visible;
mod way;

pub use chain::{Answer, ApprovalNeed, Chain, Decision, Query, Run, Step, Word};
pub use command::CommandPlace;
pub use config::{Example, Guardrails, PatternEntry, PolicySource, RailConfig, RailEntry};
pub use config::{Risk, Threshold, ToolEntry};
pub use consumer::{Passthrough, Unguarded};
pub use flow::{FlowFacts, Labels};
pub use instructions::Instructions;
pub use permit::{Asked, Loggable, Outcome, Permit, Refusal, Ruling};
pub use policy::{Policy, Sections};
pub use rail::{Check, Facts, Guardrail, Maker, Mode, ModelReader, OnError, Registry, Undecided};
pub use sanitize::{Fate, NameBook, OutputFinding, Sanitized};
pub use subject::Subject;
pub use visible::Screened;
