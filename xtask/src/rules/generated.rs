//! What is generated is what the code says today.

use anyhow::Result;

use super::Finding;
use crate::generate::FILES;
use crate::repo::Repo;

/// Every generated file is as it would be generated now.
pub(super) fn up_to_date(repo: &Repo) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for generated in FILES {
        let wanted = (generated.make)();
        let there = repo.text(generated.path).map_or("", |file| file.text.as_str());
        if there == wanted {
            continue;
        }
        let mut same = there.lines().zip(wanted.lines()).take_while(|(a, b)| a == b);
        let line = 1 + same.by_ref().count();
        let mend = "run `cargo xtask generate`, and commit what it writes";
        findings.push(Finding::new(generated.path, line, "not up to date", mend));
    }
    Ok(findings)
}
