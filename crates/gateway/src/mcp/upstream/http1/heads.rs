//! The head of an answer.

use std::mem::MaybeUninit;

use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use httparse::{Header, ParserConfig, Status};

use super::{BadAnswer, HEAD_BYTES_MAX, HEADERS_MAX, PROVISIONAL_MAX};
use crate::http1::{BadEnd, Buffer, Content, Framing, HeadEnd, Unclear};
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
    end: HeadEnd,
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

    /// How long the head is, once its end is there.
    fn whole(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadAnswer> {
        // The parser would pass over empty lines.
        if bytes.first().is_some_and(|first| *first != b'H') {
            return Err(BadAnswer::Head);
        }
        self.end.find(bytes, HEAD_BYTES_MAX).map_err(|bad| match bad {
            BadEnd::Bytes => BadAnswer::HeadBytes,
            BadEnd::Headers => BadAnswer::Headers,
            BadEnd::Line => BadAnswer::Head,
        })
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
            framing.hear(header).map_err(|Unclear| BadAnswer::Length)?;
            keep(header, &mut response)?;
        }
        let is_modern = read.version == Some(1);
        let is_bare = method == Method::HEAD
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let (content, closes) = framing.decide(is_modern).map_err(|Unclear| BadAnswer::Length)?;
        let (content, is_last) = match content {
            // A server that announces what must not follow may well send it.
            announced if is_bare => {
                (Content::Over, closes || announced.is_some_and(|content| !content.is_over()))
            }
            Some(content) => (content, closes),
            None => (Content::UntilClosed, true),
        };
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
