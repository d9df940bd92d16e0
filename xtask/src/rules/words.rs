//! Words that must not stand in what is tracked.
//!
//! The words themselves are put together from halves here, or this file would break its own rules.

use anyhow::Result;
use regex_automata::meta::Regex;

use super::Finding;
use crate::repo::{Repo, TextFile};

const LEFTOVERS: [&str; 4] =
    [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("X", "XX"), concat!("HA", "CK")];
const MACROS: [&str; 3] =
    [concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("db", "g!")];

/// Nothing is left for later: it is done, or an open question in `docs/decisions/`.
pub(super) fn leftovers(repo: &Repo) -> Result<Vec<Finding>> {
    let mend = "do it, or write down in `docs/decisions/` why it is not done";
    let mut findings = Vec::new();
    for (file, number, line) in our_lines(repo) {
        let words = LEFTOVERS.iter().filter(|word| has_word(line, word));
        let macros =
            MACROS.iter().filter(|word| file.path.ends_with(".rs") && has_word(line, word));
        findings.extend(
            words.chain(macros).map(|word| {
                Finding::new(&file.path, number, format!("`{word}` is left here"), mend)
            }),
        );
    }
    Ok(findings)
}

/// Whether `word` stands in `line` by itself, not within a longer word.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

/// Folders of machines that build this; a reader has none of them.
const MACHINE_FOLDERS: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Home folders that stand for a reader's own in examples.
const EXAMPLE_HOMES: [&str; 4] = ["agent/", "alice/", "ann/", "user/"];

/// Nothing names a folder that only a machine of ours has.
pub(super) fn machine_paths(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, number, line) in our_lines(repo) {
        for folder in MACHINE_FOLDERS.iter().filter(|folder| names_folder(line, folder)) {
            findings.push(Finding::new(
                &file.path,
                number,
                format!("`{folder}` is a folder of a build machine"),
                "name the place as a reader has it: from the root, or `$HOME`",
            ));
        }
    }
    Ok(findings)
}

fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + folder.len()..).unwrap_or_default();
        let inside_a_path = before.is_some_and(|c| c.is_alphanumeric() || "._-}~".contains(c));
        !inside_a_path && !EXAMPLE_HOMES.iter().any(|home| after.starts_with(home))
    })
}

/// Nothing refers to an issue by its number: papers must make sense by themselves.
pub(super) fn issue_numbers(repo: &Repo) -> Result<Vec<Finding>> {
    let number = Regex::new(
        r"(?i)\b(?:issue|pull request|PR|ticket)s?[ #-]+[0-9]+\b|(?:^|[\s(\[])#[0-9]+(?:[\s).,;:\]]|$)",
    )?;
    let mut findings = Vec::new();
    for (file, line_number, line) in our_lines(repo) {
        if !has_prose(file) {
            continue;
        }
        findings.extend(number.find_iter(line).map(|_| {
            let mend = "say what it was about, in words that last";
            Finding::new(&file.path, line_number, "the number of an issue", mend)
        }));
    }
    Ok(findings)
}

/// Colours and anchors look like numbers of issues, so styles and pages are not read for them.
fn has_prose(file: &TextFile) -> bool {
    ![".css", ".html", ".svg"].iter().any(|end| file.path.ends_with(end))
}

/// Every line that is ours, not data.
fn our_lines(repo: &Repo) -> impl Iterator<Item = (&TextFile, usize, &str)> {
    let ours = repo.texts.iter().filter(|file| !file.is_data() && file.path != "LICENSE");
    ours.flat_map(|file| file.lines().map(move |(number, line)| (file, number, line)))
}
