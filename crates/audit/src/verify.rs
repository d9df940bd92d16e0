//! The chain as its reader sees it.

use std::fmt;

use bakerst_model::{Code, Seq};

use crate::header::{FORMAT, Header, genesis};
use crate::{Head, LogId, LogKey, RECORD_BYTES_MAX, RecordLine};

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
            Self::WrongKey => "the log was written with another key",
            Self::Torn => "the line has no end",
            Self::NotARecord => "the line is not a record",
            Self::UnknownFormat => "the form of the records is not known",
        })
    }
}

/// The first place where a log does not verify. Nothing from there on can be trusted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}, where record {seq} belongs: {kind}")]
pub struct Fault {
    /// The line, counted from 1.
    pub line: u64,
    /// Where the line begins, in bytes.
    pub offset: u64,
    /// The record that belongs there.
    pub seq: Seq,
    /// What is wrong.
    pub kind: FaultKind,
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

/// What was verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Which log.
    pub log: LogId,
    /// The first record that was judged: 0, or the header of a later segment.
    pub first: Seq,
    /// Which segment the last record is in, counted from 0.
    pub segment: u64,
    /// Its last record.
    pub head: Head,
    /// How many bytes its records take.
    pub bytes: u64,
}

/// Judges a log line by line, holding no more than the last record's mac.
///
/// When a line does not fit, the next one is looked at too before the verdict: it tells a record
/// that was changed from one that was put in or taken out.
#[derive(Debug)]
pub struct Verifier {
    key: LogKey,
    /// Where it begins: at the first record of all, or at that of a later segment.
    first: Seq,
    begun: Option<Begun>,
    /// Whether the next line must be a segment's header.
    at_header: bool,
    lines: u64,
    bytes: u64,
    suspect: Option<Suspect>,
}

/// How far the log has been judged.
#[derive(Clone, Copy, Debug)]
struct Begun {
    log: LogId,
    segment: u64,
    head: Head,
}

/// A line that does not fit, until the next one has been seen.
#[derive(Clone, Copy, Debug)]
enum Suspect {
    /// A genuine record, but not the one that belongs here.
    Misplaced(Seq),
    /// In the shape of a record, but its mac is wrong.
    Forged,
    /// Not in the shape of a record.
    Shapeless,
}

impl Verifier {
    /// Begins with a log's first line.
    #[must_use]
    pub fn new(key: LogKey) -> Self {
        Self::from_segment(key, Seq(0))
    }

    /// Begins with the header of a later segment, whose number is `first`. What went before it is
    /// taken as the header says: its `prev` is the last record of the segment before.
    #[must_use]
    pub fn from_segment(key: LogKey, first: Seq) -> Self {
        let (begun, suspect) = (None, None);
        Self { key, first, begun, at_header: true, lines: 0, bytes: 0, suspect }
    }

    /// Says that the lines that follow are those of the next segment.
    pub fn next_segment(&mut self) {
        self.at_header = true;
    }

