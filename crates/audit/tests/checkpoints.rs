//! Checkpoints, keys that change, and logs judged in pieces.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bakerst_audit::{
    About, Chain, Checkpoint, Draft, Fault, FaultKind, Judge, LogId, LogKey, LogKeys, ProofPlan,
    PublicKey, RecordProof, Trust, Verified, Verifier, is_consistent, leaf_hash,
};
use bakerst_model::{Action, Actor, Code, Detail, Event, Secret, Seq, UnixMillis};
use proptest::prelude::*;
use serde_json::json;

fn key(byte: u8) -> LogKey {
    LogKey::new(&Secret::new(vec![byte; 32])).unwrap()
}

fn keys(byte: u8, signing: u8) -> LogKeys {
    LogKeys::new(key(byte), Secret::new(vec![signing; 32]))
}

fn public(signing: u8) -> PublicKey {
    keys(1, signing).signer(LogId::from_random([1; 16])).unwrap().public().clone()
}

fn draft(n: u64) -> Draft {
    let detail = Detail::of(&json!({ "n": n })).unwrap();
    let (action, actor) = (Action::ToolAllowed, Actor::system());
    Draft::of(UnixMillis(n), &Event { action, actor, conversation: None, detail }).unwrap()
}

/// A log over several segments, with a checkpoint after every seven events.
struct Log {
    segments: Vec<Vec<u8>>,
    chain: Chain,
    events: u64,
}

impl Log {
    fn begin(keys: &LogKeys) -> Self {
        let mut out = Vec::new();
        let log = LogId::from_random([1; 16]);
        let chain = Chain::begin(keys, log, About::default(), UnixMillis(0), &mut out).unwrap();
        Self { segments: vec![out], chain, events: 0 }
    }

    fn add(&mut self, events: u64) {
        for _ in 0..events {
            let out = self.segments.last_mut().unwrap();
            self.events += 1;
            self.chain.append(&draft(self.events), out);
            if self.events.is_multiple_of(7) {
                self.chain.checkpoint(UnixMillis(0), out).unwrap().unwrap();
            }
        }
    }

    fn next_segment(&mut self) {
        let mut out = Vec::new();
        self.chain.begin_segment(UnixMillis(0), &mut out).unwrap();
        self.segments.push(out);
    }

    fn rotate(&mut self, next: LogKey) {
        let (mut beginning, ending) = (Vec::new(), self.segments.last_mut().unwrap());
        self.chain.rotate(next, UnixMillis(0), ending, &mut beginning).unwrap();
        self.segments.push(beginning);
    }

    /// Three segments of some events each.
    fn usual() -> Self {
        let mut log = Self::begin(&keys(1, 9));
        for _ in 0..2 {
            log.add(20);
            log.next_segment();
        }
        log.add(9);
        log
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        bakerst_audit::lines(&self.segments.concat()).map(<[u8]>::to_vec).collect()
    }

    fn notes(&self) -> Vec<String> {
        Checkpoint::find_notes(std::str::from_utf8(&self.segments.concat()).unwrap())
    }
}

fn verify(trust: &Trust, segments: &[Vec<u8>]) -> Result<Verified, Fault> {
    verify_against(trust, segments, Vec::new())
}

fn verify_against(
    trust: &Trust,
    segments: &[Vec<u8>],
    given: Vec<Checkpoint>,
) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(trust.clone());
    assert!(verifier.hold_against(given).is_empty());
    for segment in segments {
        verifier.next_segment();
        bakerst_audit::lines(segment).try_for_each(|line| verifier.record(line))?;
    }
    verifier.finish()
}

/// As a program does that uses all cores: pieces first, and line by line where one does not fit.
fn verify_in_pieces(
    trust: &Trust,
    segments: &[Vec<u8>],
    lines_each: usize,
) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(trust.clone());
    for segment in segments {
        verifier.next_segment();
        let lines: Vec<&[u8]> = bakerst_audit::lines(segment).collect();
        let judge = lines.first().and_then(|header| Judge::of_segment(trust, header));
        for run in lines.chunks(lines_each) {
            let piece = judge.as_ref().and_then(|judge| judge.judge(&run.concat()));
            if !piece.is_some_and(|piece| verifier.piece(&piece)) {
                run.iter().try_for_each(|line| verifier.record(line))?;
            }
        }
    }
    verifier.finish()
}

