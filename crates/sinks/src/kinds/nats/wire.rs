//! As much of the NATS protocol as publishing takes, with a bound on everything that is read.

use std::io;

use serde::Deserialize;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

use crate::tls::Tls;

/// The longest line; the greeting of a large cluster names all its servers.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// The longest message that is read: answers of a stream are short.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// What a server takes where it does not say.
const PAYLOAD_BYTES_MAX: usize = 1 << 20;

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// An open connection.
pub(super) struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    payload_max: usize,
}

/// What the server said, apart from what is answered here.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Heard {
    Pong,
    Error(String),
    Message { subject: String, status: Option<u16>, payload: Vec<u8> },
}

#[derive(Deserialize)]
struct Info {
    #[serde(default)]
    max_payload: Option<usize>,
    #[serde(default)]
    headers: bool,
    #[serde(default)]
    jetstream: bool,
}

impl Wire {
    /// Hears the server out, and goes over to TLS.
    pub(super) async fn greet(stream: TcpStream, tls: Option<&Tls>) -> io::Result<Self> {
        // Byte by byte: what follows the greeting may belong to TLS already.
        let mut plain = BufReader::with_capacity(1, stream);
        let line = read_line(&mut plain).await?;
        let info = line.strip_prefix("INFO ").ok_or_else(|| strange("it does not greet"))?;
        let info: Info = serde_json::from_str(info).map_err(io::Error::other)?;
        if !info.headers || !info.jetstream {
            return Err(strange("it has no JetStream"));
        }
        let stream: Box<dyn Stream> = match tls {
            Some(tls) => Box::new(tls.connect(plain.into_inner()).await?),
            None => Box::new(plain.into_inner()),
        };
        let payload_max = info.max_payload.unwrap_or(PAYLOAD_BYTES_MAX);
        Ok(Self { stream: BufReader::new(stream), payload_max })
    }

    /// The longest payload that the server takes.
    pub(super) fn payload_max(&self) -> usize {
        self.payload_max
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next thing that matters; pings are answered on the way.
    pub(super) async fn hear(&mut self) -> io::Result<Heard> {
        loop {
            let line = read_line(&mut self.stream).await?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "PING" => self.say(b"PONG\r\n").await?,
                "PONG" => return Ok(Heard::Pong),
                "+OK" | "INFO" => {}
                "-ERR" => return Ok(Heard::Error(rest.trim_matches('\'').to_owned())),
                "MSG" | "HMSG" => return self.message(word == "HMSG", rest).await,
                _ => return Err(strange("it says something unknown")),
            }
        }
    }

    /// `subject sid [reply] [head-bytes] bytes`, and the message itself.
    async fn message(&mut self, headed: bool, rest: &str) -> io::Result<Heard> {
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |from_end: usize| {
            let word = words.len().checked_sub(from_end).and_then(|at| words.get(at));
            word.and_then(|word| word.parse::<usize>().ok())
        };
        let (subject, whole) = (words.first(), number(1));
        let head = if headed { number(2) } else { Some(0) };
        let (Some(subject), Some(whole), Some(head)) = (subject, whole, head) else {
            return Err(strange("its message has no length"));
        };
        if whole > MESSAGE_BYTES_MAX || head > whole {
            return Err(strange("its message is too long"));
        }
        let subject = (*subject).to_owned();
        let mut bytes = vec![0; whole + 2];
        self.stream.read_exact(&mut bytes).await?;
        if !bytes.ends_with(b"\r\n") {
            return Err(strange("its message does not end where it should"));
        }
        bytes.truncate(whole);
        let payload = bytes.split_off(head);
        // `NATS/1.0 503` where nobody listens.
        let status = bytes
            .strip_prefix(b"NATS/1.0 ")
            .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok());
        Ok(Heard::Message { subject, status, payload })
    }
}

async fn read_line<S: AsyncRead + Unpin>(stream: &mut BufReader<S>) -> io::Result<String> {
    let mut line = Vec::new();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let text = line.strip_suffix(b"\r\n").ok_or_else(|| strange("its line is too long"))?;
    String::from_utf8(text.to_vec()).map_err(io::Error::other)
}

fn strange(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
