//! Scores of the held-out texts, the thresholds that follow from them, and how they are shown.

use std::collections::BTreeMap;

use bakerst_detect::injection::Sensitivity;
use bakerst_detect::injection::model::Head;

use super::corpus::Row;
use super::net::Net;
use super::{Texts, example, metrics};

/// False-positive budgets on tool output, for low, medium and high sensitivity. They are tighter
/// than what is promised (0.1, 0.5 and 3 %), because unseen sources raise more false alarms than
/// those that thresholds are chosen on.
const BUDGETS: [f64; 3] = [0.0007, 0.0046, 0.02];

/// The same on the corpus's tool output alone, at medium sensitivity: the rules add a text or two.
const CORPUS_BUDGET: f64 = 0.0038;

/// The same on hard questions, at medium sensitivity.
const HARD_BUDGET: f64 = 0.05;

/// Held-out texts with their scores.
pub(super) struct Scored<'t> {
    rows: Vec<(&'t Row, f32)>,
}

impl<'t> Scored<'t> {
    pub(super) fn new(net: &Net, texts: &'t Texts) -> Self {
        let rows = texts.dev.iter().chain(&texts.hard);
        Self { rows: rows.map(|row| (row, net.score(&example(row, 1.0)))).collect() }
    }

    pub(super) fn scores(&self, want: impl Fn(&Row) -> bool) -> Vec<f32> {
        self.rows.iter().filter(|(row, _)| want(row)).map(|(_, score)| *score).collect()
    }

    /// The thresholds that keep the budgets on tool output, that of the corpus and that mined from
    /// elsewhere taken together; and that for medium also keeps the ones on the corpus by itself and
    /// on hard questions.
    fn thresholds(&self) -> [f32; 3] {
        let tools = self.scores(Row::is_tool_output);
        let hard = self.scores(|row| row.kind == "hard_benign");
        let [low, medium, high] = BUDGETS.map(|budget| metrics::threshold(&tools, budget));
        let corpus = self.scores(|row| row.is_tool_output() && !row.is_own());
        let medium = medium
            .max(metrics::threshold(&corpus, CORPUS_BUDGET))
            .max(metrics::threshold(&hard, HARD_BUDGET));
        [low.max(medium), medium, high]
    }

    /// The slope and shift that make a probability of a score: the threshold for medium
    /// sensitivity is even odds, that for low sensitivity nine to one.
    fn calibration(&self, [low, medium, high]: [f32; 3]) -> [f32; 2] {
        let spread = (low - medium).max((medium - high) * 0.5).max(0.3);
        let slope = 2.2 / spread;
        [slope, -slope * medium]
    }

    /// Sets what follows from the scores.
    pub(super) fn settle(&self, head: &mut Head) {
        head.thresholds = self.thresholds();
        head.calibration = self.calibration(head.thresholds);
    }

    pub(super) fn print(&self, head: &Head) {
        let benign = self.scores(|row| !row.attack);
        let attacks = self.scores(|row| row.attack && !row.is_markless());
        println!("dev AUC without markless tasks: {:.4}", metrics::auc(&attacks, &benign));
        let mut groups: BTreeMap<(bool, &str, &str), Vec<f32>> = BTreeMap::new();
        for (row, score) in &self.rows {
            groups.entry((row.attack, &row.kind, "")).or_default().push(*score);
            groups.entry((row.attack, &row.kind, &row.source)).or_default().push(*score);
        }
        println!(
            "{:<16} {:<24} {:>5} {:>8} {:>8} {:>8}",
            "kind", "source", "texts", "low", "medium", "high"
        );
        for ((_, kind, source), scores) in groups {
            let share = |s| metrics::share(&scores, head.threshold(s)) * 100.0;
            let [low, medium, high] =
                [Sensitivity::Low, Sensitivity::Medium, Sensitivity::High].map(share);
            let source = if source.is_empty() { "all" } else { source };
            println!(
                "{kind:<16} {source:<24} {:>5} {low:>7.1}% {medium:>7.1}% {high:>7.1}%",
                scores.len()
            );
        }
    }

    pub(super) fn print_mistakes(&self, head: &Head) {
        let threshold = head.threshold(Sensitivity::High);
        for (row, score) in &self.rows {
            if row.attack != (*score >= threshold) && !row.is_markless() {
                let text: String = row.text.chars().take(300).collect();
                println!("{} {} {} {score:.2}: {text:?}", row.attack, row.kind, row.source);
            }
        }
    }
}
