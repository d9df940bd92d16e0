//! The detectors by themselves: how long a text takes, beside what the machine can read at all.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bakerst_detect::command::{Lang, read};
use bakerst_detect::injection::{Detector, Sensitivity};
use bakerst_detect::redact::{Kind, Redactor, Rule};
use bakerst_detect::specimen;
use bakerst_model::Code;

use super::Figure;
use crate::failure::Failure;

/// Larger than the caches near a core, smaller than what a tool returns at worst.
const TEXT_BYTES: usize = 1 << 20;
/// The pieces that a stream arrives in.
const CHUNKS: [(usize, &str); 4] = [
    (64, "redact.stream.64b.ratio"),
    (256, "redact.stream.256b.ratio"),
    (1024, "redact.stream.1k.ratio"),
    (4096, "redact.stream.4k.ratio"),
];
/// How many different texts a latency is the median of.
const TEXTS: usize = 400;

pub(super) fn measure(full: bool) -> Result<Vec<Figure>, Failure> {
    let unusable =
        |e: bakerst_detect::pattern::PatternError| Failure::usage(Code::ConfigValue, e.to_string());
    let budget = Duration::from_millis(if full { 3_000 } else { 700 });
    let detector = Detector::new(Sensitivity::Medium, &[]).map_err(unusable)?;
    let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).map_err(unusable)?;
    let (clean, dense) = (specimen::clean(TEXT_BYTES), specimen::dense(TEXT_BYTES));
    let assess = |text: &str| detector.assess(text).blocked;
    let redact = |text: &str| redactor.redact(text).findings.len();
    let ratios = CHUNKS.map(|(chunk, name)| {
        let ratio = |text: &str| stream_ratio(&redactor, text, chunk, budget / 2);
        (name, ratio(&clean).min(ratio(&dense)))
    });
    let worst = ratios.iter().map(|(_, ratio)| *ratio).fold(f64::INFINITY, f64::min);
    let mut figures = vec![
        Figure::new("injection.1k.p50_us", latency(&clean, 1 << 10, assess), "us"),
        Figure::new("injection.64k.p50_us", latency(&clean, 1 << 16, assess), "us"),
        Figure::new("redact.clean.mb_s", speed(&clean, budget, redact), "MB/s"),
        Figure::new("redact.dense.mb_s", speed(&dense, budget, redact), "MB/s"),
        Figure::new("redact.stream.ratio", worst, "of whole-text speed"),
        Figure::new("command.p50_us", commands(), "us"),
        Figure::new("memchr.mb_s", speed(&clean, budget, memchr), "MB/s"),
    ];
    if full {
        figures.push(Figure::new("memory.copy.mb_s", speed(&clean, budget, copy), "MB/s"));
        figures.extend(ratios.map(|(name, ratio)| Figure::new(name, ratio, "of whole-text speed")));
        let growth = "time a byte, 1 MiB to 64 KiB";
        let assessed = worst_growth((1 << 16, 1 << 20), assess);
        figures.push(Figure::new("injection.worst.ratio", assessed, growth));
        let redacted = worst_growth((1 << 16, 1 << 20), redact);
        figures.push(Figure::new("redact.worst.ratio", redacted, growth));
        let run = |text: &str| read(text, Lang::Shell).effect;
        let ran = worst_growth((1 << 12, 1 << 16), run);
        figures.push(Figure::new("command.worst.ratio", ran, "time a byte, 64 KiB to 4 KiB"));
    }
    Ok(figures)
}

fn memchr(text: &str) -> usize {
    // No text holds a zero byte, so all of it is looked at.
    usize::from(memchr::memchr(0, text.as_bytes()).is_some())
}

fn copy(text: &str) -> usize {
    black_box(text.to_owned()).len()
}

/// Megabytes a second over one text, again and again for as long as `budget`: the median round.
fn speed<T>(text: &str, budget: Duration, round: impl Fn(&str) -> T) -> f64 {
    let mut times = Vec::new();
    let began = Instant::now();
    while began.elapsed() < budget || times.len() < 5 {
        times.push(timed(|| round(black_box(text))));
    }
    megabytes(text.len()) / median(&mut times)
}

/// Microseconds for one text of `bytes`: the median over many different ones.
fn latency<T>(source: &str, bytes: usize, judge: impl Fn(&str) -> T) -> f64 {
    let step = (source.len() - bytes) / TEXTS;
    let texts = (0..TEXTS).filter_map(|place| source.get(place * step..place * step + bytes));
    let mut times: Vec<f64> = texts
        .map(|text| {
            // The first look warms the caches, as the chain's other guardrails do in use.
            judge(black_box(text));
            timed(|| judge(black_box(text)))
        })
        .collect();
    median(&mut times) * 1e6
}

fn commands() -> f64 {
    let mut times = Vec::new();
    for line in specimen::COMMANDS {
        let mut rounds: Vec<f64> =
            (0..201).map(|_| timed(|| read(black_box(line), Lang::Shell).effect)).collect();
        times.push(median(&mut rounds));
    }
    median(&mut times) * 1e6
}

/// How fast a text is redacted in pieces, as a share of the speed for the whole; the two take turns,
/// so that whatever else the machine does hits both.
fn stream_ratio(redactor: &Redactor, text: &str, chunk: usize, budget: Duration) -> f64 {
    let chunks = specimen::pieces(text, chunk);
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let began = Instant::now();
    while began.elapsed() < budget || whole.len() < 5 {
        whole.push(timed(|| redactor.redact(black_box(text)).text.len()));
        pieces.push(timed(|| {
            let (mut stream, mut out, mut sent) = (redactor.stream(), String::new(), 0);
            for piece in &chunks {
                stream.push(black_box(piece), &mut out);
                sent += out.len();
                out.clear();
            }
            (stream.finish(&mut out).len(), sent + out.len())
        }));
    }
    median(&mut whole) / median(&mut pieces)
}

/// The worst that a byte costs more in a long text than in a short one, over texts made for that.
fn worst_growth<T>((short, long): (usize, usize), judge: impl Fn(&str) -> T) -> f64 {
    let per_byte = |piece: &str, bytes: usize| {
        let text = piece.repeat(bytes / piece.len());
        let mut times: Vec<f64> = (0..3).map(|_| timed(|| judge(black_box(&text)))).collect();
        median(&mut times) / megabytes(text.len())
    };
    let growths = specimen::WORST.map(|piece| per_byte(piece, long) / per_byte(piece, short));
    growths.into_iter().fold(0.0, f64::max)
}

/// Seconds.
fn timed<T>(round: impl FnOnce() -> T) -> f64 {
    let began = Instant::now();
    black_box(round());
    began.elapsed().as_secs_f64()
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
