//! The chain as its reader sees it.

use bakerst_model::{Digest, Seq};

use crate::checkpoint::Checkpoint;
use crate::fault::{Fault, FaultKind};
use crate::header::{FORMAT, Header, genesis};
use crate::judge::{Meaning, Piece, Trust, Unclear};
use crate::note::{NoteError, PublicKey};
use crate::record::hash;
use crate::tree::{Hash, Tree};
use crate::{Head, KeyId, LogId, RECORD_BYTES_MAX, RecordLine};

/// What was verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// Which log.
    pub log: LogId,
    /// The first record that was judged: 0, or the header of a later segment.
    pub first: Seq,
    /// The record that the first one says it follows.
    pub prev: Digest,
    /// Which segment the last record is in, counted from 0.
    pub segment: u64,
    /// The key that the last record was written with.
    pub key: KeyId,
    /// The key that the last record announces, where that is what it does.
    pub rotated_to: Option<KeyId>,
    /// The last record.
    pub head: Head,
    /// The tree over all records.
    pub tree: Tree,
    /// How many records the last checkpoint and what went before it were.
    pub checkpointed: u64,
    /// The last checkpoint that the records agree with, in the log or given.
    pub checkpoint: Option<Checkpoint>,
    /// How many checkpoints the records agree with.
    pub checkpoints: u64,
    /// How many bytes its records take.
    pub bytes: u64,
}

impl Verified {
    /// The records before this one are vouched for by a signed checkpoint.
    #[must_use]
    pub fn signed(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size)
    }
}

/// Judges a log in order, holding no more than the last record's mac and the tree's peaks: line by
/// line, or in [pieces](Piece) that were judged by themselves.
///
/// When a line does not fit, the next one is looked at too before the verdict: it tells a record
/// that was changed from one that was put in or taken out.
#[derive(Debug)]
pub struct Verifier {
    trust: Trust,
    /// Where it begins: at the first record of all, or at that of a later segment.
    first: Seq,
    begun: Option<Begun>,
    /// Checkpoints that the log must agree with, the smallest last.
    given: Vec<Checkpoint>,
    /// Whether the next line must be a segment's header.
    at_header: bool,
    lines: u64,
    bytes: u64,
    suspect: Option<Suspect>,
}

/// How far the log has been judged.
#[derive(Clone, Debug)]
struct Begun {
    log: LogId,
    segment: u64,
    key: KeyId,
    signers: Vec<PublicKey>,
    prev: Digest,
    head: Head,
    tree: Tree,
    rotated_to: Option<KeyId>,
    checkpointed: u64,
    checkpoint: Option<Checkpoint>,
    checkpoints: u64,
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
    pub fn new(trust: Trust) -> Self {
        Self::from_segment(trust, Seq(0))
    }

    /// Begins with the header of a later segment, whose number is `first`. What went before it is
    /// taken as the header says.
    #[must_use]
    pub fn from_segment(trust: Trust, first: Seq) -> Self {
        Self {
            trust,
            first,
            begun: None,
            given: Vec::new(),
            at_header: true,
            lines: 0,
            bytes: 0,
            suspect: None,
        }
    }

    /// Holds the log against checkpoints that were kept elsewhere. Those over fewer records than
    /// went before the first one here cannot be checked, and are handed back.
    pub fn hold_against(&mut self, mut given: Vec<Checkpoint>) -> Vec<Checkpoint> {
        given.sort_by_key(|checkpoint| std::cmp::Reverse(checkpoint.size));
        let checkable = given.partition_point(|checkpoint| checkpoint.size >= self.first.0);
        let too_old = given.split_off(checkable);
        self.given = given;
        too_old
    }

    /// Says that the lines that follow are those of the next segment.
    pub fn next_segment(&mut self) {
        self.at_header = true;
    }

    /// Joins a piece to what was judged before. Whether it fits; when it does not, nothing has
    /// happened, and its lines are to be handed in one by one, which tells why.
    ///
    /// A piece over which a given checkpoint ends is handed back too, to be taken line by line.
    #[must_use]
    pub fn piece(&mut self, piece: &Piece) -> bool {
        let expected = self.expected();
        let end = piece.tree.end();
        let ends_inside = self.given.last().is_some_and(|given| given.size <= end);
        let in_place = piece.first == expected && self.at_header == piece.header.is_some();
        if self.suspect.is_some() || ends_inside || !in_place {
            return false;
        }
        let joined = match (&piece.header, &self.begun) {
            (Some(header), _) => self.join_header(header, piece.first, piece.prev).ok(),
            (None, Some(begun)) if begun.rotated_to.is_none() && piece.prev == begun.head.mac => {
                Some(begun.clone()).filter(|begun| begun.key == piece.key)
            }
            (None, _) => None,
        };
        let Some(mut begun) = joined else { return false };
        for (part, checkpoint) in &piece.checkpoints {
            let mut tree = begun.tree.clone();
            if !tree.join(part) || tree.root() != checkpoint.root {
                return false;
            }
            begun.agree(checkpoint.clone());
            begun.checkpointed = checkpoint.size + 1;
        }
        if !begun.tree.join(&piece.tree) {
            return false;
        }
        (begun.head, begun.rotated_to) = (piece.head, piece.rotated_to);
        self.begun = Some(begun);
        self.at_header = false;
        self.lines += piece.lines;
        self.bytes += piece.bytes;
        true
    }

