//! One record's bytes.

use bakerst_model::{Digest, Event, Seq, UnixMillis};
use memchr::memchr2;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::line::{END, MAC, PREV, SEQ};
use crate::tree::Hash;
use crate::{LogKey, hex};

/// The longest record, with its line end. Readers hold one in memory, so none may be longer.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// The longest detail that is kept whole. Of a longer one the start is kept, and the cut is
/// stated.
pub const DETAIL_BYTES_MAX: usize = 256 << 10;

/// How much is kept of a detail that is too long.
const CUT_BYTES: usize = 64 << 10;

/// Room for everything in a record but its detail; more is found where needed.
const FRAME_BYTES: usize = 384;

/// The most that is put around a draft: number, macs and what stands between them.
const SEAL_BYTES_MAX: usize = 256;

/// A record up to its `detail`, but for its number: what can be written before its place in the
/// log is known, by as many threads as there are.
#[derive(Clone, Debug)]
pub struct Draft(Vec<u8>);

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

impl Draft {
    /// Writes an event down. The time is taken as it is: clocks may go back, and a log that would
    /// not say so would lie. What follows what is said by the records' numbers alone.
    ///
    /// # Errors
    /// When a part of it has no JSON form, or everything but the detail is too long already.
    pub fn of(at: UnixMillis, event: &Event) -> Result<Self, PrepareError> {
        let Event { action, actor, conversation, detail } = event;
        let mut out = Vec::with_capacity(detail.as_json().len() + FRAME_BYTES);
        out.extend_from_slice(b",\"timestamp\":\"");
        out.extend_from_slice(&at.to_text());
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
        push_detail(&mut out, detail.as_json())?;
        Self::bounded(out)
    }

    /// A draft whose text was written elsewhere, from the comma behind the number on.
    pub(crate) fn bounded(out: Vec<u8>) -> Result<Self, PrepareError> {
        match out.len() + SEAL_BYTES_MAX {
            bytes if bytes > RECORD_BYTES_MAX => Err(PrepareError::TooLong { bytes }),
            _ => Ok(Self(out)),
        }
    }

    /// How long the record becomes, at most.
    #[must_use]
    pub fn record_bytes_max(&self) -> usize {
        self.0.len() + SEAL_BYTES_MAX
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What is known of a line once it has been hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed {
    /// What the record's mac must be; nothing where there is no key to tell.
    pub(crate) mac: Option<Digest>,
    /// The leaf of the tree that the line is.
    pub(crate) leaf: Hash,
}

/// Hashes a line that stands already: its bytes up to the mac, and those from there on, without
/// the line end.
pub(crate) fn hash(signed: &[u8], rest: &[u8], key: Option<&LogKey>) -> Hashed {
    let mut state = Sha256::new();
    state.update([0]);
    state.update(signed);
    let mac = key.map(|key| key.mac(signed.len(), &state.clone().finalize().into()));
    state.update(rest);
    Hashed { mac, leaf: state.finalize().into() }
}

/// Appends a record to `out`, sealed; what it was before it is left as it is.
pub(crate) fn seal(
    out: &mut Vec<u8>,
    key: &LogKey,
    seq: Seq,
    prev: &Digest,
    draft: &[u8],
) -> (Digest, Hash) {
    let start = out.len();
    out.extend_from_slice(SEQ);
    push_number(out, seq.0);
    out.extend_from_slice(draft);
    out.extend_from_slice(PREV);
    hex::push(out, prev.as_bytes());
    out.push(b'"');
    let signed = out.get(start..).unwrap_or_default();
    let mut state = Sha256::new();
    state.update([0]);
    state.update(signed);
    let mac = key.mac(signed.len(), &state.clone().finalize().into());
    let rest = out.len();
    out.extend_from_slice(MAC);
    hex::push(out, mac.as_bytes());
    out.extend_from_slice(END);
    state.update(out.get(rest..).unwrap_or_default());
    out.push(b'\n');
    (mac, state.finalize().into())
}

pub(crate) fn push_json(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), PrepareError> {
    serde_json::to_writer(out, value).map_err(|e| PrepareError::NotJson(e.to_string()))
}

/// Copies the detail as it stands: it is JSON already.
fn push_detail(out: &mut Vec<u8>, detail: &str) -> Result<(), PrepareError> {
    if detail.len() <= DETAIL_BYTES_MAX {
        push_on_one_line(out, detail.as_bytes());
        return Ok(());
    }
    let start = detail.get(..detail.floor_char_boundary(CUT_BYTES)).unwrap_or_default();
    let cut =
        Cut { bytes: detail.len(), max: DETAIL_BYTES_MAX, sha256: Digest::of(detail.as_bytes()) };
    push_json(out, &CutDetail { cut, start })
}

/// What stands in place of a detail that is too long.
#[derive(Serialize)]
struct CutDetail<'d> {
    cut: Cut,
    /// The start of the JSON text that was cut.
    start: &'d str,
}

#[derive(Serialize)]
struct Cut {
    bytes: usize,
    max: usize,
    sha256: Digest,
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
    let mut digits = [b'0'; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}
