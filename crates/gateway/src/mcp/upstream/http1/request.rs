//! A request, as it goes over the wire.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Uri};
use bakerst_model::Secret;
use tokio::io::AsyncWrite;

use crate::mcp::upstream::SESSION;

/// How headers begin that mirror a tool's parameters.
const PARAMETER: &str = "mcp-param-";
/// What most heads have room in, without the credentials.
const HEAD_BYTES: usize = 1 << 10;

/// What is the same in every request to one server.
pub(in crate::mcp::upstream) struct Constant {
    host: HeaderValue,
    /// The credentials with the end of the head, as they are sent.
    credentials: Secret,
    /// Which headers they are in. A client's of the same name are not passed.
    names: Vec<HeaderName>,
}

impl Constant {
    pub(in crate::mcp::upstream) fn new(host: HeaderValue, credentials: &HeaderMap) -> Self {
        let mut head = Vec::new();
        for (name, value) in credentials {
            push(&mut head, name, value);
        }
        head.extend_from_slice(b"\r\n");
        Self { host, credentials: Secret::new(head), names: credentials.keys().cloned().collect() }
    }

    /// Whether a client's header is one that the server gets to see. A credential is none of them:
    /// what a client proves to us, it does not prove to anybody else.
    fn passes(&self, name: &HeaderName) -> bool {
        let is_known = matches!(
            name.as_str(),
            "accept"
                | "content-type"
                | "mcp-protocol-version"
                | "mcp-method"
                | "mcp-name"
                | "last-event-id"
                | "traceparent"
                | "tracestate"
                | "baggage"
        );
        let is_parameter = || name.as_str().starts_with(PARAMETER);
        (is_known || is_parameter()) && !self.names.contains(name)
    }
}

/// What is asked of a server.
pub(in crate::mcp::upstream) struct Asked<'a> {
    pub(in crate::mcp::upstream) method: &'a Method,
    pub(in crate::mcp::upstream) path: &'a Uri,
    /// The headers of the client that wants it.
    pub(in crate::mcp::upstream) client: &'a HeaderMap,
    /// The server's own name of the session.
    pub(in crate::mcp::upstream) session: Option<&'a str>,
    pub(in crate::mcp::upstream) text: &'a str,
}

impl<'a> Asked<'a> {
    /// As it is sent: only what is different every time is written anew.
    pub(in crate::mcp::upstream) fn written(&self, constant: &'a Constant) -> Sending<'a> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let path = self.path.path_and_query().map_or("/", |path| path.as_str());
        for part in [self.method.as_str(), " ", path, " HTTP/1.1\r\nhost: "] {
            head.extend_from_slice(part.as_bytes());
        }
        head.extend_from_slice(constant.host.as_bytes());
        head.extend_from_slice(b"\r\n");
        for (name, value) in self.client.iter().filter(|(name, _)| constant.passes(name)) {
            push(&mut head, name, value);
        }
        if let Some(Ok(session)) = self.session.map(HeaderValue::from_str) {
            push(&mut head, &SESSION, &session);
        }
        if !self.text.is_empty() || self.method == Method::POST {
            // Writing to memory does not fail.
            let _ = write!(head, "content-length: {}\r\n", self.text.len());
        }
        Sending {
            method: self.method.clone(),
            head,
            credentials: constant.credentials.expose(),
            text: self.text.as_bytes(),
            sent: 0,
            is_done: false,
        }
    }
}

/// Adds a header. Neither a name nor a value of these types can hold the end of a line.
fn push(head: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// A request that is being sent.
pub(in crate::mcp::upstream) struct Sending<'a> {
    pub(super) method: Method,
    head: Vec<u8>,
    credentials: &'a [u8],
    text: &'a [u8],
    sent: usize,
    is_done: bool,
}