    /// Judges the next line, which has its line end. A reader hands out the start of a line that
    /// is longer than [`RECORD_BYTES_MAX`] and one byte more, which is enough to refuse it.
    ///
    /// # Errors
    /// With the first place that does not verify, as soon as it is known what is wrong there.
    /// The verifier is of no use afterwards.
    pub fn record(&mut self, line: &[u8]) -> Result<(), Fault> {
        let parsed = RecordLine::parse(line).filter(|_| line.len() <= RECORD_BYTES_MAX);
        let genuine = parsed.and_then(|record| Some((record, self.genuine(line, &record)?)));
        if let Some(suspect) = self.suspect {
            let next = genuine.as_ref().map(|(record, _)| record);
            return Err(self.fault(self.kind(suspect, next)));
        }
        let Some((record, leaf)) = genuine else {
            return self.suspect(line, parsed.is_some());
        };
        let fits = match &self.begun {
            None => record.seq == self.first,
            Some(begun) => record.follows(begun.head),
        };
        if !fits {
            self.suspect = Some(Suspect::Misplaced(record.seq));
            return Ok(());
        }
        self.accept(line, &record, leaf)?;
        self.lines += 1;
        self.bytes += line.len() as u64;
        self.check_given()
    }

    /// Ends the log.
    ///
    /// # Errors
    /// When its last line does not verify, when there was not even a header, or when a checkpoint
    /// vouches for more.
    pub fn finish(self) -> Result<Verified, Fault> {
        if let Some(suspect) = self.suspect {
            return Err(self.fault(self.kind(suspect, None)));
        }
        if self.begun.is_some() && !self.given.is_empty() {
            return Err(self.fault(FaultKind::Cut));
        }
        let removed = self.fault(FaultKind::Removed);
        let Self { first, bytes, begun, .. } = self;
        let begun = begun.ok_or(removed)?;
        Ok(Verified {
            log: begun.log,
            first,
            prev: begun.prev,
            segment: begun.segment,
            key: begun.key,
            rotated_to: begun.rotated_to,
            head: begun.head,
            tree: begun.tree,
            checkpointed: begun.checkpointed,
            checkpoint: begun.checkpoint,
            checkpoints: begun.checkpoints,
            bytes,
        })
    }

    /// How far the log verifies: the number of bytes before the first line that does not fit.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The record that belongs next.
    #[must_use]
    pub fn expected(&self) -> Seq {
        self.begun.as_ref().map_or(self.first, |begun| Seq(begun.head.seq.0.saturating_add(1)))
    }

    /// The leaf of a line whose mac is right, or cannot be checked. A header names its own key.
    fn genuine(&self, line: &[u8], record: &RecordLine<'_>) -> Option<Hash> {
        let header = record.system_action() == Some(b"segment_begun");
        let id = match &self.begun {
            _ if header => Some(Header::parse(line)?.key),
            Some(begun) => Some(begun.key),
            None => None,
        };
        let by = |key| {
            let hashed = hash(record.signed, record.rest, key);
            hashed.mac.is_none_or(|mac| mac == record.mac).then_some(hashed.leaf)
        };
        match id {
            Some(id) => by(self.trust.key(id)?),
            None => self.trust.any_key().find_map(by),
        }
    }

    /// Takes a genuine record that belongs here.
    fn accept(&mut self, line: &[u8], record: &RecordLine<'_>, leaf: Hash) -> Result<(), Fault> {
        let signers = self.begun.as_ref().map_or(&[][..], |begun| &begun.signers);
        let meaning = match record.system_action() {
            None => Meaning::Plain,
            Some(action) => {
                Meaning::read(action, line, record.seq, signers).map_err(|unclear| {
                    self.fault(match unclear {
                        Unclear::NotARecord => FaultKind::NotARecord,
                        Unclear::Note(NoteError::Unsigned) => FaultKind::WrongKey,
                        Unclear::Note(_) => FaultKind::Edited,
                    })
                })?
            }
        };
        if let Meaning::Header(header) = &meaning {
            if !std::mem::take(&mut self.at_header) {
                return Err(self.fault(FaultKind::Inserted));
            }
            let joined = self.join_header(header, record.seq, record.prev);
            self.begun = Some(joined.map_err(|kind| match kind {
                FaultKind::Rewritten => self.rewritten(),
                kind => self.fault(kind),
            })?);
        }
        let (not_a_record, rewritten) = (self.fault(FaultKind::NotARecord), self.rewritten());
        let Some(begun) = self.begun.as_mut().filter(|_| !self.at_header) else {
            return Err(not_a_record);
        };
        match meaning {
            Meaning::Header(_) => {}
            _ if begun.rotated_to.is_some() => return Err(not_a_record),
            Meaning::Plain => {}
            Meaning::Rotation(to) => begun.rotated_to = Some(to),
            Meaning::Checkpoint(checkpoint) => {
                if checkpoint.root != begun.tree.root() {
                    return Err(rewritten);
                }
                begun.checkpointed = checkpoint.size + 1;
                begun.agree(checkpoint);
            }
        }
        begun.tree.push(leaf);
        begun.head = Head { seq: record.seq, mac: record.mac };
        Ok(())
    }

