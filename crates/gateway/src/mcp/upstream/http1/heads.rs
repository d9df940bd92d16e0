//! The head of an answer.

use std::mem::MaybeUninit;

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use httparse::{Header, ParserConfig, Status};
use memchr::{memchr_iter, memrchr};

use super::buffer::Buffer;
use super::content::Content;
use super::{BadAnswer, HEAD_BYTES_MAX, HEADERS_MAX, PROVISIONAL_MAX};
use crate::mcp::upstream::SESSION;

/// A head that was read.
pub(in crate::mcp::upstream) struct Head {
    /// Its status, and of its headers those that somebody here asks for.
    pub(in crate::mcp::upstream) response: Response<()>,
    /// What follows it.
    pub(in crate::mcp::upstream) content: Content,
    /// Whether nothing may be asked on its connection any more.
    pub(in crate::mcp::upstream) is_last: bool,
}

/// Waits for the head of the answer to one request.
#[derive(Default)]
pub(super) struct Heads {
    /// How much was looked at for the head's end.
    seen: usize,
    /// How many lines end in it.
    lines: usize,
    /// How many answers came before that only say that the answer will come.
    provisional: usize,
}

impl Heads {
    /// The head, once it is there whole.
    pub(super) fn read(
        &mut self,
        buffer: &mut Buffer,
        method: &Method,
    ) -> Result<Option<Head>, BadAnswer> {
        while let Some(bytes) = self.whole(buffer.rest())? {
            let head = Head::read(buffer.rest().get(..bytes).unwrap_or_default(), method)?;
            buffer.skip(bytes);
            if head.is_some() {
                return Ok(head);
            }
            *self = Self { provisional: self.provisional + 1, ..Self::default() };
            if self.provisional > PROVISIONAL_MAX {
                return Err(BadAnswer::Provisional);
            }
        }
        Ok(None)
    }

    /// How long the head is, once its end is there. Every line ends as the protocol says: where
    /// one reader takes a lone line feed for an end and another does not, answers can be forged.
    fn whole(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadAnswer> {
        // The parser would pass over empty lines.
        if bytes.first().is_some_and(|first| *first != b'H') {
            return Err(BadAnswer::Head);
        }
        for feed in memchr_iter(b'\n', bytes.get(self.seen..).unwrap_or_default()) {
            let end = self.seen + feed + 1;
            let upto = bytes.get(..end).unwrap_or_default();
            if end > HEAD_BYTES_MAX {
                return Err(BadAnswer::HeadBytes);
            }
            if !upto.ends_with(b"\r\n") {
                return Err(BadAnswer::Head);
            }
            if upto.ends_with(b"\r\n\r\n") {
                return Ok(Some(end));
            }
            self.lines += 1;
            if self.lines > HEADERS_MAX + 1 {
                return Err(BadAnswer::Headers);
            }
        }
        // What follows the last line's end may be cut anywhere, and is looked at again.
        self.seen = memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        match bytes.len() > HEAD_BYTES_MAX {
            true => Err(BadAnswer::HeadBytes),
            false => Ok(None),
        }
    }
}

impl Head {
    /// Reads a head; none where it only says that the answer will come.
    fn read(bytes: &[u8], method: &Method) -> Result<Option<Self>, BadAnswer> {
        let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut read = httparse::Response::new(&mut []);
        let strict = ParserConfig::default();
        match strict.parse_response_with_uninit_headers(&mut read, bytes, &mut room) {
            Ok(Status::Complete(length)) if length == bytes.len() => {}
            _ => return Err(BadAnswer::Head),
        }
        let status = read.code.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or(BadAnswer::Head)?;
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(BadAnswer::Switched);
        }
        if status.is_informational() {
            return Ok(None);
        }
        let mut response = Response::new(());
        *response.status_mut() = status;
        let mut framing = Framing::default();
        for header in read.headers.iter() {
            framing.hear(header)?;
            keep(header, &mut response)?;
        }
        let is_modern = read.version == Some(1);
        let is_bare = method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let (content, is_last) = framing.decide(is_modern, is_bare)?;
        Ok(Some(Self { response, content, is_last }))
    }
}

/// Keeps a header that somebody here asks for.
fn keep(header: &Header<'_>, response: &mut Response<()>) -> Result<(), BadAnswer> {
    let is = |name| header.name.eq_ignore_ascii_case(name);
    let name = match () {
        () if is("content-type") => CONTENT_TYPE,
        () if is("mcp-session-id") => SESSION,
        () => return Ok(()),
    };
    let value = HeaderValue::from_bytes(header.value).map_err(|_| BadAnswer::Head)?;
    response.headers_mut().append(name, value);
    Ok(())
}

/// What a head says of where its answer ends.
#[derive(Default)]
struct Framing {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
}

impl Framing {
    fn hear(&mut self, Header { name, value }: &Header<'_>) -> Result<(), BadAnswer> {
        if name.eq_ignore_ascii_case("content-length") {
            let length = number(value).ok_or(BadAnswer::Length)?;
            if self.length.replace(length).is_some_and(|before| before != length) {
                return Err(BadAnswer::Length);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let is_second = std::mem::replace(&mut self.is_chunked, true);
            if is_second || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadAnswer::Length);
            }
        } else if name.eq_ignore_ascii_case("connection") {
            let mut words = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.closes |= words.any(|word| word.eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }

    /// What follows the head, and whether it is the last of its connection.
    fn decide(self, is_modern: bool, is_bare: bool) -> Result<(Content, bool), BadAnswer> {
        let Self { length, is_chunked, closes } = self;
        if is_chunked && (length.is_some() || !is_modern) {
            return Err(BadAnswer::Length);
        }
        let closes = closes || !is_modern;
        Ok(match (length, is_chunked) {
            // A server that announces what must not follow may well send it.
            _ if is_bare => (Content::Over, closes || is_chunked || length.is_some_and(|n| n > 0)),
            (Some(length), _) => (Content::of_length(length), closes),
            (None, true) => (Content::chunked(), closes),
            (None, false) => (Content::UntilClosed, true),
        })
    }
}

/// A number of digits, and of nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    // Parsing it would take a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
