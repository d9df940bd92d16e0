//! Logs that were tampered with, each named for what was done to it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bakerst_audit::{
    About, Chain, DETAIL_BYTES_MAX, Draft, Fault, FaultKind, LogId, LogKey, LogKeys,
    RECORD_BYTES_MAX, Trust, Verified, Verifier,
};
use bakerst_model::{
    Action, Actor, Code, ConversationId, Detail, Event, Secret, Seq, UnixMillis, UserId,
};
use proptest::prelude::*;
use serde_json::json;
use serde_json::value::RawValue;

fn key(byte: u8) -> LogKey {
    LogKey::new(&Secret::new(vec![byte; 32])).unwrap()
}

fn keys(byte: u8) -> LogKeys {
    LogKeys::new(key(byte), Secret::new(vec![9; 32]))
}

fn event(detail: &impl serde::Serialize) -> Event {
    Event {
        action: Action::ToolAllowed,
        actor: Actor { user: UserId::parse("ann \"quoted\"").ok(), ..Actor::system() },
        conversation: ConversationId::parse("c-1").ok(),
        detail: Detail::of(detail).unwrap(),
    }
}

fn draft(at: u64, detail: &impl serde::Serialize) -> Draft {
    Draft::of(UnixMillis(at), &event(detail)).unwrap()
}

fn begin(id: u8, keys: &LogKeys, out: &mut Vec<u8>) -> Chain {
    let log = LogId::from_random([id; 16]);
    Chain::begin(keys, log, About::default(), UnixMillis(0), out).unwrap()
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    bakerst_audit::lines(bytes).map(<[u8]>::to_vec).collect()
}

/// The lines of a log with a header and `events` events.
fn log(id: u8, byte: u8, events: u64) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut chain = begin(id, &keys(byte), &mut out);
    for n in 1..=events {
        // The clock goes back now and then.
        let at = 1_771_925_400_000 + n % 3;
        assert_eq!(chain.append(&draft(at, &json!({ "n": n })), &mut out), Seq(n));
    }
    split(&out)
}

fn verify_by(trust: Trust, bytes: &[u8]) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(trust);
    let mut lines = bakerst_audit::lines(bytes);
    lines.by_ref().try_for_each(|line| verifier.record(line))?;
    if !lines.rest().is_empty() {
        verifier.record(lines.rest())?;
    }
    verifier.finish()
}

fn verify(byte: u8, bytes: &[u8]) -> Result<Verified, Fault> {
    verify_by(Trust::keys(keys(byte)), bytes)
}

#[track_caller]
fn check(tamper: impl FnOnce(&mut Vec<Vec<u8>>), seq: u64, kind: FaultKind) {
    let mut lines = log(1, 1, 9);
    tamper(&mut lines);
    let fault = verify(1, &lines.concat()).unwrap_err();
    assert_eq!((fault.seq, fault.kind), (Seq(seq), kind), "{fault}");
}