    /// The state behind a header in this place, but for the header itself.
    fn join_header(&self, header: &Header, seq: Seq, prev: Digest) -> Result<Begun, FaultKind> {
        if header.format != FORMAT {
            return Err(FaultKind::UnknownFormat);
        }
        let Header { log, segment, key, .. } = *header;
        let tree = header.tree(seq).ok_or(FaultKind::NotARecord)?;
        let Some(before) = &self.begun else {
            if seq == Seq(0) && prev != genesis(log, key) {
                return Err(FaultKind::Edited);
            }
            // A log is begun with nothing to be signed; later on, a checkpoint is near.
            let checkpointed = if seq == Seq(0) { 1 } else { seq.0 };
            return Ok(Begun {
                log,
                segment,
                key,
                signers: self.trust.signers(log),
                prev,
                head: Head { seq, mac: prev },
                tree,
                rotated_to: None,
                checkpointed,
                checkpoint: None,
                checkpoints: 0,
            });
        };
        let goes_on = log == before.log
            && segment == before.segment.saturating_add(1)
            && key == before.rotated_to.unwrap_or(before.key)
            && prev == before.head.mac;
        match goes_on {
            true if tree != before.tree => Err(FaultKind::Rewritten),
            true => Ok(Begun { segment, key, rotated_to: None, ..before.clone() }),
            false => Err(FaultKind::Edited),
        }
    }

    /// Holds the tree against given checkpoints over just as many records.
    fn check_given(&mut self) -> Result<(), Fault> {
        let Some(begun) = &mut self.begun else { return Ok(()) };
        let size = begun.tree.end();
        while let Some(given) = self.given.pop_if(|given| given.size <= size) {
            if given.size < size {
                // Its place has gone by before the first line here.
                continue;
            }
            if given.root != begun.tree.root() {
                return Err(self.rewritten());
            }
            begun.agree(given);
        }
        Ok(())
    }

    /// Holds a line that is not genuine until the next one is seen, unless it already tells all.
    fn suspect(&mut self, line: &[u8], shaped: bool) -> Result<(), Fault> {
        if !line.ends_with(b"\n") && line.len() <= RECORD_BYTES_MAX {
            return Err(self.fault(FaultKind::Torn));
        }
        if self.at_header
            && let Some(header) = Header::parse(line)
        {
            if header.format != FORMAT {
                return Err(self.fault(FaultKind::UnknownFormat));
            }
            if self.trust.key(header.key).is_none() {
                return Err(self.fault(FaultKind::WrongKey));
            }
        }
        self.suspect = Some(if shaped { Suspect::Forged } else { Suspect::Shapeless });
        Ok(())
    }

    fn kind(&self, suspect: Suspect, next: Option<&RecordLine<'_>>) -> FaultKind {
        let expected = self.expected();
        let next_fits = next.is_some_and(|next| match &self.begun {
            Some(begun) => next.follows(begun.head),
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

    /// The tree is not that which was signed: a record is another since the last checkpoint that
    /// was right.
    fn rewritten(&self) -> Fault {
        let signed = self.begun.as_ref().and_then(|begun| begun.checkpoint.as_ref());
        let seq = Seq(signed.map_or(self.first.0, |checkpoint| checkpoint.size));
        let until = Some(Seq(self.expected().0.saturating_sub(1)));
        Fault { seq, until, ..self.fault(FaultKind::Rewritten) }
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        let (line, seq) = (self.lines + 1, self.expected());
        Fault { line, offset: self.bytes, seq, until: None, kind }
    }
}

impl Begun {
    fn agree(&mut self, checkpoint: Checkpoint) {
        self.checkpoints += 1;
        if self.checkpoint.as_ref().is_none_or(|last| last.size <= checkpoint.size) {
            self.checkpoint = Some(checkpoint);
        }
    }
}

impl RecordLine<'_> {
    /// Whether the record is the one after this one.
    pub(crate) fn follows(&self, head: Head) -> bool {
        self.seq.0 == head.seq.0.saturating_add(1) && self.prev == head.mac
    }
}
