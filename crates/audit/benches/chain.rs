//! How fast records of 500 bytes are prepared and verified on one core, beside the bare HMAC over
//! as many bytes.

#![expect(clippy::unwrap_used, reason = "what cannot be set up cannot be measured")]

use bakerst_audit::{About, Chain, LogId, LogKey, Verifier};
use bakerst_model::{Action, Actor, ConversationId, Detail, Event, Secret, UnixMillis};
use divan::Bencher;
use divan::counter::ItemsCount;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

const RECORDS: usize = 1000;

fn main() {
    divan::main();
}

fn begin() -> (Chain, Vec<u8>, LogKey) {
    let key = LogKey::new(&Secret::new(vec![7; 32])).unwrap();
    let (chain, header) =
        Chain::begin(key.clone(), LogId::from_random([1; 16]), &About::default(), UnixMillis(0))
            .unwrap();
    (chain, header.bytes().to_vec(), key)
}

/// An event whose record takes 500 bytes.
fn event() -> Event {
    let input = "x".repeat(157);
    let detail = serde_json::json!({"tool": "search", "input": input, "verdict": "allow"});
    Event {
        action: Action::ToolAllowed,
        actor: Actor::system(),
        conversation: ConversationId::parse("c-1").ok(),
        detail: Detail::of(&detail).unwrap(),
    }
}

#[divan::bench]
fn append_in_memory(bencher: Bencher<'_, '_>) {
    let (mut chain, _, _) = begin();
    let event = event();
    let mut at = 1_771_925_400_000;
    let mut log = Vec::with_capacity(RECORDS * 600);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        log.clear();
        for _ in 0..RECORDS {
            at += 1;
            let entry = chain.prepare(UnixMillis(at), &event).unwrap();
            chain.advance(&entry).unwrap();
            log.extend_from_slice(entry.bytes());
        }
        log.len()
    });
}

#[divan::bench]
fn verify(bencher: Bencher<'_, '_>) {
    let (mut chain, mut log, key) = begin();
    for n in 0..RECORDS as u64 {
        let entry = chain.prepare(UnixMillis(1_771_925_400_000 + n), &event()).unwrap();
        chain.advance(&entry).unwrap();
        log.extend_from_slice(entry.bytes());
    }
    assert_eq!(log.len() / RECORDS, 500);
    bencher.counter(ItemsCount::new(RECORDS)).bench_local(|| {
        let mut verifier = Verifier::new(key.clone());
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