#[test]
fn checkpoints_are_over_everything_before_them() {
    let log = Log::usual();
    let by_keys = verify(&Trust::keys(keys(1, 9)), &log.segments).unwrap();
    let by_public = verify(&Trust::public(vec![public(9)]), &log.segments).unwrap();
    assert_eq!(by_keys, by_public);
    assert_eq!((by_keys.checkpoints, by_keys.segment), (7, 2));
    assert_eq!(by_keys.tree.end(), log.lines().len() as u64);
    // The last checkpoint was the last record.
    assert_eq!(by_keys.signed(), by_keys.head.seq.0);
    for (note, line) in log.notes().iter().zip(1..) {
        let checkpoint = Checkpoint::open(note, &[public(9)]).unwrap();
        assert_eq!(checkpoint.origin, "bakerst/01010101010101010101010101010101", "{line}");
    }
}

#[test]
fn nothing_new_is_signed_once_only() {
    let mut log = Log::begin(&keys(1, 9));
    let mut out = Vec::new();
    assert_eq!(log.chain.checkpoint(UnixMillis(0), &mut out).unwrap(), None);
    log.add(3);
    assert_eq!(log.chain.unsigned(), 3);
    assert!(log.chain.checkpoint(UnixMillis(0), &mut out).unwrap().is_some());
    assert_eq!(log.chain.checkpoint(UnixMillis(0), &mut out).unwrap(), None);
}

#[test]
fn without_the_logs_key_the_public_key_finds_every_edit_that_was_signed_over() {
    let log = Log::usual();
    let trust = Trust::public(vec![public(9)]);
    let signed = verify(&trust, &log.segments).unwrap().signed();
    for (place, line) in log.lines().iter().enumerate() {
        let text = String::from_utf8(line.clone()).unwrap();
        let Some(edited) = text.contains("{\"n\":").then(|| text.replace("{\"n\":", "{\"m\":"))
        else {
            continue;
        };
        let mut segments = log.segments.clone();
        let segment = segments.iter_mut().find(|s| s.windows(line.len()).any(|w| w == line));
        let segment = segment.unwrap();
        *segment = String::from_utf8(segment.clone()).unwrap().replace(&text, &edited).into_bytes();
        let fault = verify(&trust, &segments).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Rewritten, "{fault}");
        let (seq, until) = (fault.seq.0, fault.until.unwrap().0);
        assert!((seq..=until).contains(&(place as u64)) && until < signed, "{fault}");
        let told = fault.to_string();
        assert!(told.ends_with("a checkpoint was signed over other records"), "{told}");
    }
}

#[test]
fn a_checkpoint_that_was_kept_elsewhere_finds_what_was_cut_off() {
    let log = Log::usual();
    let trust = Trust::keys(keys(1, 9));
    let given: Vec<_> =
        log.notes().iter().map(|n| Checkpoint::open(n, &[public(9)]).unwrap()).collect();
    let last = given.last().unwrap().clone();
    let verified = verify_against(&trust, &log.segments, given.clone()).unwrap();
    assert_eq!(verified.checkpoints, 14);
    let mut cut = log.segments.clone();
    let end = cut[2].len();
    let keep = bakerst_audit::lines(&cut[2]).take(3).map(<[u8]>::len).sum();
    cut[2].truncate(keep);
    assert!(keep < end && verify(&trust, &cut).is_ok(), "the log itself cannot tell");
    let fault = verify_against(&trust, &cut, vec![last.clone()]).unwrap_err();
    let first_gone = verify(&trust, &cut).unwrap().tree.end();
    assert_eq!((fault.kind, fault.seq), (FaultKind::Cut, Seq(first_gone)));
    // The owner of the keys has written another history: it verifies, but for the checkpoint.
    let mut other = Log::begin(&keys(1, 9));
    other.events = 100;
    other.add(200);
    let fault = verify_against(&trust, &other.segments, vec![last]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Rewritten);
}

#[test]
fn a_key_that_is_replaced_is_needed_as_long_as_its_records_are_kept() {
    let mut log = Log::begin(&keys(1, 9));
    log.add(10);
    log.rotate(key(2));
    log.add(10);
    log.rotate(key(3));
    log.add(10);
    let mut all = keys(1, 9);
    all.rotate(key(2));
    all.rotate(key(3));
    let verified = verify(&Trust::keys(all.clone()), &log.segments).unwrap();
    assert_eq!((verified.key, verified.head), (key(3).id(), log.chain.head()));
    assert!(verify(&Trust::public(vec![public(9)]), &log.segments).is_ok());
    for lacking in [keys(1, 9), keys(2, 9), keys(3, 9)] {
        let fault = verify(&Trust::keys(lacking), &log.segments).unwrap_err();
        assert_eq!((fault.kind, fault.code()), (FaultKind::WrongKey, Code::LogKeyMissing));
    }
    // Whoever got hold of an old key cannot go on with it after it was replaced.
    let mut thief = Log::begin(&keys(1, 9));
    thief.add(10);
    let (mut forged, ending) = (Vec::new(), thief.segments.last_mut().unwrap());
    let kept = ending.len();
    thief.chain.rotate(key(2), UnixMillis(0), ending, &mut forged).unwrap();
    thief.segments[0].truncate(kept);
    thief.segments.push(forged);
    assert!(verify(&Trust::keys(all), &thief.segments).is_err(), "a key that nobody announced");
}

