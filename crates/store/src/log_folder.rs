//! How a log lies on the disk.
//!
//! ```text
//! STATE/audit/00000000000000000000.jsonl   sealed: nothing is ever written to it again
//!             00000000000000131072.jsonl   sealed
//!             00000000000000262144.jsonl   live: the last one; it may end in zeros
//!             synced                       the last record that is on the disk
//!             cut-after-131071.bin         what a crash had torn, where there was such a thing
//! ```
//!
//! A segment is named after its first record, which is its header (`system.segment_begun`): which
//! log, which segment, which key, which host and policy, and, as its `prev`, the last record of the
//! segment before. Numbers go on over segments, and each line is a record, headers too: record
//! `n + 1` follows record `n`, whatever file it is in.
//!
//! The live segment is written into room that was zeroed beforehand, because a disk makes that
//! durable in half the time. So it ends in zeros while a process writes it, and after a crash.
//! No record holds a zero byte: whoever reads stops there. A sealed segment, and one whose writer
//! has stopped in order, is JSON lines and nothing else.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bakerst_model::Seq;

const SUFFIX: &str = ".jsonl";
const NAME_DIGITS: usize = 20;

/// The `audit/` folder of a state folder, to read. Any process may, whoever writes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogFolder(PathBuf);

/// One file of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Its first record: the header.
    pub first: Seq,
    /// Where it is.
    pub path: PathBuf,
    /// Whether another one follows, so that it never changes again. Else it is the live one.
    pub sealed: bool,
}

/// How far a log is on the disk. What follows is written, perhaps, but not yet durable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Synced {
    /// The last record that is on the disk.
    pub seq: Seq,
    /// The segment that holds it, by its first record.
    pub segment: Seq,
    /// How many bytes of that segment are records on the disk.
    pub bytes: u64,
}

impl LogFolder {
    /// The log of the state folder at `state`.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self(state.join("audit"))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the segment lies whose first record is `first`.
    #[must_use]
    pub fn segment_path(&self, first: Seq) -> PathBuf {
        self.0.join(format!("{first:0width$}{SUFFIX}", first = first.0, width = NAME_DIGITS))
    }

    /// All segments in order, the live one last. Where retention has removed the oldest ones, the
    /// first of these does not begin at 0.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn segments(&self) -> io::Result<Vec<Segment>> {
        let mut firsts = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            firsts.extend(entry?.file_name().to_str().and_then(first_of_name));
        }
        firsts.sort_unstable();
        let last = firsts.last().copied();
        let segment = |first| {
            let path = self.segment_path(first);
            Segment { first, path, sealed: Some(first) != last }
        };
        Ok(firsts.into_iter().map(segment).collect())
    }

    /// How far the log is on the disk, as its writer last noted it. `None` where nobody has
    /// written yet: then what is in the files is all there is.
    ///
    /// Another process follows a log by asking for this now and then: it is one small read.
    ///
    /// # Errors
    /// When the note cannot be read.
    pub fn synced(&self) -> io::Result<Option<Synced>> {
        // It is written in place. Whoever reads half of a new one reads again.
        for _ in 0..100 {
            let mut text = String::new();
            match File::open(self.synced_path()) {
                Ok(file) => file.take(128).read_to_string(&mut text)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            if let Some(synced) = Synced::parse(&text) {
                return Ok(Some(synced));
            }
        }
        Ok(None)
    }

    /// Where the last durable record is noted.
    pub(crate) fn synced_path(&self) -> PathBuf {
        self.0.join("synced")
    }

    /// A log of the form before segments, if there is one.
    pub(crate) fn single_file(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }
}

fn first_of_name(name: &str) -> Option<Seq> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok().map(Seq))?
}

impl Synced {
    /// Always of the same length, so that a new note covers the old one. The last number is the
    /// sum of the others: half of one note and half of another do not add up.
    pub(crate) fn to_note(self) -> String {
        let Self { seq, segment, bytes } = self;
        format!("{:020} {:020} {bytes:020} {:020}\n", seq.0, segment.0, self.sum())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.strip_suffix('\n')?.split(' ').map(|word| word.parse().ok());
        let mut number = || numbers.next().flatten();
        let (seq, segment, bytes) = (Seq(number()?), Seq(number()?), number()?);
        let synced = Self { seq, segment, bytes };
        (number()? == synced.sum()).then_some(synced)
    }

    fn sum(self) -> u64 {
        let Self { seq, segment, bytes } = self;
        seq.0.wrapping_mul(31).wrapping_add(segment.0).wrapping_mul(31).wrapping_add(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_listed_in_order_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFolder::in_state(folder.path());
        fs::create_dir(log.path()).unwrap();
        for first in [131_072, 0, 9] {
            fs::write(log.segment_path(Seq(first)), "").unwrap();
        }
        for other in ["synced", "cut-after-3.bin", "1.jsonl", "0000000000000000000x.jsonl"] {
            fs::write(log.path().join(other), "").unwrap();
        }
        let listed: Vec<_> =
            log.segments().unwrap().iter().map(|s| (s.first.0, s.sealed)).collect();
        assert_eq!(listed, [(0, true), (9, true), (131_072, false)]);
        assert!(log.segment_path(Seq(9)).ends_with("00000000000000000009.jsonl"));
    }

    #[test]
    fn a_note_of_what_is_synced_reads_back_whole_or_not_at_all() {
        let synced = Synced { seq: Seq(17), segment: Seq(9), bytes: 4711 };
        let note = synced.to_note();
        assert_eq!(Synced::parse(&note), Some(synced));
        let later = Synced { seq: Seq(18), segment: Seq(9), bytes: 5211 }.to_note();
        assert_eq!(note.len(), later.len());
        for at in 0..note.len() {
            let mixed = format!("{}{}", &later[..at], &note[at..]);
            let read = Synced::parse(&mixed);
            assert!(read.is_none() || mixed == note || mixed == later, "{mixed}");
        }
    }
}
