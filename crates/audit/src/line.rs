//! Lines and what can be read off them without parsing them.

use bakerst_model::{Digest, Seq};
use memchr::memchr;

use crate::hex;

/// How every record begins.
pub(crate) const SEQ: &[u8] = b"{\"seq\":";
/// What stands before the previous record's mac.
pub(crate) const PREV: &[u8] = b",\"prev\":\"";
/// What stands before a record's own mac; everything up to here is signed.
pub(crate) const MAC: &[u8] = b",\"mac\":\"";
/// How every record ends, before the line end.
pub(crate) const END: &[u8] = b"\"}";

const DIGEST_DIGITS: usize = 64;
const TIMESTAMP_BYTES: usize = 24;

/// A line in the shape of a record. Its mac has not been checked yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecordLine<'l> {
    /// The place that it claims.
    pub seq: Seq,
    /// The record that it claims to follow.
    pub prev: Digest,
    /// The mac that it carries.
    pub mac: Digest,
    /// What the mac is over.
    pub signed: &'l [u8],
    /// What follows it, without the line end.
    pub(crate) rest: &'l [u8],
}

impl<'l> RecordLine<'l> {
    /// Reads a line with its line end; `None` when it has not the shape of a record.
    #[must_use]
    pub fn parse(line: &'l [u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\n")?;
        let (body, mac) = split_digits(line.strip_suffix(END)?)?;
        let signed = body.strip_suffix(MAC)?;
        let (body, prev) = split_digits(signed.strip_suffix(b"\"")?)?;
        let body = body.strip_suffix(PREV)?;
        let rest = line.get(signed.len()..)?;
        Some(Self { seq: seq_of(body)?, prev, mac, signed, rest })
    }

    /// What happened, for records of the category `system`: `segment_begun`, `checkpoint` and so
    /// on. Nothing that anybody else can have written stands before it in a record.
    pub(crate) fn system_action(&self) -> Option<&'l [u8]> {
        let from_time = self.signed.get(SEQ.len()..)?;
        let from_time = from_time.get(memchr(b',', from_time.get(..21)?)?..)?;
        let from_time = from_time.strip_prefix(b",\"timestamp\":\"")?;
        let from_category = from_time.get(TIMESTAMP_BYTES..)?;
        let action = from_category
            .strip_prefix(b"\",\"category\":\"system\",\"action\":\"system.".as_slice())?;
        action.get(..memchr(b'"', action)?)
    }
}

/// The place that a line claims, read off its start.
#[must_use]
pub fn seq_of(line: &[u8]) -> Option<Seq> {
    parse_number(line.strip_prefix(SEQ)?).map(Seq)
}

fn split_digits(bytes: &[u8]) -> Option<(&[u8], Digest)> {
    let (before, digits) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_DIGITS)?)?;
    Some((before, Digest::from_bytes(hex::parse(digits)?)))
}

/// Digits up to a comma.
fn parse_number(bytes: &[u8]) -> Option<u64> {
    let start = bytes.get(..21.min(bytes.len()))?;
    parse_decimal(start.get(..memchr(b',', start)?)?)
}

/// A number without leading zeros: there is one way to write each.
pub(crate) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    let canonical = matches!(digits, [b'0'] | [b'1'..=b'9', ..]);
    let number = digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    });
    number.filter(|_| canonical)
}

/// The whole lines at the start of `bytes`; [`Lines::rest`] is what follows the last line end.
#[must_use]
pub fn lines(bytes: &[u8]) -> Lines<'_> {
    Lines { rest: bytes }
}

/// An iterator over whole lines, each with its line end.
#[derive(Clone, Debug)]
pub struct Lines<'b> {
    rest: &'b [u8],
}

impl<'b> Lines<'b> {
    /// What has not been handed out: in the end, the part behind the last line end.
    #[must_use]
    pub fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

impl<'b> Iterator for Lines<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let end = memchr(b'\n', self.rest)? + 1;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_are_handed_out() {
        let mut split = lines(b"ab\n\nc");
        assert_eq!(split.by_ref().collect::<Vec<_>>(), [&b"ab\n"[..], b"\n"]);
        assert_eq!(split.rest(), b"c");
    }

    #[test]
    fn a_number_has_one_spelling() {
        let parsed = |text: &str| parse_number(text.as_bytes());
        assert_eq!(parsed("0,"), Some(0));
        assert_eq!(parsed("18446744073709551615,"), Some(u64::MAX));
        for wrong in ["", ",", "1", "01,", "+1,", "-1,", "1 ,", "18446744073709551616,"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
