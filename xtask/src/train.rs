//! `cargo xtask train`: learns the injection model from the corpus and writes it.
//!
//! Everything follows from the corpus, the grammar files and the seed, so the same call yields the
//! same bytes.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bakerst_detect::injection::training;
use corpus::Row;
use grammar::Grammar;
use net::{Example, Net, Pace};
use rng::Rng;

mod corpus;
mod folds;
mod generate;
mod grammar;
mod metrics;
mod mine;
mod net;
mod report;
mod rng;

/// How to train.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder with `train.jsonl` and `dev.jsonl`.
    #[arg(long, default_value_os_t = root().join("../shared/corpora/injection"))]
    corpus: PathBuf,
    /// Where the model goes.
    #[arg(long, default_value_os_t = root().join("crates/detect/data/injection.bin"))]
    output: PathBuf,
    /// What every choice follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How often each text is seen.
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// How many attacks come from the grammar.
    #[arg(long, default_value_t = 60_000)]
    generated: usize,
    /// Leave out these sections of the grammar, to see what they are good for.
    #[arg(long)]
    without: Vec<String>,
    /// The first step on a row.
    #[arg(long, default_value_t = 0.03)]
    rate: f32,
    /// The share of features left out of each step.
    #[arg(long, default_value_t = 0.5)]
    dropout: f32,
    /// How fast weights fade.
    #[arg(long, default_value_t = 2e-6)]
    decay: f32,
    /// Leave each source of attacks out in turn, and report instead of writing a model.
    #[arg(long)]
    folds: bool,
    /// Of `--folds`, only the one of this name.
    #[arg(long)]
    only: Option<String>,
    /// Leave out the sources of innocent texts in turn.
    #[arg(long)]
    benign_folds: bool,
    /// Score this file of innocent texts with the new model and keep those that look most like
    /// attacks in the repository, to learn from next time.
    #[arg(long)]
    mine: Option<PathBuf>,
    /// How many texts `--mine` keeps.
    #[arg(long, default_value_t = 900)]
    mine_max: usize,
    /// Also report on this file, which nothing else is done with.
    #[arg(long)]
    measure: Option<PathBuf>,
    /// Print the dev texts that are judged wrongly at medium sensitivity.
    #[arg(long)]
    mistakes: bool,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All texts, sorted by use.
struct Texts {
    train: Vec<Row>,
    dev: Vec<Row>,
    /// Innocent texts of the repository that are only measured on.
    hard: Vec<Row>,
}

/// Trains, or reports on folds.
pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let own = root().join("crates/detect/corpora");
    let mut train = corpus::read(&arguments.corpus.join("train.jsonl"))?;
    let mut mined = corpus::read(&own.join("mined_benign.jsonl")).unwrap_or_default();
    mined.extend(corpus::read(&own.join("messages_benign.jsonl")).unwrap_or_default());
    let mut dev = corpus::read(&arguments.corpus.join("dev.jsonl"))?;
    // Every third mined text is kept for the thresholds: other sources than the corpus has.
    for (i, row) in mined.into_iter().enumerate() {
        if i % 3 == 0 { dev.push(row) } else { train.push(row) }
    }
    let hard = corpus::read(&own.join("hard_benign.jsonl")).unwrap_or_default();
    let texts = Texts { train, dev, hard };
    let grammar = Grammar::parse(GRAMMAR)?;
    if arguments.folds || arguments.benign_folds {
        if arguments.folds {
            folds::attacks(arguments, &texts, &grammar)?;
        }
        if arguments.benign_folds {
            folds::benign(arguments, &texts, &grammar);
        }
        return Ok(());
    }
    let examples = examples(arguments, &texts.train, &grammar);
    let mut learned = learn(arguments, &examples);
    let rows = learned.quantise();
    let scored = report::Scored::new(&learned, &texts);
    scored.settle(&mut learned.head);
    scored.print(&learned.head);
    if let Some(file) = &arguments.measure {
        let texts = Texts { train: Vec::new(), dev: corpus::read(file)?, hard: Vec::new() };
        let measured = report::Scored::new(&learned, &texts);
        measured.print(&learned.head);
        if arguments.mistakes {
            measured.print_mistakes(&learned.head);
        }
    }
    if let Some(file) = &arguments.mine {
        return mine::keep(&learned, file, &own.join("mined_benign.jsonl"), arguments.mine_max);
    }
    if arguments.mistakes {
        scored.print_mistakes(&learned.head);
    }
    let bytes = learned.parts(rows).to_bytes();
    std::fs::write(&arguments.output, &bytes)
        .with_context(|| format!("cannot write `{}`", arguments.output.display()))?;
    println!("wrote {} ({} bytes)", arguments.output.display(), bytes.len());
    Ok(())
}

const GRAMMAR: &[&str] = &[
    include_str!("train/grammar/attacks.txt"),
    include_str!("train/grammar/agents.txt"),
    include_str!("train/grammar/calls.txt"),
    include_str!("train/grammar/jailbreaks.txt"),
    include_str!("train/grammar/languages.txt"),
    include_str!("train/grammar/benign.txt"),
    include_str!("train/grammar/words.txt"),
    include_str!("train/grammar/attacks_more.txt"),
    include_str!("train/grammar/attacks_short.txt"),
    include_str!("train/grammar/templates.txt"),
    include_str!("train/grammar/world_attacks.txt"),
    include_str!("train/grammar/world_attacks_far.txt"),
    include_str!("train/grammar/world_benign.txt"),
];

/// What is learned from: the texts, and as many again from the grammar.
fn examples(arguments: &Arguments, rows: &[Row], grammar: &Grammar) -> Vec<Example> {
    let mut rng = Rng::new(arguments.seed);
    let hosts: Vec<Row> = rows.iter().filter(|row| row.is_tool_output()).cloned().collect();
    let mut all: Vec<Row> = rows.iter().filter(|row| !row.is_markless()).cloned().collect();
    let Arguments { generated, without, .. } = arguments;
    all.extend(generate::attacks(grammar, *generated, &hosts, without, &mut rng));
    all.extend(generate::benign(grammar, generated / 2, without, &mut rng));
    all.iter().map(|row| example(row, weight(row))).collect()
}

/// Sources that repeat one pattern many times count less each time.
fn weight(row: &Row) -> f32 {
    match (row.attack, row.source.as_str()) {
        (true, "asb" | "composed_train") => 0.4,
        (true, "bastioncorpus" | "nullsec_promptinject" | "promptinject") => 2.0,
        (true, _) => 1.0,
        (false, "grammar") => 1.2,
        (false, _) => 1.5,
    }
}

fn example(row: &Row, weight: f32) -> Example {
    let readings = training::readings(&row.text).into_iter().map(|(_, blocks)| blocks).collect();
    Example { readings, attack: row.attack, kind: row.kind_index(), weight }
}

fn learn(arguments: &Arguments, examples: &[Example]) -> Net {
    let mut rng = Rng::new(arguments.seed ^ 0x5eed);
    let mut net = Net::new(&mut rng);
    let Arguments { epochs, rate, dropout, decay, .. } = *arguments;
    net.learn(examples, Pace { epochs, rate, dropout, decay }, &mut rng);
    net
}
