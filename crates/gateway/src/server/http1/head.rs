//! The head of a request.

use std::mem::MaybeUninit;

use axum::body::Bytes;
use axum::http::header::{EXPECT, HeaderName, HeaderValue};
use axum::http::{Method, Request, Uri, Version};
use httparse::{ParserConfig, Status};

use super::{BadRequest, HEAD_BYTES_MAX};
use crate::http1::{Buffer, Content, Framing, HEADERS_MAX, HeadEnd, Unclear};

/// A head that was read.
pub(super) struct Head {
    pub(super) request: Request<()>,
    /// What follows it.
    pub(super) content: Content,
    /// Whether the client takes no other answer on this connection.
    pub(super) is_last: bool,
    /// Whether the client waits to be told before it sends the content.
    pub(super) expects: bool,
}

/// Waits for the head of one request.
#[derive(Default)]
pub(super) struct Heads {
    end: HeadEnd,
}

impl Heads {
    /// The head, once it is there whole.
    pub(super) fn read(&mut self, buffer: &mut Buffer) -> Result<Option<Head>, BadRequest> {
        // Some clients end their content with a line more than they say.
        while buffer.rest().starts_with(b"\r\n") {
            buffer.skip(2);
        }
        // Whatever speaks something else is told before it has said much.
        let begins = buffer.rest().first();
        if begins.is_some_and(|byte| {
            !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~\r".contains(byte)
        }) {
            return Err(BadRequest::Head);
        }
        let Some(bytes) = self.end.find(buffer.rest(), HEAD_BYTES_MAX)? else { return Ok(None) };
        // One copy for all its headers, which are parts of it.
        let head = Bytes::copy_from_slice(buffer.rest().get(..bytes).unwrap_or_default());
        buffer.skip(bytes);
        Head::read(&head).map(Some)
    }
}

impl Head {
    fn read(bytes: &Bytes) -> Result<Self, BadRequest> {
        let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut read = httparse::Request::new(&mut []);
        let strict = ParserConfig::default();
        match strict.parse_request_with_uninit_headers(&mut read, bytes, &mut room) {
            Ok(Status::Complete(length)) if length == bytes.len() => {}
            Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::Headers),
            _ => return Err(BadRequest::Head),
        }
        let is_modern = read.version == Some(1);
        let mut request = Request::new(());
        *request.version_mut() = if is_modern { Version::HTTP_11 } else { Version::HTTP_10 };
        *request.method_mut() = method(read.method)?;
        *request.uri_mut() = uri(bytes, read.path)?;
        // An address and nothing else is for whoever connects others.
        let (uri, is_connect) = (request.uri(), request.method() == Method::CONNECT);
        if uri.authority().is_some() && uri.scheme().is_none() && !is_connect {
            return Err(BadRequest::Head);
        }
        let mut framing = Framing::default();
        let headers = request.headers_mut();
        headers.reserve(read.headers.len());
        for header in read.headers.iter() {
            framing.hear(header).map_err(|Unclear| BadRequest::Length)?;
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(header.value));
            headers
                .append(name.map_err(|_| BadRequest::Head)?, value.map_err(|_| BadRequest::Head)?);
        }
        let expects = is_modern
            && headers
                .get(EXPECT)
                .is_some_and(|what| what.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let (content, is_last) = framing.decide(is_modern).map_err(|Unclear| BadRequest::Length)?;
        Ok(Self { request, content: content.unwrap_or(Content::Over), is_last, expects })
    }
}

fn method(name: Option<&str>) -> Result<Method, BadRequest> {
    Method::from_bytes(name.unwrap_or_default().as_bytes()).map_err(|_| BadRequest::Head)
}

fn uri(head: &Bytes, target: Option<&str>) -> Result<Uri, BadRequest> {
    let target = head.slice_ref(target.unwrap_or_default().as_bytes());
    Uri::from_maybe_shared(target).map_err(|_| BadRequest::Head)
}
