//! What scoring a text costs.
//!
//! The text is plain prose and code with a few words that make rules look twice; what is full of
//! disguises costs a pass more for each.
#![expect(clippy::unwrap_used, reason = "a bench that cannot start must say so")]

use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_detect::specimen;
use divan::Bencher;
use divan::counter::BytesCount;

const PROSE: &str = "The assistant service reads all messages from the queue before it sends the \
    report to the user. Set `API_KEY` first; previous values are kept. fn main() -> Result<(), \
    Error> { let rows = load(path)?; println!(\"{}\", rows.len()); Ok(()) }\n{\"id\": 4711, \
    \"status\": \"open\", \"note\": \"call before delivery\"}\n";

fn main() {
    divan::main();
}

fn text(bytes: usize) -> String {
    PROSE.chars().cycle().take(bytes).collect()
}

#[divan::bench(args = [200, 1024, 4096, 65_536])]
fn model(bencher: Bencher<'_, '_>, bytes: usize) {
    let detector = Detector::new(Sensitivity::Medium, &[]).unwrap();
    let text = text(bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| detector.assess(&text));
}

/// Prose, code and log lines without end: no word of it is likely to be in a cache already.
#[divan::bench(args = [1024, 65_536])]
fn unlike(bencher: Bencher<'_, '_>, bytes: usize) {
    let detector = Detector::new(Sensitivity::Medium, &[]).unwrap();
    let text = specimen::clean(1 << 20);
    let mut starts = (0..(1 << 20) - bytes).step_by(4099).cycle();
    bencher
        .counter(BytesCount::new(bytes))
        .with_inputs(|| starts.next().and_then(|at| text.get(at..at + bytes)).unwrap())
        .bench_local_values(|text| detector.assess(text));
}

#[divan::bench(args = [200, 4096])]
fn phrases_only(bencher: Bencher<'_, '_>, bytes: usize) {
    let detector = Detector::phrases_only(Sensitivity::Medium, &[]).unwrap();
    let text = text(bytes);
    bencher.counter(BytesCount::of_str(&text)).bench(|| detector.assess(&text));
}

#[divan::bench(args = [1024, 65_536])]
fn outside_ascii(bencher: Bencher<'_, '_>, bytes: usize) {
    let detector = Detector::new(Sensitivity::Medium, &[]).unwrap();
    let text: String = "Die Prüfung läuft; “später” folgt ein Bericht. Всё готово. 完成。 "
        .chars()
        .cycle()
        .take(bytes / 2)
        .collect();
    bencher.counter(BytesCount::of_str(&text)).bench(|| detector.assess(&text));
}
