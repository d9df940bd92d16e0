//! A small HTTP client for our own doors: the command line speaks to a running server with it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};

/// Where a door is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// On TCP.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
}

/// An open connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

/// An answer.
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: Bytes,
}

/// The longest answer that is read.
const REPLY_BYTES_MAX: usize = 64 << 20;

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Self::over(stream, address.to_string()).await
            }
            Address::Unix(path) => {
                Self::over(UnixStream::connect(path).await?, "localhost".to_owned()).await
            }
        }
    }

    async fn over<S>(stream: S, host: String) -> io::Result<Self>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let shaken = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let (sender, connection) = shaken;
        tokio::spawn(connection);
        Ok(Self { sender, host })
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<String>,
    ) -> io::Result<Reply> {
        let mut request = Request::builder().method(method).uri(path).header("host", &self.host);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        let request = request.body(body).map_err(io::Error::other)?;
        // The answer before may be read while its connection still settles.
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        let limited = Limited::new(response.into_body(), REPLY_BYTES_MAX);
        let body = limited.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Reply { status, body })
    }
}
