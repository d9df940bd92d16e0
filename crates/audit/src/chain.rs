//! The chain as its writer sees it.

use std::sync::Arc;

use bakerst_model::{Action, Actor, Detail, Digest, Event, Seq, UnixMillis};
use serde::Serialize;

use crate::checkpoint::Checkpoint;
use crate::header::{About, FORMAT, Header, genesis};
use crate::note::{CheckpointKey, NoteError};
use crate::record::{Draft, PrepareError, seal};
use crate::tree::{Hash, Tree};
use crate::{KeyId, LogId, LogKey, LogKeys, Verified};

/// The last record of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its place.
    pub seq: Seq,
    /// Its mac.
    pub mac: Digest,
}

/// Where the next record goes, what it must name, and the tree over all before it.
///
/// Records are appended to a buffer of the caller's. Until that is written, they can be taken back
/// by [`Chain::rewind`]: a record that could not be written leaves no gap.
#[derive(Clone, Debug)]
pub struct Chain {
    key: LogKey,
    signer: Arc<CheckpointKey>,
    about: About,
    log: LogId,
    at: Mark,
}

/// A place in a log to which its chain can go back.
#[derive(Clone, Debug)]
pub struct Mark {
    segment: u64,
    head: Head,
    tree: Tree,
    /// How many records the last checkpoint and what went before it were.
    checkpointed: u64,
}

