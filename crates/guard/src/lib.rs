//! The chain and its guardrails.
