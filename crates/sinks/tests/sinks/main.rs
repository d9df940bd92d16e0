//! Every sink against a strict receiver, and the shipper against sinks that do whatever sinks do.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod config;
mod datadog;
mod elastic;
mod file;
mod forms;
mod loki;
mod nats;
mod otlp;
mod shipper;
mod shipping;
mod splunk;
mod support;
mod syslog;
mod webhook;
