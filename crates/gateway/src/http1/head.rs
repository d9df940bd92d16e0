//! The head of a message: where it ends, and what it says of where the message ends.

use httparse::Header;
use memchr::{memchr_iter, memrchr};

use super::{Content, HEADERS_MAX};

/// Looks for the end of a head that comes in pieces, and at no byte of whole lines twice.
#[derive(Default)]
pub(crate) struct HeadEnd {
    /// How much was looked at.
    seen: usize,
    /// How many lines end in it.
    lines: usize,
}

/// Why a head has no end that will be waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadEnd {
    /// It is too long.
    Bytes,
    /// It has too many headers.
    Headers,
    /// A line ends otherwise than the protocol says.
    Line,
}

impl HeadEnd {
    /// How long the head is, once its end is there. Every line ends as the protocol says: where
    /// one reader takes a lone line feed for an end and another does not, messages can be forged.
    pub(crate) fn find(&mut self, bytes: &[u8], bytes_max: usize) -> Result<Option<usize>, BadEnd> {
        for feed in memchr_iter(b'\n', bytes.get(self.seen..).unwrap_or_default()) {
            let end = self.seen + feed + 1;
            let upto = bytes.get(..end).unwrap_or_default();
            if end > bytes_max {
                return Err(BadEnd::Bytes);
            }
            if !upto.ends_with(b"\r\n") {
                return Err(BadEnd::Line);
            }
            if upto.ends_with(b"\r\n\r\n") {
                return Ok(Some(end));
            }
            self.lines += 1;
            if self.lines > HEADERS_MAX + 1 {
                return Err(BadEnd::Headers);
            }
        }
        // What follows the last line's end may be cut anywhere, and is looked at again.
        self.seen = memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        match bytes.len() > bytes_max {
            true => Err(BadEnd::Bytes),
            false => Ok(None),
        }
    }
}

/// There are several ways to tell where a message ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Unclear;

/// What the headers of a message say of where it ends.
#[derive(Default)]
pub(crate) struct Framing {
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
}

impl Framing {
    pub(crate) fn hear(&mut self, Header { name, value }: &Header<'_>) -> Result<(), Unclear> {
        if name.eq_ignore_ascii_case("content-length") {
            let length = number(value).ok_or(Unclear)?;
            if self.length.replace(length).is_some_and(|before| before != length) {
                return Err(Unclear);
            }
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let is_second = std::mem::replace(&mut self.is_chunked, true);
            if is_second || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Unclear);
            }
        } else if name.eq_ignore_ascii_case("connection") {
            let mut words = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            self.closes |= words.any(|word| word.eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }

    /// What follows the head, where the headers say it, and whether the message is the last on its
    /// connection. `is_modern` is HTTP/1.1, which has chunks, and connections for many messages.
    pub(crate) fn decide(self, is_modern: bool) -> Result<(Option<Content>, bool), Unclear> {
        let Self { length, is_chunked, closes } = self;
        if is_chunked && (length.is_some() || !is_modern) {
            return Err(Unclear);
        }
        let content = match is_chunked {
            true => Some(Content::chunked()),
            false => length.map(Content::of_length),
        };
        Ok((content, closes || !is_modern))
    }
}

/// A number of digits, and of nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    // Parsing it would take a sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
