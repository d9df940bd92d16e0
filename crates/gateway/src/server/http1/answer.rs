//! Answers, as they go over the wire.

use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Response, StatusCode};
use httpdate::HttpDate;
use tokio::io::{AsyncRead, AsyncWrite};

use super::wire::{Gone, Shared};

/// How much is collected before it goes out.
const OUT_BYTES: usize = 64 << 10;

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// Whether only the head of the answer is wanted.
    pub(super) head_only: bool,
    /// Whether the client knows chunks.
    pub(super) is_modern: bool,
    /// Whether the connection ends with the answer.
    pub(super) is_last: bool,
}

/// An answer that is being written.
pub(super) struct Answer {
    body: Option<Body>,
    ends: Ends,
    is_last: bool,
}

/// How the client learns where the body ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ends {
    /// There is none.
    AtOnce,
    /// It has so many bytes, or still has.
    After(u64),
    /// It comes in chunks, of which the last is empty.
    WithChunk,
    /// The connection ends.
    WithConnection,
}

impl Answer {
    /// Writes the head.
    pub(super) fn begin<S>(
        response: Response<Body>,
        asked: Asked,
        date: &mut Date,
        wire: &Shared<S>,
    ) -> Self {
        let (parts, body) = response.into_parts();
        let is_bare = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let ends = match body.size_hint().exact() {
            _ if is_bare => Ends::AtOnce,
            Some(bytes) => Ends::After(bytes),
            None if asked.is_modern => Ends::WithChunk,
            None => Ends::WithConnection,
        };
        let is_last = asked.is_last || ends == Ends::WithConnection || hangs_up(&parts.headers);
        let mut wire = wire.lock();
        let out = wire.begin_answer();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(parts.status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(parts.status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in &parts.headers {
            // What is said of the connection is ours to say.
            if [&CONNECTION, &CONTENT_LENGTH, &DATE, &TRANSFER_ENCODING].contains(&name) {
                continue;
            }
            push(out, name.as_str(), value.as_bytes());
        }
        match ends {
            Ends::After(bytes) => {
                // A vector takes all that is written to it.
                let _ = write!(out, "content-length: {bytes}\r\n");
            }
            Ends::WithChunk => push(out, "transfer-encoding", b"chunked"),
            Ends::AtOnce | Ends::WithConnection => {}
        }
        if is_last {
            push(out, "connection", b"close");
        }
        push(out, "date", date.now());
        out.extend_from_slice(b"\r\n");
        let has_body = !asked.head_only && !matches!(ends, Ends::AtOnce | Ends::After(0));
        Self { body: has_body.then_some(body), ends, is_last }
    }

    /// Whether the connection ends with it.
    pub(super) fn is_last(&self) -> bool {
        self.is_last
    }

    /// Writes the rest of it, piece by piece as it comes. The wire is let go while the body is
    /// asked: it may well be made of the request's.
    pub(super) fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        wire: &Shared<S>,
    ) -> Poll<Result<(), Gone>> {
        while let Some(body) = &mut self.body {
            if wire.lock().out().len() >= OUT_BYTES {
                ready!(wire.lock().poll_flush(context))?;
            }
            let frame = match Pin::new(body).poll_frame(context) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    ready!(wire.lock().poll_flush(context))?;
                    return Poll::Pending;
                }
            };
            let mut wire = wire.lock();
            match frame {
                Some(Ok(frame)) => {
                    let piece = frame.into_data().unwrap_or_default();
                    self.ends.push(&piece, wire.out())?;
                }
                None => {
                    self.ends.finish(wire.out())?;
                    self.body = None;
                }
                // What was said of it is no answer, and the client sees that it broke off.
                Some(Err(_)) => return Poll::Ready(Err(Gone)),
            }
        }
        wire.lock().poll_flush(context)
    }
}

impl Ends {
    fn push(&mut self, piece: &Bytes, out: &mut Vec<u8>) -> Result<(), Gone> {
        match self {
            Self::WithChunk if piece.is_empty() => return Ok(()),
            Self::WithChunk => {
                // As above.
                let _ = write!(out, "{:x}\r\n", piece.len());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
                return Ok(());
            }
            Self::After(left) => *left = left.checked_sub(piece.len() as u64).ok_or(Gone)?,
            Self::AtOnce | Self::WithConnection => {}
        }
        out.extend_from_slice(piece);
        Ok(())
    }

    fn finish(self, out: &mut Vec<u8>) -> Result<(), Gone> {
        match self {
            Self::WithChunk => out.extend_from_slice(b"0\r\n\r\n"),
            Self::After(1..) => return Err(Gone),
            Self::After(0) | Self::AtOnce | Self::WithConnection => {}
        }
        Ok(())
    }
}

/// Whether whoever answers wants the connection to end.
fn hangs_up(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| value == "close")
}

fn push(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The time of day as heads state it, written once a second.
#[derive(Default)]
pub(super) struct Date {
    second: u64,
    text: String,
}

impl Date {
    #[expect(clippy::disallowed_methods, reason = "heads state it, and nothing is judged by it")]
    fn now(&mut self) -> &[u8] {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second || self.text.is_empty() {
            (self.second, self.text) = (second, HttpDate::from(now).to_string());
        }
        self.text.as_bytes()
    }
}
