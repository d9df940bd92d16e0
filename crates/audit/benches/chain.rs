//! How fast records of 500 bytes are written and verified on one core, beside the bare HMAC over
//! as many bytes. Writing is everything that is done in memory: the event is written as JSON, put
//! into the chain and into the tree. Verifying checks every mac, every link and the tree.

#![expect(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

use bakerst_audit::{About, Chain, Draft, Judge, LogId, LogKey, LogKeys, Trust, Verifier};
use bakerst_model::{Action, Actor, ConversationId, Detail, Event, Secret, UnixMillis};
use divan::Bencher;
use divan::counter::ItemsCount;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const RECORDS: usize = 1000;

fn main() {
    divan::main();
}

fn keys() -> LogKeys {
    LogKeys::new(LogKey::new(&Secret::new(vec![7; 32])).unwrap(), Secret::new(vec![9; 32]))
}

fn begin(out: &mut Vec<u8>) -> Chain {
    let log = LogId::from_random([1; 16]);
    Chain::begin(&keys(), log, About::default(), UnixMillis(0), out).unwrap()
}

/// An event whose record takes 500 bytes.
fn event() -> Event {
    let input = "x".repeat(158);
    let detail = serde_json::json!({"tool": "search", "input": input, "verdict": "allow"});
    Event {
        action: Action::ToolAllowed,
        actor: Actor::system(),
        conversation: ConversationId::parse("c-1").ok(),
        detail: Detail::of(&detail).unwrap(),
    }
}

fn draft(at: u64, event: &Event) -> Draft {
    Draft::of(UnixMillis(1_771_925_400_000 + at), event).unwrap()
}

fn log() -> Vec<u8> {
    let mut log = Vec::new();
    let mut chain = begin(&mut log);
    let header = log.len();
    for n in 0..RECORDS as u64 {
        chain.append(&draft(n, &event()), &mut log);
    }
    assert_eq!((log.len() - header) / RECORDS, 500);
    log
}

#[divan::bench]
fn append_in_memory(bencher: Bencher<'_, '_>) {
    let mut log = Vec::with_capacity(RECORDS * 600);
    let (mut chain, event, mut at) = (begin(&mut log), event(), 0);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        log.clear();
        for _ in 0..RECORDS {
            at += 1;
            chain.append(&draft(at, &event), &mut log);
        }
        log.len()
    });
}

#[divan::bench]
fn append_under_the_lock(bencher: Bencher<'_, '_>) {
    let mut log = Vec::with_capacity(RECORDS * 600);
    let (mut chain, draft) = (begin(&mut log), draft(0, &event()));
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        log.clear();
        for _ in 0..RECORDS {
            chain.append(&draft, &mut log);
        }
        log.len()
    });
}

#[divan::bench]
fn verify(bencher: Bencher<'_, '_>) {
    let (log, trust) = (log(), Trust::keys(keys()));
    let judge = Judge::of_segment(&trust, bakerst_audit::lines(&log).next().unwrap()).unwrap();
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut verifier = Verifier::new(trust.clone());
        assert!(verifier.piece(&judge.judge(&log).unwrap()));
        verifier.finish().unwrap()
    });
}

#[divan::bench]
fn verify_line_by_line(bencher: Bencher<'_, '_>) {
    let (log, trust) = (log(), Trust::keys(keys()));
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut verifier = Verifier::new(trust.clone());
        bakerst_audit::lines(&log).try_for_each(|line| verifier.record(line)).unwrap();
        verifier.finish().unwrap()
    });
}

#[divan::bench]
fn hmac_bare(bencher: Bencher<'_, '_>) {
    let mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
    let bytes = [b'x'; 500];
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        for _ in 0..RECORDS {
            let mut mac = mac.clone();
            mac.update(divan::black_box(&bytes));
            divan::black_box(mac.finalize().into_bytes());
        }
    });
}
