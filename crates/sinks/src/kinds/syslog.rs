//! Syslog, over TLS, TCP or UDP.
//!
//! The protocol has no acknowledgement. Over TLS and TCP each batch has a connection of its own: we
//! close our side and wait for the receiver to close its own, which it does once it has read
//! everything. Only then does the batch count. Over UDP nothing can be known, and what was handed to
//! the network counts.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bakerst_audit::delivery::{Outcome, Reason, Shipped};
use bakerst_audit::encode::syslog::{Form, frame, message};
use bakerst_model::{Pending, UnixMillis};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket, lookup_host};

use crate::http::{broken, is_loopback};
use crate::tls::Tls;
use crate::{ConfigError, Origin, Sink, Transport};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The most that a receiver may say back: it is not supposed to say anything.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// What every receiver must take, by RFC 5425.
const MESSAGE_BYTES_MIN: usize = 2048;

/// Settings of `syslog`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The receiver, as `host:port`.
    pub address: String,
    /// What it is reached over.
    #[serde(default)]
    pub protocol: Protocol,
    /// How messages are written.
    #[serde(default)]
    pub format: Format,
    /// The longest message; a record that does not fit is cut, and the cut stated.
    #[serde(default = "message_bytes_max")]
    pub message_bytes_max: usize,
    /// Whether a batch counts only once the receiver has read it.
    #[serde(default = "yes")]
    pub confirm: bool,
    /// How it is reached.
    #[serde(default)]
    pub transport: Transport,
}

/// What a receiver is reached over.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TLS over TCP.
    #[default]
    Tls,
    /// TCP.
    Tcp,
    /// UDP: a message a datagram, and no way to know whether any arrived.
    Udp,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// With structured data.
    #[default]
    Rfc5424,
    /// As it was done before.
    Rfc3164,
}

fn message_bytes_max() -> usize {
    8192
}
fn yes() -> bool {
    true
}

/// The sink.
pub struct Syslog {
    address: String,
    protocol: Protocol,
    form: Form,
    bytes_max: usize,
    confirm: bool,
    host: String,
    tls: Option<Tls>,
    open: Option<Box<dyn Wire>>,
}

trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Wire for S {}

impl Syslog {
    /// Nothing is connected to yet.
    ///
    /// # Errors
    /// When a setting is wrong, or a certificate cannot be used.
    pub fn open(config: &Config, origin: &Origin) -> Result<Self, ConfigError> {
        let wrong = |setting, why: &str| ConfigError::Value { setting, why: why.to_owned() };
        let (host, port) = config.address.rsplit_once(':').unwrap_or_default();
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(wrong("address", "expected `host:port`"));
        }
        if config.message_bytes_max < MESSAGE_BYTES_MIN {
            return Err(wrong("message_bytes_max", "expected 2048 at least"));
        }
        let tls = match config.protocol {
            Protocol::Tls => Some(Tls::new(host, &config.transport)?),
            _ if config.transport.allow_plaintext || is_loopback(host) => None,
            _ => {
                return Err(wrong(
                    "protocol",
                    "expected `tls`: records would cross the network in plain sight; `transport.allow_plaintext` allows that",
                ));
            }
        };
        Ok(Self {
            address: config.address.clone(),
            protocol: config.protocol,
            form: match config.format {
                Format::Rfc5424 => Form::Rfc5424,
                Format::Rfc3164 => Form::Rfc3164,
            },
            bytes_max: config.message_bytes_max,
            confirm: config.confirm,
            host: origin.host.to_string(),
            tls,
            open: None,
        })
    }

    fn messages(&self, records: &[Shipped], now: UnixMillis) -> Vec<String> {
        let write = |record| message(record, self.form, &self.host, self.bytes_max, now);
        records.iter().map(write).collect()
    }

    async fn connect(&self) -> io::Result<Box<dyn Wire>> {
        let connect = async {
            let stream = TcpStream::connect(&self.address).await?;
            stream.set_nodelay(true)?;
            let wire: Box<dyn Wire> = match &self.tls {
                Some(tls) => Box::new(tls.connect(stream).await?),
                None => Box::new(stream),
            };
            Ok(wire)
        };
        let connected = tokio::time::timeout(CONNECT_WITHIN, connect).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn stream(&mut self, records: &[Shipped], now: UnixMillis) -> io::Result<()> {
        let frames: Vec<u8> = self.messages(records, now).iter().flat_map(|m| frame(m)).collect();
        let mut wire = match self.open.take() {
            Some(wire) => wire,
            None => self.connect().await?,
        };
        wire.write_all(&frames).await?;
        wire.flush().await?;
        if !self.confirm {
            self.open = Some(wire);
            return Ok(());
        }
        wire.shutdown().await?;
        let mut said = Vec::new();
        match wire.take(ANSWER_BYTES_MAX).read_to_end(&mut said).await {
            // Some, rsyslog among them, close the connection without a word of TLS about it.
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(()),
        }
    }

    async fn datagrams(&self, records: &[Shipped], now: UnixMillis) -> io::Result<()> {
        let to = lookup_host(&self.address).await?.next();
        let to = to.ok_or_else(|| io::Error::other("the host has no address"))?;
        let from = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let socket = UdpSocket::bind(from).await?;
        socket.connect(to).await?;
        for message in self.messages(records, now) {
            socket.send(message.as_bytes()).await?;
        }
        Ok(())
    }
}

impl Sink for Syslog {
    fn send<'s>(&'s mut self, records: &'s [Shipped], now: UnixMillis) -> Pending<'s, Outcome> {
        Box::pin(async move {
            let sent = match self.protocol {
                Protocol::Udp => self.datagrams(records, now).await,
                Protocol::Tls | Protocol::Tcp => self.stream(records, now).await,
            };
            match sent {
                Ok(()) => Outcome::Accepted,
                // A datagram that the network does not take will not fit tomorrow either.
                Err(error) if is_too_long(&error) => {
                    Outcome::Refused(Reason::new(error.to_string()))
                }
                Err(error) => broken(&error),
            }
        })
    }
}

/// `EMSGSIZE`, which has no kind of its own.
fn is_too_long(error: &io::Error) -> bool {
    const EMSGSIZE: i32 = if cfg!(target_os = "macos") { 40 } else { 90 };
    error.raw_os_error() == Some(EMSGSIZE)
}
