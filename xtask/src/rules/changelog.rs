//! Notes of changes.

use anyhow::Result;

use super::Finding;
use crate::repo::{Repo, TextFile};

const KINDS: [&str; 5] = ["added", "changed", "fixed", "security", "breaking"];

/// Every fragment is named `<what>.<kind>.md`, and one that breaks says how to follow.
pub(super) fn kinds(repo: &Repo) -> Result<Vec<Finding>> {
    let fragments = repo.texts.iter().filter(|file| {
        file.path.starts_with("changelog.d/") && file.path != "changelog.d/README.md"
    });
    let finding = |file: &TextFile| {
        let (wrong, mend) = fault(file)?;
        Some(Finding::new(&file.path, 1, wrong, mend))
    };
    Ok(fragments.filter_map(finding).collect())
}

fn fault(file: &TextFile) -> Option<(String, String)> {
    let name = file.path.trim_start_matches("changelog.d/");
    let parts: Vec<&str> = name.split('.').collect();
    let [_, kind, "md"] = parts.as_slice() else {
        let wrong = format!("`{name}` is not named `<what>.<kind>.md`");
        return Some((wrong, "see changelog.d/README.md".to_owned()));
    };
    if !KINDS.contains(kind) {
        let wrong = format!("`{kind}` is no kind of change");
        return Some((wrong, format!("one of: {}", KINDS.join(", "))));
    }
    if file.text.trim().is_empty() {
        return Some(("the fragment is empty".to_owned(), "say what a user notices".to_owned()));
    }
    let needed = ["Summary", "Migration"].into_iter().find(|part| {
        let heads = |line: &str| line.starts_with('#') && line.contains(part);
        *kind == "breaking" && !file.text.lines().any(heads)
    })?;
    let wrong = format!("a breaking change without `{needed}`");
    Some((wrong, format!("add a heading `{needed}` and what a user must know")))
}