fn replace(line: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(line.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    *line = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn a_log_reads_as_lines_of_json() {
    let lines = log(1, 1, 1);
    let header: serde_json::Value = serde_json::from_slice(&lines[0]).unwrap();
    assert_eq!(header["action"], "system.segment_begun");
    assert_eq!(header["detail"]["log"], "01".repeat(16));
    let text = String::from_utf8(lines[1].clone()).unwrap();
    let before = r#"{"seq":1,"timestamp":"2026-02-24T09:30:00.001Z","category":"tool","action":"tool.allowed","actor":{"name":"system","user":"ann \"quoted\""},"conversation":"c-1","detail":{"n":1},"prev":""#;
    assert!(text.starts_with(before), "{text}");
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["prev"], header["mac"]);
}

#[test]
fn an_untouched_log_verifies() {
    for events in [0, 1, 100] {
        let bytes = log(1, 1, events).concat();
        let verified = verify(1, &bytes).unwrap();
        assert_eq!((verified.head.seq, verified.bytes), (Seq(events), bytes.len() as u64));
        assert_eq!(verified.log, LogId::from_random([1; 16]));
    }
}

#[test]
fn what_was_edited_is_named() {
    check(|log| replace(&mut log[5], "\"n\":5", "\"n\":6"), 5, FaultKind::Edited);
    check(|log| replace(&mut log[9], "\"n\":9", "\"n\":8"), 9, FaultKind::Edited);
    check(|log| replace(&mut log[5], "{\"seq\":5", "{\"seq\":6"), 5, FaultKind::Edited);
    check(|log| replace(&mut log[0], "1970", "1971"), 0, FaultKind::Edited);
    check(|log| replace(&mut log[5], "}\n", "} \n"), 5, FaultKind::NotARecord);
    check(|log| replace(&mut log[5], "\n", ""), 5, FaultKind::Edited);
    check(|log| replace(&mut log[5], "\"n\"", "\"n\"\n"), 5, FaultKind::NotARecord);
}

#[test]
fn what_was_removed_is_named() {
    check(|log| drop(log.remove(5)), 5, FaultKind::Removed);
    check(|log| drop(log.drain(3..6)), 3, FaultKind::Removed);
    check(|log| drop(log.remove(8)), 8, FaultKind::Removed);
    check(|log| drop(log.remove(0)), 0, FaultKind::Removed);
    check(Vec::clear, 0, FaultKind::Removed);
}

#[test]
fn what_was_inserted_is_named() {
    check(|log| log.insert(5, log[4].clone()), 5, FaultKind::Inserted);
    check(|log| log.insert(9, log[2].clone()), 9, FaultKind::Inserted);
    check(|log| log.push(log[9].clone()), 10, FaultKind::Inserted);
    check(|log| log.insert(1, log[0].clone()), 1, FaultKind::Inserted);
    check(|log| log.insert(5, b"\n".to_vec()), 5, FaultKind::Inserted);
    let forged = log(1, 2, 9).remove(5);
    check(|log| log.insert(5, forged.clone()), 5, FaultKind::Inserted);
    check(|log| log[5] = forged, 5, FaultKind::Edited);
    check(|log| log.push(b"{}\n".to_vec()), 10, FaultKind::NotARecord);
}

#[test]
fn what_was_reordered_is_named() {
    check(|log| log.swap(5, 6), 5, FaultKind::Reordered);
    check(|log| log.swap(2, 8), 2, FaultKind::Reordered);
    check(|log| log.swap(8, 9), 8, FaultKind::Reordered);
    check(|log| log.swap(0, 1), 0, FaultKind::Reordered);
    check(|log| log[2..].rotate_right(1), 2, FaultKind::Reordered);
}

#[test]
fn another_logs_records_are_no_records_of_this() {
    // The same key, another log: genuine macs, but nothing here that they follow.
    let other = log(2, 1, 20);
    check(|log| log[5] = other[5].clone(), 5, FaultKind::Inserted);
    check(|log| log.insert(5, other[5].clone()), 5, FaultKind::Inserted);
    check(|log| log.splice(5.., other[5..].iter().cloned()).for_each(drop), 5, FaultKind::Inserted);
    check(|log| log[0] = other[0].clone(), 1, FaultKind::Inserted);
}

#[test]
fn a_torn_line_and_an_endless_one_are_named() {
    check(|log| log[9].truncate(20), 9, FaultKind::Torn);
    check(|log| replace(&mut log[9], "\n", ""), 9, FaultKind::Torn);
    let endless = [b"x".repeat(RECORD_BYTES_MAX), b"\n".to_vec()].concat();
    check(|log| log[5] = endless, 5, FaultKind::NotARecord);
}

#[test]
fn a_log_of_another_key_says_so() {
    let bytes = log(1, 1, 3).concat();
    let fault = verify(2, &bytes).unwrap_err();
    assert_eq!((fault.kind, fault.code()), (FaultKind::WrongKey, Code::LogKeyMissing));
    assert_eq!(
        fault.to_string(),
        "line 1, where record 0 belongs: it was written or signed with another key"
    );
    let mut lines = log(1, 1, 3);
    replace(&mut lines[0], "\"format\":2", "\"format\":7");
    assert_eq!(verify(1, &lines.concat()).unwrap_err().kind, FaultKind::UnknownFormat);
}

#[test]
fn what_was_not_written_is_taken_back_without_a_gap() {
    let mut out = Vec::new();
    let mut chain = begin(1, &keys(1), &mut out);
    chain.append(&draft(1, &json!({})), &mut out);
    let (mark, written) = (chain.mark(), out.len());
    chain.append(&draft(2, &json!({ "lost": true })), &mut out);
    chain.checkpoint(UnixMillis(3), &mut out).unwrap();
    out.truncate(written);
    chain.rewind(mark);
    assert_eq!(chain.append(&draft(4, &json!({})), &mut out), Seq(2));
    assert_eq!(verify(1, &out).unwrap().head, chain.head());
}

#[test]
fn a_detail_cannot_break_its_line_or_grow_past_the_bound() {
    let mut out = Vec::new();
    let mut chain = begin(1, &keys(1), &mut out);
    let spread = RawValue::from_string("{\"a\":\r\n1,\n\"b\":\"x\\n\"\n}".into()).unwrap();
    chain.append(&draft(1, &spread), &mut out);
    let read: serde_json::Value = serde_json::from_slice(&split(&out)[1]).unwrap();
    assert_eq!(read["detail"], json!({"a": 1, "b": "x\n"}));
    // Whatever is in it: the worst is what takes six bytes to write one.
    for text in ["x", "\u{1}", "é", "\""] {
        let long = text.repeat(DETAIL_BYTES_MAX);
        chain.append(&draft(1, &long), &mut out);
        let line = split(&out).pop().unwrap();
        assert!(line.len() <= RECORD_BYTES_MAX, "{}", line.len());
        let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let written = serde_json::to_string(&long).unwrap();
        assert_eq!(read["detail"]["cut"]["bytes"], written.len());
        assert_eq!(read["detail"]["cut"]["max"], DETAIL_BYTES_MAX);
        let start = read["detail"]["start"].as_str().unwrap();
        assert!(written.starts_with(start) && start.len() > 60_000);
    }
    verify(1, &out).unwrap();
}

proptest! {
    #[test]
    fn any_flipped_byte_is_found(at in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        let mut bytes = log(1, 1, 4).concat();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        let fault = verify(1, &bytes).unwrap_err();
        // The first bad line is the one that was touched, or the one before it when its end was.
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1;
        prop_assert_eq!(fault.line, line);
    }

    #[test]
    fn any_removed_or_doubled_byte_is_found(at in any::<prop::sample::Index>(), double: bool) {
        let mut bytes = log(1, 1, 4).concat();
        let at = at.index(bytes.len());
        match double {
            true => bytes.insert(at, bytes[at]),
            false => {
                bytes.remove(at);
            }
        }
        prop_assert!(verify(1, &bytes).is_err());
    }

    #[test]
    fn any_single_move_is_found(from in 0..9_usize, to in 0..9_usize) {
        let mut lines = log(1, 1, 9);
        let line = lines.remove(from);
        lines.insert(to, line);
        prop_assert_eq!(verify(1, &lines.concat()).is_err(), from != to);
    }

    #[test]
    fn no_bytes_make_the_verifier_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(1, &bytes).is_err());
    }
}
