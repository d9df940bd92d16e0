//! How fast texts are redacted with every rule on, beside what the machine can read at all.

#![expect(clippy::unwrap_used, reason = "a bench may stop at once")]

use std::sync::LazyLock;

use bakerst_detect::redact::{Kind, Redactor, Rule};
use bakerst_detect::specimen;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

const BYTES: usize = 512 << 10;

static REDACTOR: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap());
static CLEAN: LazyLock<String> = LazyLock::new(|| specimen::clean(BYTES));
static DENSE: LazyLock<String> = LazyLock::new(|| specimen::dense(BYTES));

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 300)]
fn clean_whole(bencher: Bencher<'_, '_>) {
    let text = CLEAN.as_str();
    assert_eq!(REDACTOR.redact(text).findings, []);
    bencher
        .counter(BytesCount::of_str(text))
        .bench(|| REDACTOR.redact(black_box(text)).findings.len());
}

#[divan::bench(sample_count = 300)]
fn dense_whole(bencher: Bencher<'_, '_>) {
    let text = DENSE.as_str();
    bencher.counter(BytesCount::of_str(text)).bench(|| REDACTOR.redact(black_box(text)).text.len());
}

#[divan::bench(sample_count = 300, args = [64, 256, 1024, 4096])]
fn clean_stream(bencher: Bencher<'_, '_>, chunk: usize) {
    stream(bencher, &CLEAN, chunk);
}

#[divan::bench(sample_count = 300, args = [64, 4096])]
fn dense_stream(bencher: Bencher<'_, '_>, chunk: usize) {
    stream(bencher, &DENSE, chunk);
}

fn stream(bencher: Bencher<'_, '_>, text: &str, chunk: usize) {
    let pieces = specimen::pieces(text, chunk);
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let (mut stream, mut out, mut len) = (REDACTOR.stream(), String::new(), 0);
        for piece in &pieces {
            stream.push(black_box(piece), &mut out);
            len += out.len();
            out.clear();
        }
        (len, stream.finish(&mut out).len())
    });
}

/// Texts that would cost a careless matcher more than their length.
#[divan::bench(sample_count = 3, args = specimen::WORST)]
fn worst(bencher: Bencher<'_, '_>, part: &str) {
    let text = part.repeat((1 << 20) / part.len());
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| REDACTOR.redact(black_box(&text)).findings.len());
}

#[divan::bench(sample_count = 300)]
fn machine_memchr(bencher: Bencher<'_, '_>) {
    let text = CLEAN.as_bytes();
    bencher.counter(BytesCount::of_slice(text)).bench(|| memchr::memchr(0, black_box(text)));
}

#[divan::bench(sample_count = 300)]
fn machine_copy(bencher: Bencher<'_, '_>) {
    let text = CLEAN.as_bytes();
    bencher.counter(BytesCount::of_slice(text)).bench(|| black_box(text).to_vec());
}
