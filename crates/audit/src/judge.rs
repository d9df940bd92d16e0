//! Judging a run of records by itself, so that many can be judged at once.
//!
//! Each record names the mac of the one before it, so a run of them proves itself, up to what its
//! first record follows. A [`Verifier`](crate::Verifier) joins what was found, in order.

use bakerst_model::{Digest, Seq};

use crate::checkpoint::Checkpoint;
use crate::header::Header;
use crate::line::{RecordLine, lines};
use crate::note::{NoteError, PublicKey};
use crate::record::hash;
use crate::tree::{Hash, Tree};
use crate::{Head, KeyId, LogId, LogKey, LogKeys, RECORD_BYTES_MAX};

/// What a log is judged by.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Option<LogKeys>,
    public: Vec<PublicKey>,
}

impl Trust {
    /// The keys of the log itself: every mac is checked, and every checkpoint.
    #[must_use]
    pub fn keys(keys: LogKeys) -> Self {
        Self { keys: Some(keys), public: Vec::new() }
    }

    /// Public keys alone: the order of the records is checked, and that they are those which the
    /// checkpoints were signed over. What no checkpoint is over is not proved.
    #[must_use]
    pub fn public(public: Vec<PublicKey>) -> Self {
        Self { keys: None, public }
    }

    /// Believes checkpoints that are signed by these keys too.
    #[must_use]
    pub fn and_public(mut self, public: impl IntoIterator<Item = PublicKey>) -> Self {
        self.public.extend(public);
        self
    }

    /// Whether macs are checked.
    #[must_use]
    pub fn checks_macs(&self) -> bool {
        self.keys.is_some()
    }

    /// Whose checkpoints of this log are believed.
    #[must_use]
    pub fn signers(&self, log: LogId) -> Vec<PublicKey> {
        let own = self.keys.as_ref().and_then(|keys| keys.signer(log).ok());
        let own = own.map(|signer| signer.public().clone());
        own.into_iter().chain(self.public.iter().cloned()).collect()
    }

    /// Whatever a mac may have been made with, where nothing says which key it was.
    pub(crate) fn any_key(&self) -> impl Iterator<Item = Option<&LogKey>> {
        let keys = self.keys.iter().flat_map(LogKeys::all).map(Some);
        keys.chain(self.keys.is_none().then_some(None))
    }

    /// The key for a segment's macs: nothing to be checked, or the key, or a key that is missing.
    pub(crate) fn key(&self, id: KeyId) -> Option<Option<&LogKey>> {
        match &self.keys {
            None => Some(None),
            Some(keys) => keys.find(id).map(Some),
        }
    }
}

/// Judges runs of records of one segment.
#[derive(Clone, Debug)]
pub struct Judge<'t> {
    id: KeyId,
    key: Option<&'t LogKey>,
    signers: Vec<PublicKey>,
}

/// A run of records that proves itself.
#[derive(Clone, Debug)]
pub struct Piece {
    pub(crate) first: Seq,
    pub(crate) prev: Digest,
    /// The key that its macs were made with.
    pub(crate) key: KeyId,
    pub(crate) header: Option<Header>,
    pub(crate) head: Head,
    pub(crate) tree: Tree,
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Each checkpoint with the tree of this run that stood before it.
    pub(crate) checkpoints: Vec<(Tree, Checkpoint)>,
    pub(crate) rotated_to: Option<KeyId>,
}

impl<'t> Judge<'t> {
    /// For the segment with this first line; `None` when it is no header, or when its key is
    /// missing.
    #[must_use]
    pub fn of_segment(trust: &'t Trust, header: &[u8]) -> Option<Self> {
        let header = Header::parse(header)?;
        let (key, signers) = (trust.key(header.key)?, trust.signers(header.log));
        Some(Self { id: header.key, key, signers })
    }

