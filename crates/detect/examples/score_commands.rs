//! Scores the command reader on labelled lines.
//!
//! `cargo run --release --example score_commands -- FILE` takes one JSON object a line, with
//! `text`, `label` (`destructive` or `safe`) and perhaps `id` and `lang`, and prints how many
//! destructive lines would be stopped, how many safe ones would be, the misses, and the time.

use std::time::{Duration, Instant};

use bakerst_detect::command::{Effect, Lang, read};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a file of labelled lines")?;
    let (mut counts, mut misses, mut times) = ([[0_u32; 2]; 2], Vec::new(), Vec::new());
    for line in std::fs::read_to_string(&path)?.lines().filter(|line| !line.trim().is_empty()) {
        let row: serde_json::Value = serde_json::from_str(line)?;
        let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let (text, lang) = (field("text"), Lang::parse(&field("lang")));
        let reading = read(&text, lang);
        let stops = reading.effect >= Effect::Unknown;
        let bad = field("label") == "destructive";
        counts[usize::from(bad)][usize::from(stops)] += 1;
        if stops != bad {
            misses.push(format!(
                "{} {:?} {text:?} {:?}",
                field("id"),
                reading.effect,
                reading.reasons
            ));
        }
        times.push(median_of_many(&text, lang));
    }
    let share = |[not, yes]: [u32; 2]| 100.0 * f64::from(yes) / f64::from((not + yes).max(1));
    println!("destructive caught {:.1} % of {}", share(counts[1]), counts[1].iter().sum::<u32>());
    println!("safe flagged       {:.1} % of {}", share(counts[0]), counts[0].iter().sum::<u32>());
    times.sort();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("p50 {:?}, p90 {:?}, p99 {:?} a line", at(50), at(90), at(99));
    for miss in misses {
        println!("missed: {miss}");
    }
    Ok(())
}

fn median_of_many(text: &str, lang: Lang) -> Duration {
    let mut times: Vec<Duration> = (0..51)
        .map(|_| {
            let before = Instant::now();
            let _ = std::hint::black_box(read(std::hint::black_box(text), lang));
            before.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
