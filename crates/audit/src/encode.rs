//! Records in the forms that log systems take them in.
//!
//! Everything here is a pure function from records to bytes. Where a form allows it, the exact line
//! of the log goes along, with its macs: a copy that can be held against the log, and verified.

pub mod datadog;
pub mod elastic;
pub mod loki;
pub mod otlp;
pub mod splunk;
pub mod syslog;
mod view;
pub mod webhook;

pub use view::{Severity, View};