    /// Judges whole lines in a row. `None` when anything is not as it should be: what it is, a
    /// [`Verifier`](crate::Verifier) finds out line by line.
    #[must_use]
    pub fn judge(&self, bytes: &[u8]) -> Option<Piece> {
        let mut piece: Option<Piece> = None;
        let mut split = lines(bytes);
        for line in split.by_ref() {
            let record = RecordLine::parse(line).filter(|_| line.len() <= RECORD_BYTES_MAX)?;
            let hashed = hash(record.signed, record.rest, self.key);
            if hashed.mac.is_some_and(|mac| mac != record.mac) {
                return None;
            }
            let meaning = match record.system_action() {
                None => Meaning::Plain,
                Some(action) => Meaning::read(action, line, record.seq, &self.signers).ok()?,
            };
            match &mut piece {
                None => {
                    let begun = Piece::begin(&record, self.id, meaning, hashed.leaf, line.len());
                    piece = Some(begun);
                }
                Some(piece) => piece.go_on(&record, meaning, hashed.leaf, line.len())?,
            }
        }
        piece.filter(|_| split.rest().is_empty())
    }
}

impl Piece {
    fn begin(
        record: &RecordLine<'_>,
        key: KeyId,
        meaning: Meaning,
        leaf: Hash,
        bytes: usize,
    ) -> Self {
        let RecordLine { seq, prev, mac, .. } = *record;
        let mut piece = Self {
            first: seq,
            prev,
            key,
            header: None,
            head: Head { seq, mac },
            tree: Tree::from(seq.0),
            lines: 0,
            bytes: 0,
            checkpoints: Vec::new(),
            rotated_to: None,
        };
        match meaning {
            Meaning::Header(header) => piece.header = Some(*header),
            other => piece.mean(other),
        }
        piece.add(record, leaf, bytes);
        piece
    }

    fn go_on(
        &mut self,
        record: &RecordLine<'_>,
        meaning: Meaning,
        leaf: Hash,
        bytes: usize,
    ) -> Option<()> {
        let follows = record.follows(self.head) && self.rotated_to.is_none();
        if !follows || matches!(meaning, Meaning::Header(_)) {
            return None;
        }
        self.mean(meaning);
        self.add(record, leaf, bytes);
        Some(())
    }

    fn mean(&mut self, meaning: Meaning) {
        match meaning {
            Meaning::Plain | Meaning::Header(_) => {}
            Meaning::Checkpoint(checkpoint) => {
                self.checkpoints.push((self.tree.clone(), checkpoint));
            }
            Meaning::Rotation(to) => self.rotated_to = Some(to),
        }
    }

    fn add(&mut self, record: &RecordLine<'_>, leaf: Hash, bytes: usize) {
        self.tree.push(leaf);
        self.head = Head { seq: record.seq, mac: record.mac };
        self.lines += 1;
        self.bytes += bytes as u64;
    }
}

/// What a record says to those who judge.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// Nothing.
    Plain,
    /// A segment begins.
    Header(Box<Header>),
    /// All before it was signed.
    Checkpoint(Checkpoint),
    /// Another key is used from here on.
    Rotation(KeyId),
}

/// Why a record of the log's own says nothing that can be understood.
pub(crate) enum Unclear {
    /// It is none.
    NotARecord,
    /// Its checkpoint is not to be believed.
    Note(NoteError),
}

impl Meaning {
    /// What a record of the category `system` means.
    pub(crate) fn read(
        action: &[u8],
        line: &[u8],
        seq: Seq,
        signers: &[PublicKey],
    ) -> Result<Self, Unclear> {
        let detail = || -> Option<serde_json::Value> {
            let mut record: serde_json::Value = serde_json::from_slice(line).ok()?;
            record.get_mut("detail").map(serde_json::Value::take)
        };
        let text = |detail: &serde_json::Value, field| {
            detail.get(field).and_then(|text| text.as_str()).map(str::to_owned)
        };
        match action {
            b"segment_begun" => {
                let header = Header::parse(line).ok_or(Unclear::NotARecord)?;
                Ok(Self::Header(Box::new(header)))
            }
            b"checkpoint" => {
                let note = detail().and_then(|detail| text(&detail, "note"));
                let opened = Checkpoint::open(&note.ok_or(Unclear::NotARecord)?, signers);
                let checkpoint = opened.map_err(Unclear::Note)?;
                // A checkpoint is over everything before it.
                match checkpoint.size == seq.0 {
                    true => Ok(Self::Checkpoint(checkpoint)),
                    false => Err(Unclear::NotARecord),
                }
            }
            b"key_rotated" => {
                let to = detail().and_then(|detail| text(&detail, "to"));
                let to = to.and_then(|to| KeyId::parse(&to)).ok_or(Unclear::NotARecord)?;
                Ok(Self::Rotation(to))
            }
            _ => Ok(Self::Plain),
        }
    }
}
