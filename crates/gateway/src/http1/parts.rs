//! What the tests of both sides make messages of.

use proptest::sample::Index;

/// Headers that say where a message ends, some of them in ways that are refused, and others.
pub(crate) const HEADERS: &[&str] = &[
    "content-length: 5\r\n",
    "content-length: 5\r\n",
    "Content-Length: 0\r\n",
    "content-length: 10\r\n",
    "content-length: 05\r\n",
    "content-length: +5\r\n",
    "content-length: 5, 5\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: CHUNKED\r\n",
    "transfer-encoding: chunked, chunked\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding : chunked\r\n",
    "connection: close\r\n",
    "connection: keep-alive\r\n",
    "x: y\r\n",
    "x: \u{e4}\r\n",
    "x: y\n",
    "x:\r\n y\r\n",
    "x: \0\r\n",
];

/// What may follow a head, as content of 5 bytes, in chunks, or out of place.
pub(crate) const CONTENT: &[&str] = &[
    "hello",
    "hello",
    "5\r\nhello\r\n",
    "5;x=\"y\"\r\nhello\r\n",
    "05 ;x\r\nhello\r\n",
    "5 \r\nhello\r\n",
    "5\nhello\r\n",
    "0\r\n\r\n",
    "0\r\n\r\n",
    "0\r\nx: y\r\n\r\n",
    "\r\n",
];

/// The same bytes in pieces.
pub(crate) fn cut<'b>(bytes: &'b [u8], cuts: &[Index]) -> Vec<&'b [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect()
}
