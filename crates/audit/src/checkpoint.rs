//! Checkpoints (C2SP `tlog-checkpoint`, version 1) and proofs that can be carried away
//! (C2SP `tlog-proof`, version 1).

use bakerst_model::Seq;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::line::{lines, parse_decimal};
use crate::note::{CheckpointKey, NoteError, PublicKey, open};
use crate::proof::root_by_inclusion;
use crate::seq_of;
use crate::tree::{Hash, Tree, leaf_hash};

const PROOF_FORM: &str = "c2sp.org/tlog-proof@v1";

/// The state of a log at one moment, as its owner signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Which log: the name that its key signs under.
    pub origin: String,
    /// How many records the tree is over: it vouches for all before this one.
    pub size: u64,
    /// The root of the tree.
    pub root: Hash,
}

impl Checkpoint {
    /// Signs a tree.
    pub(crate) fn sign(key: &CheckpointKey, tree: &Tree) -> String {
        let origin = key.public().name();
        let root = STANDARD.encode(tree.root());
        key.sign(&format!("{origin}\n{}\n{root}\n", tree.end()))
    }

    /// Opens a signed checkpoint.
    ///
    /// # Errors
    /// When none of the trusted keys signed it, or it is something else.
    pub fn open(note: &str, trusted: &[PublicKey]) -> Result<Self, NoteError> {
        let (text, key) = open(note, trusted)?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::NotACheckpoint("it has fewer than three lines"));
        };
        if origin != key.name() {
            return Err(NoteError::NotACheckpoint("it is of another log than its key"));
        }
        let size = parse_decimal(size.as_bytes());
        let size = size.ok_or(NoteError::NotACheckpoint("its second line is no size"))?;
        let root = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        let root = root.ok_or(NoteError::NotACheckpoint("its third line is no root"))?;
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The signed checkpoints in a text that somebody kept: a note, or records as they stand in
    /// the log or as a sink got them, one JSON object a line. What is neither is passed over.
    #[must_use]
    pub fn find_notes(text: &str) -> Vec<String> {
        if !text.trim_start().starts_with('{') {
            return vec![format!("{}\n", text.trim_end_matches('\n'))];
        }
        text.lines().filter_map(Self::note_in).collect()
    }

    /// The note in a record, or in the record that an OCSF event holds.
    fn note_in(line: &str) -> Option<String> {
        let read = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
        let mut record = read(line)?;
        if let Some(raw) = record.get("raw_data").and_then(serde_json::Value::as_str) {
            record = read(raw)?;
        }
        record.pointer("/detail/note")?.as_str().map(str::to_owned)
    }
}

/// A record with the proof that it is in a log: all that is needed to show it to somebody else.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordProof {
    /// The record's line, without its line end.
    pub record: String,
    /// Its place.
    pub seq: Seq,
    /// The hashes beside the way from the record to the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint whose root it is.
    pub note: String,
}

impl RecordProof {
    /// The proof as text, in the form that other tools read. The record stands in `extra`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { record, seq, hashes, note } = self;
        let extra = STANDARD.encode(record);
        let hashes: String = hashes.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
        format!("{PROOF_FORM}\nextra {extra}\nindex {seq}\n{hashes}\n{note}")
    }

    /// Reads a proof. It proves nothing until it is [checked](Self::check).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        lines.next().filter(|form| *form == PROOF_FORM)?;
        let record = STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
        let seq = Seq(parse_decimal(lines.next()?.strip_prefix("index ")?.as_bytes())?);
        let hash = |line| STANDARD.decode(line).ok().and_then(|hash| Hash::try_from(hash).ok());
        let hashes = lines.map(hash).collect::<Option<_>>()?;
        Some(Self { record: String::from_utf8(record).ok()?, seq, hashes, note: note.to_owned() })
    }

    /// Checks that the record is in the log of one of these keys, in the place that it claims.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check(&self, trusted: &[PublicKey]) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::open(&self.note, trusted)?;
        let one_line = lines(self.record.as_bytes()).next().is_none();
        if !one_line || seq_of(self.record.as_bytes()) != Some(self.seq) {
            return Err(NoteError::NotACheckpoint("the record claims another place"));
        }
        let leaf = leaf_hash(self.record.as_bytes());
        let root = root_by_inclusion(self.seq.0, checkpoint.size, &leaf, &self.hashes);
        match root == Some(checkpoint.root) {
            true => Ok(checkpoint),
            false => Err(NoteError::NotACheckpoint("its root is not that of the record's proof")),
        }
    }
}

