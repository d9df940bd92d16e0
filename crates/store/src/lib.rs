//! Durable state: the log file, approvals and tokens.
