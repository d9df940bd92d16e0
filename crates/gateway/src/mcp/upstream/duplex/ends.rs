//! The two ends of a conversation with a server: where it is told, and where it is heard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Method, Uri};
use http_body_util::{BodyExt as _, Limited};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite,
    AsyncWriteExt as _, BufReader,
};
use url::{Position, Url};

use super::{Bounds, McpProcess, McpProgram, McpRunning};
use crate::mcp::message::Id;
use crate::mcp::sse::{Event, Events};
use crate::mcp::upstream::Silent;
use crate::mcp::upstream::address::Address;
use crate::mcp::upstream::http1::Asked;
use crate::mcp::upstream::pool::FromServer as FromAddress;

/// How much is read at once.
const BUFFER_BYTES: usize = 64 << 10;
/// The longest word on a message that was taken.
const WORD_BYTES_MAX: usize = 64 << 10;
/// What a server of the first revision says first: where it wants to be told.
const ENDPOINT: &str = "endpoint";

/// A message for the server.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) text: String,
    /// The request that it is, as the server knows it.
    pub(super) id: Option<Id>,
}

/// Both ends, and what ends them.
pub(super) struct Ends {
    pub(super) saying: Saying,
    pub(super) hearing: Hearing,
    pub(super) running: Option<Box<dyn McpRunning>>,
}

/// Where the server is told.
pub(super) enum Saying {
    Pipe(Box<dyn AsyncWrite + Send + Unpin>),
    Address { address: Arc<Address>, path: Uri, patience: Duration },
}

/// Where the server is heard.
pub(super) enum Hearing {
    Pipe { reading: BufReader<Box<dyn AsyncRead + Send + Unpin>>, line: Vec<u8>, bytes_max: usize },
    Stream(Box<Stream>),
}

/// A stream of events.
pub(super) struct Stream {
    body: FromAddress,
    events: Events,
    /// Those that came in one piece.
    come: VecDeque<Event>,
}

impl Ends {
    /// Those of a program that is started for this.
    pub(super) async fn of_program(
        program: &dyn McpProgram,
        bytes_max: usize,
    ) -> Result<Self, Silent> {
        // Why it could not is said where it was tried.
        let started = program.start().await.map_err(|_| Silent::NotStarted)?;
        let McpProcess { input, output, running } = started;
        let reading = BufReader::with_capacity(BUFFER_BYTES, output);
        Ok(Self {
            saying: Saying::Pipe(input),
            hearing: Hearing::Pipe { reading, line: Vec::new(), bytes_max },
            running: Some(running),
        })
    }

    /// Those of a server behind two addresses: listens at the one that is configured until the
    /// server has named the other.
    pub(super) async fn listen(address: &Arc<Address>, bounds: Bounds) -> Result<Self, Silent> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let (method, path) = (&Method::GET, &address.path);
        let asked = Asked { method, path, client: &headers, session: None, text: "" };
        let response = address.send(asked).await?;
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_stream = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !response.status().is_success() || !is_stream {
            return Err(Silent::Away);
        }
        let body = response.into_body();
        let events = Events::new(bounds.bytes_max);
        let mut stream = Stream { body, events, come: VecDeque::new() };
        while let Some(event) = stream.next().await {
            if let (Some(ENDPOINT), Some(named)) = (event.name.as_deref(), event.data) {
                let path = own_path(&address.url, &named).ok_or(Silent::Elsewhere)?;
                let (address, patience) = (address.clone(), bounds.patience);
                return Ok(Self {
                    saying: Saying::Address { address, path, patience },
                    hearing: Hearing::Stream(Box::new(stream)),
                    running: None,
                });
            }
        }
        Err(Silent::Away)
    }
}

/// What a server that is at `url` calls another address of its own, as what is asked for there.
/// None where it means somebody else. Only this much of it is used: a server can choose what it is
/// asked, and never who.
fn own_path(url: &Uri, named: &str) -> Option<Uri> {
    let base = Url::parse(&url.to_string()).ok()?;
    let meant = base.join(named.trim()).ok()?;
    let is_own = meant.origin() == base.origin()
        && meant.username().is_empty()
        && meant.password().is_none();
    meant[Position::BeforePath..Position::AfterQuery].parse().ok().filter(|_| is_own)
}

