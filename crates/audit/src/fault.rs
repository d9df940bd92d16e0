//! What can be wrong with a log.

use std::fmt;

use bakerst_model::{Code, Seq};

/// What is wrong with a log, as far as can be told from the records around the place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultKind {
    /// A record's bytes are not those that were signed.
    Edited,
    /// Records that were there are gone.
    Removed,
    /// A line was put in: a forged one, a copy, or a record of another log.
    Inserted,
    /// Genuine records stand in another order than they were written in.
    Reordered,
    /// The log ends before a record that a checkpoint vouches for.
    Cut,
    /// The records fit each other, but a checkpoint was signed over others.
    Rewritten,
    /// The log was written with another key.
    WrongKey,
    /// The last line has no end: a write was cut short.
    Torn,
    /// A line that no log of this form can hold.
    NotARecord,
    /// The header names a form of records that is not known here.
    UnknownFormat,
}

impl FaultKind {
    /// The kind in one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Removed => "removed",
            Self::Inserted => "inserted",
            Self::Reordered => "reordered",
            Self::Cut => "cut",
            Self::Rewritten => "rewritten",
            Self::WrongKey => "wrong-key",
            Self::Torn => "torn",
            Self::NotARecord => "not-a-record",
            Self::UnknownFormat => "unknown-format",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Edited => "it was changed after it was written",
            Self::Removed => "it was removed",
            Self::Inserted => "another line was put in its place",
            Self::Reordered => "records stand in another order than they were written in",
            Self::Cut => "the log ends before it, though a checkpoint vouches for it",
            Self::Rewritten => "a checkpoint was signed over other records",
            Self::WrongKey => "it was written or signed with another key",
            Self::Torn => "the line has no end",
            Self::NotARecord => "the line is not a record",
            Self::UnknownFormat => "the form of the records is not known",
        })
    }
}

/// The first place where a log does not verify. Nothing from there on can be trusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The line, counted from 1 where judging began.
    pub line: u64,
    /// Where the line begins, in bytes.
    pub offset: u64,
    /// The record that belongs there.
    pub seq: Seq,
    /// Where only a checkpoint tells that something is wrong: the last of the records that it may
    /// be, of which `seq` is the first.
    pub until: Option<Seq>,
    /// What is wrong.
    pub kind: FaultKind,
}

impl std::error::Error for Fault {}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, seq, kind, .. } = self;
        match self.until {
            Some(until) => write!(f, "one of the records {seq} to {until}: {kind}"),
            None => write!(f, "line {line}, where record {seq} belongs: {kind}"),
        }
    }
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.kind {
            FaultKind::WrongKey => Code::LogKeyMissing,
            _ => Code::LogTampered,
        }
    }
}
