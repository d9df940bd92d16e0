//! Scores a corpus of labelled texts: `score_injection [--output|--description] FILE...`, one JSON
//! object a line with `text`, `label` (`injection` or `benign`), `source` and `kind`.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use bakerst_detect::injection::{Assessment, Detector, Sensitivity};

/// What became of the texts of one group.
#[derive(Default)]
struct Group {
    scores: Vec<f32>,
    blocked: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let detector = Detector::new(Sensitivity::Medium, &[])?;
    let mut groups: BTreeMap<(bool, String, String), Group> = BTreeMap::new();
    let mut spent: Vec<(Duration, usize)> = Vec::new();
    let mut assess: fn(&Detector, &str) -> Assessment = Detector::assess;
    for file in std::env::args().skip(1) {
        match file.as_str() {
            "--output" => assess = Detector::assess_output,
            "--description" => assess = Detector::assess_description,
            _ => {}
        }
        if file.starts_with("--") {
            continue;
        }
        for line in std::fs::read_to_string(&file)?.lines() {
            let row: serde_json::Value = serde_json::from_str(line)?;
            let field =
                |name: &str| row.get(name).and_then(|v| v.as_str()).unwrap_or("").to_owned();
            let (text, attack) = (field("text"), field("label") == "injection");
            let begin = Instant::now();
            let assessment = assess(&detector, &text);
            spent.push((begin.elapsed(), text.len()));
            let kind = field("kind");
            for source in [field("source"), "all".to_owned()] {
                let group = groups.entry((attack, kind.clone(), source)).or_default();
                group.scores.push(assessment.score);
                group.blocked += usize::from(assessment.blocked);
            }
        }
    }
    report(&groups);
    latency(&mut spent);
    Ok(())
}

/// Prints one line a group; shares at 1 % and 0.1 % are those at that rate of false alarms among
/// all benign texts.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of a corpus"
)]
fn report(groups: &BTreeMap<(bool, String, String), Group>) {
    let all = groups.iter().filter(|((.., source), _)| source == "all");
    let mut benign: Vec<f32> = Vec::new();
    let (mut caught, mut attacks, mut alarms) = (0, 0, 0);
    for ((attack, kind, _), group) in all {
        if !attack {
            benign.extend(&group.scores);
            alarms += group.blocked;
        } else if !kind.starts_with("indirect_task") {
            attacks += group.scores.len();
            caught += group.blocked;
        }
    }
    benign.sort_by(|a, b| b.total_cmp(a));
    let limit = |share: f64| benign.get((benign.len() as f64 * share) as usize).copied();
    let limits = [limit(0.01), limit(0.001)].map(|l| l.unwrap_or(1.0));
    println!(
        "{:<16} {:<26} {:>6} {:>8} {:>8} {:>8} {:>7}",
        "kind", "source", "texts", "blocked", "at 1 %", "at 0.1 %", "AUC"
    );
    for ((attack, kind, source), group) in groups {
        let count = group.scores.len() as f64;
        let above =
            |limit: f32| group.scores.iter().filter(|s| **s > limit).count() as f64 / count * 100.0;
        let blocked = group.blocked as f64 / count * 100.0;
        let auc =
            if *attack { format!("{:.4}", auc(&group.scores, &benign)) } else { String::new() };
        println!(
            "{kind:<16} {source:<26} {count:>6} {blocked:>7.1}% {:>7.1}% {:>7.1}% {auc:>7}",
            above(limits[0]),
            above(limits[1])
        );
    }
    let precision = f64::from(caught as u32) / f64::from((caught + alarms).max(1) as u32);
    let recall = f64::from(caught as u32) / f64::from(attacks.max(1) as u32);
    let f1 = 2.0 * precision * recall / (precision + recall).max(1e-9);
    println!("without plain tasks: precision {precision:.4}, recall {recall:.4}, F1 {f1:.4}");
}

#[expect(clippy::cast_precision_loss, reason = "a share")]
fn auc(attacks: &[f32], benign: &[f32]) -> f64 {
    // Scores of long corpora tie at the ends; a tie counts half.
    let below: f64 = attacks
        .iter()
        .map(|a| {
            let at_least = benign.partition_point(|b| b > a);
            let more = benign.partition_point(|b| b >= a);
            (benign.len() - more) as f64 + (more - at_least) as f64 / 2.0
        })
        .sum();
    below / (attacks.len() * benign.len()).max(1) as f64
}

fn latency(spent: &mut [(Duration, usize)]) {
    let bytes: usize = spent.iter().map(|(_, bytes)| bytes).sum();
    let total: Duration = spent.iter().map(|(time, _)| time).sum();
    spent.sort();
    let at = |share: usize| spent.get(spent.len() * share / 100).map(|(time, _)| *time);
    println!(
        "{} texts, {bytes} bytes in {total:?}; p50 {:?}, p99 {:?}",
        spent.len(),
        at(50),
        at(99)
    );
}