    /// Judges the next line, which has its line end. A reader hands out the start of a line that
    /// is longer than [`RECORD_BYTES_MAX`] and one byte more, which is enough to refuse it.
    ///
    /// # Errors
    /// With the first place that does not verify, as soon as it is known what is wrong there.
    /// The verifier is of no use afterwards.
    pub fn record(&mut self, line: &[u8]) -> Result<(), Fault> {
        let parsed = RecordLine::parse(line).filter(|_| line.len() <= RECORD_BYTES_MAX);
        let genuine = parsed.filter(|record| self.key.mac(record.signed) == record.mac);
        if let Some(suspect) = self.suspect {
            return Err(self.fault(self.kind(suspect, genuine.as_ref())));
        }
        let Some(record) = genuine else {
            return self.suspect(line, parsed.is_some());
        };
        let fits = match &self.begun {
            None => record.seq == self.first,
            Some(begun) => follows(&record, begun.head),
        };
        if !fits {
            self.suspect = Some(Suspect::Misplaced(record.seq));
            return Ok(());
        }
        let head = Head { seq: record.seq, mac: record.mac };
        if std::mem::take(&mut self.at_header) {
            self.begin(line, &record)?;
        }
        if let Some(begun) = &mut self.begun {
            begun.head = head;
        }
        self.lines += 1;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Ends the log.
    ///
    /// # Errors
    /// When its last line does not verify, or when there was not even a header.
    pub fn finish(self) -> Result<Verified, Fault> {
        if let Some(suspect) = self.suspect {
            return Err(self.fault(self.kind(suspect, None)));
        }
        match self.begun {
            Some(Begun { log, segment, head }) => {
                Ok(Verified { log, first: self.first, segment, head, bytes: self.bytes })
            }
            None => Err(self.fault(FaultKind::Removed)),
        }
    }

    /// How far the log verifies: the number of bytes before the first line that does not fit.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The record that belongs next.
    #[must_use]
    pub fn expected(&self) -> Seq {
        self.begun.map_or(self.first, |begun| Seq(begun.head.seq.0.saturating_add(1)))
    }

    fn begin(&mut self, line: &[u8], record: &RecordLine<'_>) -> Result<(), Fault> {
        let Some(header) = Header::parse(line) else {
            return Err(self.fault(FaultKind::NotARecord));
        };
        if header.format != FORMAT {
            return Err(self.fault(FaultKind::UnknownFormat));
        }
        let Header { log, segment, .. } = header;
        let in_place = match &self.begun {
            Some(begun) => log == begun.log && segment == begun.segment.saturating_add(1),
            None if record.seq == Seq(0) => record.prev == genesis(log, self.key.id()),
            None => true,
        };
        if !in_place {
            return Err(self.fault(FaultKind::Edited));
        }
        self.begun = Some(Begun { log, segment, head: Head { seq: record.seq, mac: record.mac } });
        Ok(())
    }

    /// Holds a line that is not genuine until the next one is seen, unless it already tells all.
    fn suspect(&mut self, line: &[u8], shaped: bool) -> Result<(), Fault> {
        if !line.ends_with(b"\n") && line.len() <= RECORD_BYTES_MAX {
            return Err(self.fault(FaultKind::Torn));
        }
        if let (None, Some(header)) = (&self.begun, Header::parse(line)) {
            if header.format != FORMAT {
                return Err(self.fault(FaultKind::UnknownFormat));
            }
            if header.key != self.key.id() {
                return Err(self.fault(FaultKind::WrongKey));
            }
        }
        self.suspect = Some(if shaped { Suspect::Forged } else { Suspect::Shapeless });
        Ok(())
    }

    fn kind(&self, suspect: Suspect, next: Option<&RecordLine<'_>>) -> FaultKind {
        let expected = self.expected();
        let next_fits = next.is_some_and(|next| match &self.begun {
            Some(begun) => follows(next, begun.head),
            None => next.seq == expected,
        });
        let next_passes_over_one =
            next.is_some_and(|next| next.seq.0 == expected.0.saturating_add(1));
        match suspect {
            Suspect::Misplaced(seq) if seq > expected && (next_fits || next_passes_over_one) => {
                FaultKind::Reordered
            }
            Suspect::Misplaced(seq) if seq > expected => FaultKind::Removed,
            Suspect::Misplaced(_) => FaultKind::Inserted,
            _ if next_fits => FaultKind::Inserted,
            Suspect::Forged => FaultKind::Edited,
            Suspect::Shapeless => FaultKind::NotARecord,
        }
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { line: self.lines + 1, offset: self.bytes, seq: self.expected(), kind }
    }
}

fn follows(record: &RecordLine<'_>, head: Head) -> bool {
    record.seq.0 == head.seq.0.saturating_add(1) && record.prev == head.mac
}
