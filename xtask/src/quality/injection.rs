//! How well injections are told from innocent texts.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use bakerst_detect::injection::{Assessment, Detector, Sensitivity};

use super::corpus::{Row, Source};
use super::metrics::{Counts, auc, limit_at, share, share_above};
use super::page::{Page, percent, ratio};
use super::progress::Progress;

const LEVELS: [Sensitivity; 3] = [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High];

/// One text and what was thought of it.
struct Scored {
    corpus: &'static str,
    row: Row,
    score: f32,
    blocked: [bool; 3],
    /// The same when it is judged as a tool's output.
    blocked_as_output: bool,
}

impl Scored {
    fn is_blocked(&self, level: usize) -> bool {
        self.blocked.get(level).copied().unwrap_or_default()
    }

    fn is_attack(&self) -> bool {
        self.row.label == "injection"
    }

    /// A plain task slipped into data carries no mark in the text: flow control is there for those.
    fn is_markless(&self) -> bool {
        self.row.kind.starts_with("indirect_task")
    }

    fn is_tool_output(&self) -> bool {
        let person = ["benign_prompt", "notinject", "hard_benign", "direct", "jailbreak"];
        !person.contains(&self.row.kind.as_str())
    }
}

pub(super) fn score(
    sources: &[Source],
    page: &mut Page,
    progress: Progress,
    misses: bool,
) -> Result<()> {
    let detectors = LEVELS.map(|level| Detector::new(level, &[]));
    let [low, medium, high] = detectors.map(|made| made.context("the detector cannot be made"));
    let detectors = [low?, medium?, high?];
    let mut scored = Vec::new();
    page.heading("Injection");
    for source in sources {
        let rows = match source.rows()? {
            Ok(rows) => rows,
            Err(why) => {
                page.skipped(source.name, &why);
                continue;
            }
        };
        // The others of the mined texts are learned from.
        let step = if source.name.starts_with("mined") { 3 } else { 1 };
        for row in progress.over(source.name, rows.into_iter().step_by(step).collect()) {
            scored.push(judge(&detectors, source.name, row));
        }
    }
    let innocent: Vec<f32> = scored.iter().filter(|s| !s.is_attack()).map(|s| s.score).collect();
    page.text(
        "A text counts as caught where it is blocked at that sensitivity. The columns at 1 % and 0.1 % \
         take the threshold that lets that share of all innocent texts above, so they compare scores and \
         not settings. As output: judged as what a tool returns, at `medium`.",
    );
    summary(page, &scored, &innocent);
    table(page, &scored, &innocent);
    if misses {
        for s in scored.iter().filter(|s| s.is_attack() != s.is_blocked(1) && !s.is_markless()) {
            let text: String = s.row.text.chars().take(200).collect();
            println!("miss: {} {} {:.3} {text:?}", s.corpus, s.row.kind, s.score);
        }
    }
    Ok(())
}

fn judge(detectors: &[Detector; 3], corpus: &'static str, row: Row) -> Scored {
    let [low, medium, high] =
        detectors.each_ref().map(|detector| -> Assessment { detector.assess(&row.text) });
    let [_, medium_detector, _] = detectors;
    let blocked_as_output = medium_detector.assess_output(&row.text).blocked;
    let blocked = [low.blocked, medium.blocked, high.blocked];
    Scored { corpus, score: medium.score, blocked, blocked_as_output, row }
}

fn summary(page: &mut Page, scored: &[Scored], innocent: &[f32]) {
    let counted: Vec<&Scored> = scored.iter().filter(|s| !s.is_markless()).collect();
    let mut rows = Vec::new();
    for (place, level) in ["low", "medium", "high"].into_iter().enumerate() {
        let mut counts = Counts::default();
        for s in &counted {
            counts.count(s.is_attack(), s.is_blocked(place));
        }
        rows.push(summary_row(level, counts));
    }
    let mut as_output = Counts::default();
    for s in counted.iter().filter(|s| s.is_tool_output()) {
        as_output.count(s.is_attack(), s.blocked_as_output);
    }
    rows.push(summary_row("medium, as output", as_output));
    page.table(&["sensitivity", "precision", "recall", "F1", "false positives"], &rows);
    let attacks: Vec<f32> = counted.iter().filter(|s| s.is_attack()).map(|s| s.score).collect();
    page.text(&format!(
        "AUC {} over {} attacks and {} innocent texts; plain tasks slipped into data are left out of these \
         sums.",
        ratio(auc(&attacks, innocent)),
        attacks.len(),
        innocent.len()
    ));
}

fn summary_row(name: &str, counts: Counts) -> Vec<String> {
    vec![
        name.to_owned(),
        percent(counts.precision()),
        percent(counts.recall()),
        ratio(counts.f1()),
        percent(counts.false_positives()),
    ]
}

fn table(page: &mut Page, scored: &[Scored], innocent: &[f32]) {
    let limits = [0.01, 0.001].map(|rate| limit_at(innocent, rate));
    let mut groups: BTreeMap<(bool, &str, String), Vec<&Scored>> = BTreeMap::new();
    for s in scored {
        let (attack, kind) = (s.is_attack(), s.row.kind.as_str());
        let name = format!("{}: {}", s.corpus, s.row.source);
        groups.entry((attack, kind, String::new())).or_default().push(s);
        groups.entry((attack, kind, name)).or_default().push(s);
    }
    let mut rows = Vec::new();
    for ((attack, kind, source), group) in groups {
        let scores: Vec<f32> = group.iter().map(|s| s.score).collect();
        let blocked = |pick: &dyn Fn(&Scored) -> bool| {
            let hits = group.iter().filter(|s| pick(s)).count();
            percent(share(hits, group.len()))
        };
        let at = |level: usize| blocked(&|s: &Scored| s.is_blocked(level));
        let mut row = vec![
            kind.to_owned(),
            if source.is_empty() { "all".to_owned() } else { source },
            group.len().to_string(),
            at(0),
            at(1),
            at(2),
            blocked(&|s: &Scored| s.blocked_as_output),
        ];
        row.extend(limits.map(|limit| percent(share_above(&scores, limit))));
        row.push(if attack { ratio(auc(&scores, innocent)) } else { String::new() });
        rows.push(row);
    }
    page.table(
        &[
            "kind",
            "source",
            "texts",
            "low",
            "medium",
            "high",
            "as output",
            "at 1 % FPR",
            "at 0.1 % FPR",
            "AUC",
        ],
        &rows,
    );
}
