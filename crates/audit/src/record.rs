//! One record's bytes.

use bakerst_model::{Digest, Event, Seq, UnixMillis};
use memchr::memchr2;

use crate::line::{MAC, PREV};
use crate::{LogKey, hex};

/// The longest record, with its line end. Readers hold one in memory, so none may be longer.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// Room for everything in a record but its detail; more is found where needed.
const FRAME_BYTES: usize = 512;

/// A record that is ready to be written.
#[derive(Clone, Debug)]
pub struct Entry {
    bytes: Vec<u8>,
    seq: Seq,
    prev: Digest,
    mac: Digest,
}

impl Entry {
    /// What to write: one line, with its end.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its place in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// What the next record will name as its `prev`.
    #[must_use]
    pub fn mac(&self) -> Digest {
        self.mac
    }

    /// The mac of the record that it follows.
    #[must_use]
    pub fn prev(&self) -> Digest {
        self.prev
    }

    /// Signs what `out` holds up to its `detail` and closes the line.
    pub(crate) fn seal(mut out: Vec<u8>, key: &LogKey, seq: Seq, prev: Digest) -> Self {
        out.extend_from_slice(PREV);
        hex::push(&mut out, prev.as_bytes());
        out.push(b'"');
        let mac = key.mac(&out);
        out.extend_from_slice(MAC);
        hex::push(&mut out, mac.as_bytes());
        out.extend_from_slice(b"\"}\n");
        Self { bytes: out, seq, prev, mac }
    }

    /// Refuses what readers would not accept.
    pub(crate) fn bounded(self) -> Result<Self, PrepareError> {
        match self.bytes.len() {
            bytes if bytes > RECORD_BYTES_MAX => Err(PrepareError::TooLong { bytes }),
            _ => Ok(self),
        }
    }
}

/// Why an event cannot be put into a record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PrepareError {
    /// Longer than readers accept.
    #[error("the record would be {bytes} bytes long, at most {RECORD_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
    /// A part has no JSON form.
    #[error("the event cannot be written as JSON: {0}")]
    NotJson(String),
}

/// Writes a record up to its `detail`. The detail is copied as it stands: it is JSON already.
pub(crate) fn encode(seq: Seq, at: UnixMillis, event: &Event) -> Result<Vec<u8>, PrepareError> {
    let Event { action, actor, conversation, detail } = event;
    let detail = detail.as_json().as_bytes();
    let mut out = Vec::with_capacity(detail.len() + FRAME_BYTES);
    out.extend_from_slice(b"{\"seq\":");
    push_number(&mut out, seq.0);
    out.extend_from_slice(b",\"timestamp\":\"");
    out.extend_from_slice(at.to_string().as_bytes());
    out.extend_from_slice(b"\",\"category\":\"");
    out.extend_from_slice(action.category().as_str().as_bytes());
    // Actions are lower-case words by construction and need no escapes.
    out.extend_from_slice(b"\",\"action\":\"");
    out.extend_from_slice(action.as_str().as_bytes());
    out.extend_from_slice(b"\",\"actor\":");
    push_json(&mut out, actor)?;
    if let Some(conversation) = conversation {
        out.extend_from_slice(b",\"conversation\":");
        push_json(&mut out, conversation)?;
    }
    out.extend_from_slice(b",\"detail\":");
    push_on_one_line(&mut out, detail);
    Ok(out)
}

pub(crate) fn push_json(
    out: &mut Vec<u8>,
    value: &impl serde::Serialize,
) -> Result<(), PrepareError> {
    serde_json::to_writer(out, value).map_err(|e| PrepareError::NotJson(e.to_string()))
}

/// Copies JSON text onto one line. Line ends can stand in it only between values, where a space
/// means the same; inside strings JSON has them escaped.
fn push_on_one_line(out: &mut Vec<u8>, mut json: &[u8]) {
    while let Some(at) = memchr2(b'\n', b'\r', json) {
        let (before, rest) = json.split_at(at);
        out.extend_from_slice(before);
        out.push(b' ');
        json = rest.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(json);
}

pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}