/// Why a log cannot be begun or gone on with.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// A record of the log's own cannot be written.
    #[error(transparent)]
    Record(#[from] PrepareError),
    /// Its checkpoints cannot be signed.
    #[error(transparent)]
    Signer(#[from] NoteError),
    /// The key that the log was last written with is missing.
    #[error("the log was written with the key {0}, which is missing")]
    KeyMissing(KeyId),
}

impl Chain {
    /// Begins a new log. Its header is appended to `out`, and the chain stands behind it already.
    ///
    /// # Errors
    /// When what the header says of the machine is too long.
    pub fn begin(
        keys: &LogKeys,
        log: LogId,
        about: About,
        at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<Self, ChainError> {
        let key = keys.current().clone();
        let signer = Arc::new(keys.signer(log)?);
        // The first record is no pair of what it would follow; the genesis stands in its place.
        let head = Head { seq: Seq(0), mac: genesis(log, key.id()) };
        let tree = Tree::from(0);
        let at_start = Mark { segment: 0, head, tree, checkpointed: 0 };
        let mut chain = Self { key, signer, about, log, at: at_start };
        let header = chain.header(0).draft(at)?;
        chain.put(Seq(0), header.bytes(), out);
        chain.at.checkpointed = 1;
        Ok(chain)
    }

    /// Goes on behind what a [`Verifier`](crate::Verifier) has judged. Where its last record says
    /// that another key follows, the next segment is begun first: see
    /// [`Verified::rotated_to`].
    ///
    /// # Errors
    /// When the key is missing, or the log's name cannot be signed under.
    pub fn resume(keys: &LogKeys, about: About, verified: &Verified) -> Result<Self, ChainError> {
        let Verified { log, segment, head, tree, checkpointed, .. } = verified;
        let id = verified.rotated_to.unwrap_or(verified.key);
        let key = keys.find(id).ok_or(ChainError::KeyMissing(id))?.clone();
        let signer = Arc::new(keys.signer(*log)?);
        let (segment, head, tree) = (*segment, *head, tree.clone());
        let at = Mark { segment, head, tree, checkpointed: *checkpointed };
        Ok(Self { key, signer, about, log: *log, at })
    }

    /// The key that records are written with.
    #[must_use]
    pub fn key(&self) -> KeyId {
        self.key.id()
    }

    /// Appends a record.
    pub fn append(&mut self, draft: &Draft, out: &mut Vec<u8>) -> Seq {
        self.put(self.next(), draft.bytes(), out)
    }

    /// Appends the header of the next segment, which is a record like any other. It goes into
    /// that segment's file.
    ///
    /// # Errors
    /// When what it says of the machine is too long.
    pub fn begin_segment(
        &mut self,
        at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<Seq, PrepareError> {
        let segment = self.at.segment.saturating_add(1);
        let header = self.header(segment).draft(at)?;
        self.at.segment = segment;
        Ok(self.append(&header, out))
    }

    /// Appends a signed checkpoint over all records so far; `None` when there is nothing but what
    /// the last one was over, and that one itself.
    ///
    /// # Errors
    /// When the checkpoint has no JSON form.
    pub fn checkpoint(
        &mut self,
        at: UnixMillis,
        out: &mut Vec<u8>,
    ) -> Result<Option<Seq>, PrepareError> {
        if self.unsigned() == 0 {
            return Ok(None);
        }
        let note = Checkpoint::sign(&self.signer, &self.at.tree);
        let detail = CheckpointDetail { size: self.at.tree.end(), note: &note };
        let draft = system(at, Action::Checkpoint, &detail)?;
        let seq = self.append(&draft, out);
        self.at.checkpointed = self.at.tree.end();
        Ok(Some(seq))
    }

    /// How many records no checkpoint is over yet, checkpoints themselves aside.
    #[must_use]
    pub fn unsigned(&self) -> u64 {
        self.at.tree.end() - self.at.checkpointed
    }

    /// Has the log written with another key. The last record of the old one, which goes to
    /// `ending`, names the new one; the first of the new one is the header of the next segment,
    /// which goes to `beginning`.
    ///
    /// # Errors
    /// When what the header says of the machine is too long. The old key stays in use then.
    pub fn rotate(
        &mut self,
        next: LogKey,
        at: UnixMillis,
        ending: &mut Vec<u8>,
        beginning: &mut Vec<u8>,
    ) -> Result<Seq, PrepareError> {
        let (from, to) = (self.key.id().to_string(), next.id().to_string());
        let draft = system(at, Action::KeyRotated, &RotationDetail { from, to })?;
        let (mark, ended) = (self.mark(), ending.len());
        self.append(&draft, ending);
        let before = std::mem::replace(&mut self.key, next);
        let begun = self.begin_segment(at, beginning);
        if begun.is_err() {
            ending.truncate(ended);
            self.key = before;
            self.rewind(mark);
        }
        begun
    }

    /// Says of later headers which policy is in force.
    pub fn set_policy(&mut self, policy: Option<Digest>) {
        self.about.policy = policy;
    }

    /// The last record.
    #[must_use]
    pub fn head(&self) -> Head {
        self.at.head
    }

    /// Which log.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.log
    }

    /// This place, to come back to.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.at.clone()
    }

    /// Takes back what was appended since: it was not written.
    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark;
    }

    fn next(&self) -> Seq {
        Seq(self.at.head.seq.0.saturating_add(1))
    }

    fn put(&mut self, seq: Seq, draft: &[u8], out: &mut Vec<u8>) -> Seq {
        let (mac, leaf) = seal(out, &self.key, seq, &self.at.head.mac, draft);
        self.at.tree.push(leaf);
        self.at.head = Head { seq, mac };
        seq
    }

    fn header(&self, segment: u64) -> Header {
        let peaks: Vec<Hash> = self.at.tree.peaks().copied().collect();
        let (key, about) = (self.key.id(), self.about.clone());
        Header { format: FORMAT, log: self.log, segment, key, about, peaks }
    }
}

#[derive(Serialize)]
struct CheckpointDetail<'n> {
    size: u64,
    note: &'n str,
}

#[derive(Serialize)]
struct RotationDetail {
    from: String,
    to: String,
}

fn system(at: UnixMillis, action: Action, detail: &impl Serialize) -> Result<Draft, PrepareError> {
    let detail = Detail::of(detail).map_err(|e| PrepareError::NotJson(e.to_string()))?;
    Draft::of(at, &Event { action, actor: Actor::system(), conversation: None, detail })
}
