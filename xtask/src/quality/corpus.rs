//! The texts that are scored, those of the repository and those beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::command::is_there;
use crate::repo::Repo;

/// Where rows come from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What the tables call it.
    pub(super) name: &'static str,
    /// The file, if it is there.
    file: Result<PathBuf, String>,
}

/// One labelled text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) label: String,
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) lang: String,
    pub(super) category: String,
    /// From, to, type; in code points.
    pub(super) spans: Vec<(usize, usize, String)>,
}

/// Every corpus there is, by what it is for.
pub(super) struct Corpora {
    pub(super) injection: Vec<Source>,
    pub(super) redaction: Vec<Source>,
    pub(super) commands: Vec<Source>,
}

impl Corpora {
    /// Looks for them, and makes the samples that are made anew each time; `shared` is the folder
    /// beside the repository.
    pub(super) fn find(shared: &Path) -> Self {
        let mut corpora = Self::lying_there(shared);
        let file = generated(shared);
        corpora.redaction.push(Source { name: "generated, seed 101", file });
        corpora
    }

    /// Those that are files already.
    pub(super) fn lying_there(shared: &Path) -> Self {
        let own = |name, file: &str| Source {
            name,
            file: Ok(Repo::root().join("crates/detect/corpora").join(file)),
        };
        let beside = |name, file: &str| {
            let path = shared.join(file);
            let missing = || format!("there is no `{file}` in the corpora beside the repository");
            Source { name, file: path.exists().then_some(path).ok_or_else(missing) }
        };
        Self {
            injection: vec![
                own("own", "injection.jsonl"),
                own("hard_benign", "hard_benign.jsonl"),
                own("mined, held out", "mined_benign.jsonl"),
                beside("dev", "injection/dev.jsonl"),
            ],
            redaction: vec![
                beside("gitleaks negatives", "redaction/gitleaks_negatives_dev.jsonl"),
                beside("presidio synth", "redaction/presidio_synth_dev.jsonl"),
            ],
            commands: vec![own("own", "commands.jsonl"), beside("dev", "commands/dev.jsonl")],
        }
    }
}

impl Source {
    /// Its rows; none, and why, where it is not there.
    ///
    /// # Errors
    /// When a file is there and cannot be read.
    pub(super) fn rows(&self) -> Result<Result<Vec<Row>, String>> {
        let path = match &self.file {
            Ok(path) => path,
            Err(why) => return Ok(Err(why.clone())),
        };
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let rows = lines.map(|(place, line)| {
            let place = || format!("`{}`, line {}", path.display(), place + 1);
            serde_json::from_str(line).with_context(place)
        });
        rows.collect::<Result<_>>().map(Ok)
    }
}

/// Samples that look like live keys, made anew each time and never kept in the repository.
fn generated(shared: &Path) -> Result<PathBuf, String> {
    let script = shared.join("redaction/gen_redaction.py");
    if !script.exists() {
        return Err("there is no `gen_redaction.py` beside the repository".to_owned());
    }
    if !is_there("python3", &["--version"]) {
        return Err("there is no `python3` to make the samples with".to_owned());
    }
    let folder = Repo::root().join("target/quality");
    let out = folder.join("redaction-101.jsonl");
    fs::create_dir_all(&folder).map_err(|e| format!("`{}`: {e}", folder.display()))?;
    let mut python = Command::new("python3");
    python.arg(script).args(["--seed", "101", "--out"]).arg(&out);
    match python.output() {
        Ok(done) if done.status.success() => Ok(out),
        Ok(done) => Err(format!("the samples' script failed with {}", done.status)),
        Err(error) => Err(format!("the samples' script cannot be run: {error}")),
    }
}
