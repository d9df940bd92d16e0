//! How fast texts are redacted with every rule on, beside what the machine can read at all.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench may stop at once")]

use std::sync::LazyLock;

use bakerst_detect::redact::{Kind, Redactor, Rule};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

const BYTES: usize = 512 << 10;

static REDACTOR: LazyLock<Redactor> =
    LazyLock::new(|| Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap());
static CLEAN: LazyLock<String> = LazyLock::new(|| clean(BYTES));
static DENSE: LazyLock<String> = LazyLock::new(|| dense(BYTES));

fn main() {
    divan::main();
}

/// A generator without state outside, so that every run sees the same text.
struct Draw(u64);

impl Draw {
    fn below(&mut self, max: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % max
    }

    fn of<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.below(words.len())]
    }

    fn text(&mut self, alphabet: &str, len: usize) -> String {
        let bytes = alphabet.as_bytes();
        (0..len).map(|_| char::from(bytes[self.below(bytes.len())])).collect()
    }
}

/// Prose, code and log lines in turn; about one byte in ten is a digit, and nothing is secret.
fn clean(len: usize) -> String {
    const WORDS: &str = "the of and to in is that for it was on are as with they at be this from have or by one \
        had not but what all were when we there can an your which their said if do will each about how up \
        out them then she many some so these would other into has more her two like him see time could no \
        make than first been its who now people my made over did down only way find use may water long little \
        very after words called just where most know through back much before go good new write our used me \
        man too any day same right look think also around another came come work three word must because does \
        part even place well such here take why things help put years different away again off went old number";
    const NAMES: &str = "buffer index count node tree value result error config request response handler parse \
        render update state length offset width cursor thread queue worker stream client server session item \
        entry record field column table query cache region cluster replica shard batch retry timeout";
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let names: Vec<&str> = NAMES.split_whitespace().collect();
    let mut draw = Draw(7);
    let mut out = String::with_capacity(len + 256);
    while out.len() < len {
        match draw.below(5) {
            0 | 1 => {
                for _ in 0..14 {
                    out.push_str(draw.of(&words));
                    out.push(' ');
                }
                out.push_str(&format!("{}.\n", draw.below(1000)));
            }
            2 | 3 => {
                let (a, b, c) = (draw.of(&names), draw.of(&names), draw.of(&names));
                let (n, m) = (draw.below(100), draw.below(4096));
                out.push_str(&format!(
                    "    let {a}_{b} = self.{c}.{a}({n}, &{b}[{m}..])?; // {c} {n}\n"
                ));
            }
            _ => {
                let (h, m, s, ms) =
                    (draw.below(24), draw.below(60), draw.below(60), draw.below(1000));
                let (a, b) = (draw.of(&names), draw.of(&names));
                let (id, took) = (draw.below(1_000_000), draw.below(500));
                let level = draw.of(&["INFO", "DEBUG", "WARN"]);
                out.push_str(&format!(
                    "2026-03-{:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z {level} {a}::{b} id={id} took={took}ms status={}\n",
                    1 + draw.below(28), 200 + draw.below(9)
                ));
            }
        }
    }
    out
}

/// Log lines, each with a secret or something personal.
fn dense(len: usize) -> String {
    const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut draw = Draw(11);
    let mut out = String::with_capacity(len + 256);
    while out.len() < len {
        let body = draw.text(ALNUM, 36);
        let line = match draw.below(6) {
            0 => format!("pushed with {}{body} to origin\n", ["gh", "p_"].concat()),
            1 => format!(
                "user {}.{}@example.org logged in\n",
                draw.text("abcdefgh", 6),
                draw.text("abcdefgh", 7)
            ),
            2 => format!("{{\"password\": \"{}\", \"ttl\": 3600}}\n", draw.text(ALNUM, 14)),
            3 => format!("peer 81.{}.{}.17 closed\n", draw.below(256), draw.below(256)),
            4 => format!("call 212-555-{:04} about the order\n", 2000 + draw.below(7000)),
            _ => format!("API_KEY={}\n", draw.text(ALNUM, 32)),
        };
        out.push_str(&line);
    }
    out
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
    bencher.counter(BytesCount::of_str(text)).bench(|| {
        let (mut stream, mut out, mut len) = (REDACTOR.stream(), String::new(), 0);
        for at in (0..text.len()).step_by(chunk) {
            stream.push(black_box(&text[at..text.len().min(at + chunk)]), &mut out);
            len += out.len();
            out.clear();
        }
        (len, stream.finish(&mut out).len())
    });
}

/// Texts that would cost a careless matcher more than their length.
#[divan::bench(sample_count = 3, args = ["a", "@", "7", "eyJ", "sk-", "-----BEGIN PRIVATE KEY-----", "1.", "password=", "a:", "://a:b@"])]
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