#[test]
fn a_log_signed_by_somebody_else_says_so() {
    let log = Log::usual();
    let fault = verify(&Trust::public(vec![public(8)]), &log.segments).unwrap_err();
    assert_eq!((fault.kind, fault.code()), (FaultKind::WrongKey, Code::LogKeyMissing));
    let fault = verify(&Trust::keys(keys(1, 8)), &log.segments).unwrap_err();
    assert_eq!(fault.kind, FaultKind::WrongKey);
    let both = Trust::keys(keys(1, 8)).and_public([public(9)]);
    assert!(verify(&both, &log.segments).is_ok());
}

#[test]
fn any_record_is_proved_by_itself_and_checkpoints_are_beginnings_of_each_other() {
    let log = Log::usual();
    let (lines, notes) = (log.lines(), log.notes());
    let note = notes.last().unwrap();
    let last = Checkpoint::open(note, &[public(9)]).unwrap();
    let leaf = |line: &Vec<u8>| leaf_hash(line.strip_suffix(b"\n").unwrap());
    let prove = |mut plan: ProofPlan| {
        let size = usize::try_from(last.size).unwrap();
        lines[..size].iter().zip(0..).for_each(|(line, index)| plan.push(index, leaf(line)));
        plan.finish().unwrap()
    };
    for seq in 0..last.size {
        let record = String::from_utf8(lines[usize::try_from(seq).unwrap()].clone()).unwrap();
        let proof = RecordProof {
            record: record.trim_end().to_owned(),
            seq: Seq(seq),
            hashes: prove(ProofPlan::of_inclusion(seq, last.size).unwrap()),
            note: note.clone(),
        };
        let read = RecordProof::parse(&proof.to_text()).unwrap();
        assert_eq!(read.check(&[public(9)]).unwrap(), last);
    }
    for earlier in &notes[..notes.len() - 1] {
        let earlier = Checkpoint::open(earlier, &[public(9)]).unwrap();
        let proof = prove(ProofPlan::of_consistency(earlier.size, last.size).unwrap());
        let (old, new) = ((earlier.size, &earlier.root), (last.size, &last.root));
        assert!(is_consistent(old, new, &proof));
    }
}

#[test]
fn judging_goes_on_from_any_segment() {
    let log = Log::usual();
    let first = bakerst_audit::seq_of(&log.segments[1]).unwrap();
    let mut verifier = Verifier::from_segment(Trust::keys(keys(1, 9)), first);
    for segment in &log.segments[1..] {
        verifier.next_segment();
        bakerst_audit::lines(segment).try_for_each(|line| verifier.record(line)).unwrap();
    }
    let verified = verifier.finish().unwrap();
    let whole = verify(&Trust::keys(keys(1, 9)), &log.segments).unwrap();
    assert_eq!((verified.tree, verified.head), (whole.tree, whole.head));
    // A chain goes on behind it as if nothing had been.
    let verified = verify(&Trust::keys(keys(1, 9)), &log.segments).unwrap();
    let resumed = Chain::resume(&keys(1, 9), About::default(), &verified).unwrap();
    assert_eq!((resumed.head(), resumed.unsigned()), (log.chain.head(), log.chain.unsigned()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pieces_and_lines_are_judged_alike(
        lines_each in 1..40_usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 0..2),
        with_key: bool,
    ) {
        let mut segments = Log::usual().segments;
        for (at, mask) in flips {
            let segment = at.index(segments.len());
            let at = at.index(segments[segment].len());
            segments[segment][at] ^= mask;
        }
        let trust = match with_key {
            true => Trust::keys(keys(1, 9)),
            false => Trust::public(vec![public(9)]),
        };
        prop_assert_eq!(
            verify_in_pieces(&trust, &segments, lines_each),
            verify(&trust, &segments)
        );
    }
}
