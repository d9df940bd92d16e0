//! The built-in guardrails, one file each.
//!
//! A new one is a file here, its name in [`BUILT_IN`], and its arm in `config`; a custom one,
//! which a chain names with `kind: rust`, is a file here and one line in [`custom`].

pub mod authorization;
pub mod destructive_gate;
pub mod flow_control;
pub mod human_approval;
pub mod output_sanitization;
pub mod prompt_injection;
pub mod schema_validation;
pub mod tool_policy;

use crate::Registry;

/// The names that a chain may use without `kind`, in their usual order.
pub const BUILT_IN: [&str; 8] = [
    "prompt-injection",
    "schema-validation",
    "tool-policy",
    "destructive-gate",
    "authorization",
    "flow-control",
    "human-approval",
    "output-sanitization",
];

/// The custom guardrails of this build: one line each, `.with("name", name::make)`.
#[must_use]
pub fn custom() -> Registry {
    Registry::default()
}
