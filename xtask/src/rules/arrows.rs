//! Which crate may know which.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Finding;
use crate::repo::{Repo, TextFile};

/// Every crate, and which of ours it may use. Tests and benches keep to the same arrows.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("detect", &[]),
    ("guard", &["model", "detect"]),
    ("audit", &["model"]),
    ("supply", &["model"]),
    ("evidence", &["model", "supply"]),
    ("secrets", &["model"]),
    ("store", &["model", "guard", "audit"]),
    ("sinks", &["model", "audit"]),
    ("channels", &["model", "guard"]),
    ("registry", &["model", "supply"]),
    ("sandbox", &["model", "guard"]),
    ("cluster", &["model", "supply"]),
    ("gateway", &["model", "detect", "guard", "audit"]),
];

/// Crates that join or check the others, and may know all of them.
const MAY_KNOW_ALL: [&str; 2] = ["app", "xtask"];

/// Crates that take time and facts as arguments, so that what they decide can be decided again.
const PURE: [&str; 6] = ["model", "detect", "guard", "audit", "supply", "evidence"];

/// What would let a pure crate reach the world.
const WORLDLY: [&str; 12] = [
    "async-std",
    "axum",
    "fastrand",
    "getrandom",
    "hyper",
    "rand",
    "reqwest",
    "rusqlite",
    "socket2",
    "tokio",
    "time",
    "chrono",
];

/// One dependency of one of our crates.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    manifest: String,
    line: usize,
}

/// No crate uses another of ours but along the arrows.
pub(super) fn along_the_arrows(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for Edge { from, to, manifest, line } in edges(repo)? {
        let Some(to) = to.strip_prefix("bakerst-") else { continue };
        if MAY_KNOW_ALL.contains(&from.as_str()) {
            continue;
        }
        let allowed = ARROWS.iter().find(|(name, _)| *name == from).map(|(_, allowed)| *allowed);
        match allowed {
            None => findings.push(Finding::new(
                manifest,
                1,
                format!("the crate `{from}` has no arrows"),
                "say in `ARROWS` what it may use, and in `docs/decisions/` why it is there",
            )),
            Some(allowed) if !allowed.contains(&to) => findings.push(Finding::new(
                manifest,
                line,
                format!("`{from}` must not depend on `{to}`"),
                "put a port into the pure crate that needs it, and let `app` join the two",
            )),
            Some(_) => {}
        }
    }
    Ok(findings)
}

/// No pure crate depends on anything that reaches the world.
pub(super) fn pure_crates(repo: &Repo) -> Result<Vec<Finding>> {
    let edges = edges(repo)?.into_iter();
    let worldly =
        edges.filter(|e| PURE.contains(&e.from.as_str()) && WORLDLY.contains(&e.to.as_str()));
    let finding = |Edge { from, to, manifest, line }: Edge| {
        Finding::new(
            manifest,
            line,
            format!("`{from}` is pure and must not depend on `{to}`"),
            "take the fact as an argument, and fetch it at the edge",
        )
    };
    Ok(worldly.map(finding).collect())
}

/// Every dependency that a manifest of ours names, those of tests and builds included.
fn edges(repo: &Repo) -> Result<Vec<Edge>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(&repo.root)
        .output()
        .context("cannot run `cargo metadata`")?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`cargo metadata` failed: {words}");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let mut edges = Vec::new();
    for package in array(&metadata, "packages") {
        let name = text(package, "name");
        let from = name.strip_prefix("bakerst-").unwrap_or(name);
        let manifest = text(package, "manifest_path");
        let manifest = manifest.strip_prefix(&format!("{}/", repo.root.display()));
        let manifest = manifest.unwrap_or("Cargo.toml").to_owned();
        for dependency in array(package, "dependencies") {
            let to = text(dependency, "name").to_owned();
            let line = line_of(repo, &manifest, &to);
            edges.push(Edge { from: from.to_owned(), to, manifest: manifest.clone(), line });
        }
    }
    ensure!(!edges.is_empty(), "`cargo metadata` names no dependency at all");
    Ok(edges)
}

fn line_of(repo: &Repo, manifest: &str, dependency: &str) -> usize {
    let lines = repo.text(manifest).into_iter().flat_map(TextFile::lines);
    let mut named = lines.filter(|(_, line)| line.starts_with(dependency)).map(|(line, _)| line);
    named.next().unwrap_or(1)
}

fn array<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_point_one_way() {
        for (name, allowed) in ARROWS {
            for to in *allowed {
                let back = ARROWS.iter().find(|(other, _)| other == to).unwrap().1;
                assert!(!back.contains(name), "`{name}` and `{to}` may use each other");
            }
        }
    }
}
