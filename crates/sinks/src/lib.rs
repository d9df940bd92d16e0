//! Ships the log's records to log systems.
//!
//! The log is the queue. A [`Shipper`] serves one sink: it reads a batch on from what the sink has,
//! sends it, and notes how far the sink is; what to do when is decided by the planner of
//! `bakerst-audit`. [`Shipping`] runs one shipper a sink, each by itself, so that a sink which hangs
//! holds up neither the log nor another sink. Nothing is kept in memory but the batch at hand.
//!
//! A sink is configured by a [`SinkEntry`]. Its credentials are named there and fetched through a
//! [`Keyring`], so that none ever stands in a configuration.
#![forbid(unsafe_code)]

mod config;
mod document;
mod folder;
mod formed;
mod http;
mod kinds;
mod shipper;
mod shipping;
mod sink;
mod tls;

pub use config::{
    ConfigError, Keyring, SecretRef, Settings, SinkEntry, SinkKind, SinkName, SinkShape, Transport,
};
pub use document::Document;
pub use folder::{DeadLetter, FolderError, SinkFolder};
pub use kinds::{datadog, elastic, file, loki, nats, otlp, splunk, syslog, webhook};
pub use shipper::{Now, Setup, Shipper, Turn};
pub use shipping::{Boards, Notice, Notices, Shipping};
pub use sink::{Origin, Sink};
pub use tls::{Tls, TlsError};
