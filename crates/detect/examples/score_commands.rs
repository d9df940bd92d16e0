//! Scores the command reader on labelled lines.
//!
//! `cargo run --release -p bakerst-detect --example score_commands -- FILE` takes one JSON object
//! a line, with `text`, `label` (`destructive` or `safe`) and perhaps `id` and `lang`, and prints
//! how many destructive lines would be stopped, how many safe ones would be, the time a line
//! takes, and every line that was judged wrong.

use std::time::{Duration, Instant};

use bakerst_detect::command::{Effect, Lang, Reading, read};

#[derive(Default)]
struct Tally {
    lines: u32,
    stopped: u32,
}

impl Tally {
    fn count(&mut self, stopped: bool) {
        self.lines += 1;
        self.stopped += u32::from(stopped);
    }

    fn percent(&self) -> f64 {
        100.0 * f64::from(self.stopped) / f64::from(self.lines.max(1))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a file of labelled lines")?;
    let (mut destructive, mut safe) = (Tally::default(), Tally::default());
    let (mut wrong, mut times) = (Vec::new(), Vec::new());
    for line in std::fs::read_to_string(&path)?.lines().filter(|line| !line.trim().is_empty()) {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| row.get(name).and_then(|v| v.as_str()).unwrap_or_default();
        let (text, lang) = (field("text"), Lang::parse(field("lang")));
        let Reading { effect, reasons, .. } = read(text, lang);
        let (stops, harms) = (effect >= Effect::Unknown, field("label") == "destructive");
        if harms { &mut destructive } else { &mut safe }.count(stops);
        if stops != harms {
            wrong.push(format!("{} {effect:?} {text:?} {reasons:?}", field("id")));
        }
        times.push(median_time(text, lang));
    }
    println!("destructive caught {:.1} % of {}", destructive.percent(), destructive.lines);
    println!("safe flagged {:.1} % of {}", safe.percent(), safe.lines);
    times.sort();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("p50 {:?}, p90 {:?}, p99 {:?} a line", at(50), at(90), at(99));
    for line in wrong {
        println!("wrong: {line}");
    }
    Ok(())
}

fn median_time(text: &str, lang: Lang) -> Duration {
    let once = || {
        let before = Instant::now();
        let _ = std::hint::black_box(read(std::hint::black_box(text), lang).effect);
        before.elapsed()
    };
    let mut times: Vec<Duration> = std::iter::repeat_with(once).take(51).collect();
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
