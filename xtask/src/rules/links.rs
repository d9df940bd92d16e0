//! Links between papers.

use std::path::{Component, Path};

use anyhow::Result;

use super::Finding;
use crate::repo::{Repo, TextFile};

/// Every relative link leads to a file, and every anchor to a heading.
pub(super) fn dead_links(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in repo.markdown().filter(|file| !file.is_data()) {
        for (line, target) in links(file) {
            if let Some(wrong) = dead(repo, file, target) {
                let mend = "correct it, or take it out";
                findings.push(Finding::new(&file.path, line, wrong, mend));
            }
        }
    }
    Ok(findings)
}

fn dead(repo: &Repo, file: &TextFile, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { Some(file.path.clone()) } else { beside(&file.path, path) };
    let nowhere = || Some(format!("the link `{target}` leads nowhere"));
    let Some(path) = path else { return nowhere() };
    let folder = format!("{}/", path.trim_end_matches('/'));
    if !repo.paths.iter().any(|known| *known == path || known.starts_with(&folder)) {
        return nowhere();
    }
    let headed = repo.text(&path).is_none_or(|to| {
        anchor.is_empty() || !path.ends_with(".md") || headings(to).any(|slug| slug == anchor)
    });
    (!headed).then(|| format!("the link `{target}` names no heading of that file"))
}

/// `path` as seen from the folder of `file`; nothing when it leaves the repository.
fn beside(file: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::ParentDir => drop(parts.pop()?),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

/// Lines of a paper outside fenced code.
fn prose(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// `[text](target)` with the line it stands in; what stands in backticks is code.
fn links(file: &TextFile) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for (number, line) in prose(file) {
        let mut code = false;
        let mut rest = line;
        while let Some(after) = rest.find(['`', ']']).and_then(|at| rest.get(at..)) {
            if let Some(after) = after.strip_prefix('`') {
                code = !code;
                rest = after;
            } else if let Some(target) = after.strip_prefix("](").filter(|_| !code) {
                let (target, after) = target.split_once(')').unwrap_or((target, ""));
                links.push((number, target));
                rest = after;
            } else {
                rest = after.get(1..).unwrap_or_default();
            }
        }
    }
    links
}

/// The anchors that a paper's headings make.
fn headings(file: &TextFile) -> impl Iterator<Item = String> {
    prose(file).filter(|(_, line)| line.starts_with('#')).map(|(_, line)| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}