#[cfg(test)]
mod tests {
    use bakerst_model::Secret;

    use super::*;
    use crate::proof::ProofPlan;

    fn key(name: &str) -> CheckpointKey {
        CheckpointKey::new(&Secret::new(vec![3; 32]), name).unwrap()
    }

    fn record(n: u64) -> String {
        format!("{{\"seq\":{n},\"x\":1}}")
    }

    fn proof() -> RecordProof {
        let (mut tree, mut plan) = (Tree::from(0), ProofPlan::of_inclusion(5, 9).unwrap());
        for n in 0..9 {
            let leaf = leaf_hash(record(n).as_bytes());
            tree.push(leaf);
            plan.push(n, leaf);
        }
        let note = Checkpoint::sign(&key("log"), &tree);
        RecordProof { record: record(5), seq: Seq(5), hashes: plan.finish().unwrap(), note }
    }

    #[test]
    fn a_proof_reads_back_and_proves_its_record_alone() {
        let (proof, trusted) = (proof(), [key("log").public().clone()]);
        let text = proof.to_text();
        let read = RecordProof::parse(&text).unwrap();
        assert_eq!(read, proof);
        let checkpoint = read.check(&trusted).unwrap();
        assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("log", 9));
        for changed in [
            RecordProof { record: record(4), ..proof.clone() },
            RecordProof { record: record(5) + "\n", ..proof.clone() },
            RecordProof { seq: Seq(4), ..proof.clone() },
            RecordProof { seq: Seq(4), record: record(4), ..proof.clone() },
            RecordProof { hashes: proof.hashes[1..].to_vec(), ..proof.clone() },
            RecordProof { note: proof.note.replace("\n9\n", "\n8\n"), ..proof.clone() },
        ] {
            assert!(changed.check(&trusted).is_err(), "{changed:?}");
        }
        assert!(proof.check(&[key("other").public().clone()]).is_err());
    }

    #[test]
    fn a_note_that_is_no_checkpoint_is_refused() {
        let (key, root) = (key("log"), STANDARD.encode([7; 32]));
        let trusted = [key.public().clone()];
        let check = |text: String| Checkpoint::open(&key.sign(&text), &trusted).is_ok();
        assert!(check(format!("log\n9\n{root}\n")));
        assert!(check(format!("log\n0\n{root}\nextension\n")));
        for wrong in [
            format!("other\n9\n{root}\n"),
            format!("log\n09\n{root}\n"),
            format!("log\n-9\n{root}\n"),
            "log\n9\nAAAA\n".to_owned(),
            "log\n9\n".to_owned(),
        ] {
            assert!(!check(wrong.clone()), "{wrong}");
        }
    }

    #[test]
    fn checkpoints_are_found_in_notes_and_in_records() {
        let note = proof().note;
        assert_eq!(Checkpoint::find_notes(&note), std::slice::from_ref(&note));
        let record = serde_json::json!({"seq": 9, "detail": {"size": 9, "note": note}});
        let kept = format!("{record}\n{{\"seq\":10}}\nnot json\n{record}\n");
        assert_eq!(Checkpoint::find_notes(&kept), [note.clone(), note.clone()]);
        let event = serde_json::json!({"class_uid": 6003, "raw_data": record.to_string()});
        assert_eq!(Checkpoint::find_notes(&event.to_string()), [note]);
    }
}