impl Sending<'_> {
    /// Whether nothing of it was sent.
    pub(super) const fn is_unsent(&self) -> bool {
        self.sent == 0
    }

    /// Whether all of it was sent.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// What is still to be sent.
    fn rest(&self) -> [&[u8]; 3] {
        let mut skip = self.sent;
        [&self.head, self.credentials, self.text].map(|part| {
            let skipped = skip.min(part.len());
            skip -= skipped;
            part.get(skipped..).unwrap_or_default()
        })
    }

    /// Sends all that there is, in one go where the other end takes it.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.rest().iter().any(|part| !part.is_empty()) {
            let parts = self.rest().map(IoSlice::new);
            match ready!(Pin::new(&mut *to).poll_write_vectored(context, &parts))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        ready!(Pin::new(to).poll_flush(context))?;
        self.is_done = true;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Takes so many bytes at a time, and says that it cannot in between.
    struct Stingy {
        taken: Vec<u8>,
        at_once: usize,
        is_busy: bool,
    }

    impl AsyncWrite for Stingy {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_busy = !self.is_busy;
            if self.is_busy {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let taken = bytes.len().min(self.at_once);
            self.taken.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What goes over the wire, sent so many bytes at a time.
    fn sent(constant: &Constant, asked: &Asked<'_>, at_once: usize) -> String {
        let mut sending = asked.written(constant);
        let mut to = Stingy { taken: Vec::new(), at_once, is_busy: false };
        let mut context = Context::from_waker(std::task::Waker::noop());
        while sending.poll(&mut context, &mut to).is_pending() {}
        assert!(sending.is_done());
        String::from_utf8_lossy(&to.taken).into_owned()
    }

    fn headers(rows: &[(&str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in rows {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn constant(credentials: &[(&str, &[u8])]) -> Constant {
        Constant::new(HeaderValue::from_static("tools.example:81"), &headers(credentials))
    }

    #[test]
    fn a_server_sees_its_credentials_and_what_is_passed_and_nothing_else() {
        let constant = constant(&[("authorization", b"Bearer ours"), ("baggage", b"ours")]);
        let client = headers(&[
            ("authorization", b"Bearer theirs"),
            ("baggage", b"theirs"),
            ("cookie", b"a=b"),
            ("host", b"elsewhere"),
            ("content-length", b"99"),
            ("transfer-encoding", b"chunked"),
            ("connection", b"close"),
            ("mcp-session-id", b"ours"),
            ("accept", b"application/json"),
            ("accept", b"text/event-stream"),
            ("mcp-param-region", b"eu"),
            ("x-forwarded-for", b"10.0.0.1"),
        ]);
        let path = "/mcp?a=b".parse().unwrap();
        let asked =
            |method, session, text| Asked { method, path: &path, client: &client, session, text };
        let passed = "host: tools.example:81\r\naccept: application/json\r\n\
            accept: text/event-stream\r\nmcp-param-region: eu\r\n";
        let ours = "authorization: Bearer ours\r\nbaggage: ours\r\n\r\n";
        for (asked, want) in [
            (
                asked(&Method::POST, Some("s-1"), "{}"),
                format!(
                    "POST /mcp?a=b HTTP/1.1\r\n{passed}mcp-session-id: s-1\r\n\
                     content-length: 2\r\n{ours}{{}}"
                ),
            ),
            (
                asked(&Method::POST, None, ""),
                format!("POST /mcp?a=b HTTP/1.1\r\n{passed}content-length: 0\r\n{ours}"),
            ),
            (
                asked(&Method::GET, Some("s\r\nx: y"), ""),
                format!("GET /mcp?a=b HTTP/1.1\r\n{passed}{ours}"),
            ),
        ] {
            assert_eq!(sent(&constant, &asked, usize::MAX), want);
            assert_eq!(sent(&constant, &asked, 1), want);
        }
    }

    proptest! {
        /// Whatever a client sends, and a server calls its session: one request, with these headers.
        #[test]
        fn nothing_that_is_sent_becomes_another_header(
            values in vec(vec(any::<u8>(), 0..40), 0..5),
            session in proptest::option::of("[\\x00-\\x7f]{0,20}"),
            text in ".{0,100}",
            at_once in 1..300_usize,
        ) {
            let mut client = HeaderMap::new();
            for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
                client.append("mcp-param-a", value);
            }
            let (path, constant) = ("/".parse().unwrap(), constant(&[]));
            let session = session.as_deref();
            let asked =
                Asked { method: &Method::POST, path: &path, client: &client, session, text: &text };
            let session = session.is_some_and(|name| HeaderValue::from_str(name).is_ok());
            let wire = sent(&constant, &asked, at_once);
            let mut room = [httparse::EMPTY_HEADER; 16];
            let mut read = httparse::Request::new(&mut room);
            let head = read.parse(wire.as_bytes()).unwrap().unwrap();
            prop_assert_eq!(read.headers.len(), 2 + client.len() + usize::from(session));
            prop_assert_eq!(&wire[head..], text.as_str());
        }
    }
}
