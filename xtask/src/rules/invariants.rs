//! A promise names the test that shows it.

use std::collections::HashSet;

use anyhow::Result;

use super::Finding;
use crate::repo::{Repo, TextFile};

const PAPER: &str = "ARCHITECTURE.md";
const INVARIANTS: usize = 10;
const NOT_BUILT: &str = "not built yet";
const SHOWN_BY: &str = "Shown by ";

/// Every invariant is in the paper, and names a test that exists or says that it is not built.
pub(super) fn named_tests(repo: &Repo) -> Result<Vec<Finding>> {
    let tests = tests(repo);
    let mut findings = Vec::new();
    let paragraphs = repo.text(PAPER).map_or_else(Vec::new, |file| paragraphs(&file.text));
    for number in 1..=INVARIANTS {
        let head = format!("Invariant: I{number}");
        let found = paragraphs.iter().find(|(_, text)| {
            text.strip_prefix(&head).is_some_and(|rest| !rest.starts_with(|c: char| c.is_numeric()))
        });
        let Some((line, text)) = found else {
            let mend = "begin a line with it: what holds, and the test that shows it";
            findings.push(Finding::new(PAPER, 1, format!("`{head}` is missing"), mend));
            continue;
        };
        let named = text.split(SHOWN_BY).skip(1).flat_map(quoted);
        let named: Vec<&str> = named.filter(|name| is_function(name)).collect();
        if named.is_empty() && !text.to_lowercase().contains(NOT_BUILT) {
            let wrong = format!("`I{number}` names no test");
            let mend = format!("write `{SHOWN_BY}` and the tests in backticks, or `{NOT_BUILT}`");
            findings.push(Finding::new(PAPER, *line, wrong, mend));
        }
        findings.extend(missing(&named, &tests).map(|wrong| no_test(PAPER, *line, wrong)));
    }
    Ok(findings)
}

/// Every row of the table of attacks names tests that exist, or says that it is not built.
pub(super) fn attack_table(repo: &Repo) -> Result<Vec<Finding>> {
    const PAPER: &str = "SECURITY.md";
    let tests = tests(repo);
    let mut findings = Vec::new();
    let lines = repo.text(PAPER).into_iter().flat_map(TextFile::lines);
    for (line, text) in lines.filter(|(_, text)| text.starts_with("| ATK-")) {
        let cells: Vec<&str> = text.trim_end_matches(['|', ' ']).split(" | ").collect();
        let last = cells.last().copied().unwrap_or_default();
        let named: Vec<&str> = quoted(last).filter(|name| is_function(name)).collect();
        if named.is_empty() && !last.contains(NOT_BUILT) && !last.contains("not defended") {
            let mend = format!("name a test in the last column, or write `{NOT_BUILT}`");
            findings.push(Finding::new(PAPER, line, "the row names no test", mend));
        }
        findings.extend(missing(&named, &tests).map(|wrong| no_test(PAPER, line, wrong)));
    }
    Ok(findings)
}

fn no_test(paper: &str, line: usize, wrong: &str) -> Finding {
    let mend = "name a test that exists, or write that it is not built yet";
    Finding::new(paper, line, format!("there is no test `{wrong}`"), mend)
}

fn missing<'n>(named: &[&'n str], tests: &HashSet<&str>) -> impl Iterator<Item = &'n str> {
    named.iter().copied().filter(|name| !tests.contains(name))
}

/// Paragraphs with the line that each begins in.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        match paragraphs.last_mut().filter(|_| open) {
            Some((_, paragraph)) if !line.is_empty() => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            _ => paragraphs.push((index + 1, line.to_owned())),
        }
        open = !line.is_empty();
    }
    paragraphs
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Names of tests have several words; a single one is a file, a type or a setting.
fn is_function(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.contains('_') && name.bytes().all(plain)
}

/// The names of all test functions, those inside macros of `proptest` included.
fn tests(repo: &Repo) -> HashSet<&str> {
    let mut tests = HashSet::new();
    for file in repo.rust() {
        let mut marked = false;
        for (_, line) in file.lines() {
            let line = line.trim();
            marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let declared = line.split("fn ").nth(1).and_then(|rest| rest.split(['(', '<']).next());
            if let Some(name) = declared.filter(|_| !line.starts_with("//"))
                && std::mem::take(&mut marked)
            {
                tests.insert(name);
            }
        }
    }
    tests
}
