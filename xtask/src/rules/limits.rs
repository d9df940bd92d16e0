//! A limit that nothing enforces is worse than none.

use anyhow::{Context as _, Result};
use bakerst_model::Limits;

use super::Finding;
use crate::repo::Repo;

const TYPE: &str = "crates/model/src/limits.rs";
const PAPER: &str = "docs/configuration.md";

/// Every limit is looked at somewhere, and the paper states it with its default.
pub(super) fn enforced_and_stated(repo: &Repo) -> Result<Vec<Finding>> {
    let limits = serde_json::to_value(Limits::default())?;
    let limits = limits.as_object().context("`Limits` is no longer written as an object")?;
    let mut findings = Vec::new();
    for (name, default) in limits {
        let used = format!(".{name}");
        let mut product = repo.rust().filter(|file| file.path != TYPE && !file.is_test());
        if !product.any(|file| file.text.contains(&used)) {
            let line = line_of(repo, TYPE, name);
            let mend = "enforce it, or take it out until something does";
            findings.push(Finding::new(TYPE, line, format!("nothing looks at `{name}`"), mend));
        }
        let row = format!("| `{name}` | {default} |");
        if !repo.text(PAPER).is_some_and(|paper| paper.text.contains(&row)) {
            let wrong = format!("`{name}` and its default {default} are not stated");
            let mend = format!("write a row that begins `{row}`");
            findings.push(Finding::new(PAPER, line_of(repo, PAPER, name), wrong, mend));
        }
    }
    Ok(findings)
}

fn line_of(repo: &Repo, path: &str, word: &str) -> usize {
    let lines = repo.text(path).into_iter().flat_map(crate::repo::TextFile::lines);
    let mut named = lines.filter(|(_, line)| line.contains(word)).map(|(line, _)| line);
    named.next().unwrap_or(1)
}