impl Saying {
    /// Tells the server something.
    pub(super) async fn say(&mut self, text: &str) -> Result<(), Silent> {
        match self {
            Self::Pipe(input) => {
                // A message that was read over several lines is one line here.
                let mut line: Vec<u8> = text
                    .bytes()
                    .map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte })
                    .collect();
                line.push(b'\n');
                let written = async {
                    input.write_all(&line).await?;
                    input.flush().await
                };
                written.await.map_err(|_| Silent::Ended)
            }
            Self::Address { address, path, patience } => {
                let mut headers = HeaderMap::new();
                let json = HeaderValue::from_static("application/json");
                headers.insert(CONTENT_TYPE, json);
                let sent = async {
                    let (method, client) = (&Method::POST, &headers);
                    let asked = Asked { method, path, client, session: None, text };
                    let response = address.send(asked).await?;
                    let status = response.status();
                    // Read to its end, so that the connection can be used again.
                    let _ = Limited::new(response.into_body(), WORD_BYTES_MAX).collect().await;
                    if status.is_success() { Ok(()) } else { Err(Silent::Away) }
                };
                tokio::time::timeout(*patience, sent).await.unwrap_or(Err(Silent::Slow))
            }
        }
    }
}

impl Hearing {
    /// The next message; none once there is no more, or one is longer than it may be. Where this
    /// is given up and called again, it goes on where it was.
    pub(super) async fn next(&mut self) -> Option<String> {
        match self {
            Self::Pipe { reading, line, bytes_max } => loop {
                let is_whole = read_line(reading, line, *bytes_max).await;
                if !is_whole {
                    return None;
                }
                if let Ok(text) = String::from_utf8(std::mem::take(line)) {
                    return Some(text);
                }
            },
            Self::Stream(stream) => loop {
                let event = stream.next().await?;
                let is_message = event.name.as_deref().is_none_or(|name| name == "message");
                if let Some(data) = event.data.filter(|_| is_message) {
                    return Some(data);
                }
            },
        }
    }
}

impl Stream {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.come.pop_front() {
                return Some(event);
            }
            let frame = self.body.frame().await?.ok()?;
            if let Some(piece) = frame.data_ref() {
                self.come.extend(self.events.push(piece).ok()?);
            }
        }
    }
}

/// Reads one line of at most so many bytes; false where there is none.
async fn read_line(
    reading: &mut (impl AsyncBufRead + Unpin),
    line: &mut Vec<u8>,
    max: usize,
) -> bool {
    let room = (max + 1).saturating_sub(line.len()) as u64;
    // What was read is in `line`, also where this is given up half-way.
    let read = reading.take(room).read_until(b'\n', line).await;
    read.is_ok() && line.last() == Some(&b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_names_addresses_of_its_own_and_no_others() {
        let at = "http://127.0.0.1:3001/sse?a=1";
        for (named, want) in [
            ("/messages?sessionId=1", Some("/messages?sessionId=1")),
            ("messages", Some("/messages")),
            ("?s=1", Some("/sse?s=1")),
            ("http://127.0.0.1:3001/m#part", Some("/m")),
            (" /m ", Some("/m")),
            ("http://127.0.0.1:3002/m", None),
            ("https://127.0.0.1:3001/m", None),
            ("http://localhost:3001/m", None),
            ("//169.254.169.254/latest/meta-data", None),
            ("\\\\169.254.169.254\\latest", None),
            ("http://127.0.0.1:3001@169.254.169.254/", None),
            ("http://user@127.0.0.1:3001/m", None),
            ("file:///etc/passwd", None),
            ("unix:/run/docker.sock", None),
            ("http://[", None),
        ] {
            let own = own_path(&at.parse().unwrap(), named);
            assert_eq!(own.map(|path| path.to_string()).as_deref(), want, "{named}");
        }
        let secure = "https://tools.example/sse".parse().unwrap();
        assert!(own_path(&secure, "https://tools.example:443/m").is_some());
        assert!(own_path(&secure, "http://tools.example/m").is_none());
    }
}
