//! What holds in this repository beyond what the compiler checks.
//!
//! Each rule looks at the whole repository and says what breaks it, where, and how to mend that.
//! `cargo xtask rules` prints what they find, and each is a test of this crate as well.

mod arrows;
mod changelog;
mod generated;
mod invariants;
mod links;
mod settings;
mod source;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::repo::Repo;

/// What breaks a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Finding {
    /// The file.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) wrong: String,
    /// What to do.
    pub(crate) mend: String,
}

impl Finding {
    /// Something wrong in a line of a file.
    pub(crate) fn new(
        file: impl Into<String>,
        line: usize,
        wrong: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), line, wrong: wrong.into(), mend: mend.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, wrong, mend } = self;
        write!(f, "{file}:{line}: {wrong}\n    to mend: {mend}")
    }
}

/// A rule: its name, and what looks for breaches.
pub(crate) type Rule = (&'static str, fn(&Repo) -> Result<Vec<Finding>>);

/// Every rule.
pub(crate) const RULES: &[Rule] = &[
    ("crates depend only along the arrows", arrows::along_the_arrows),
    ("pure crates stay pure", arrows::pure_crates),
    ("every crate forbids unsafe code", source::forbids_unsafe),
    ("files stay short", source::file_length),
    ("functions fit a screen", source::function_length),
    ("no test is ignored without a reason", source::ignored_tests),
    ("no test sleeps", source::sleeping_tests),
    ("nothing is left to be done", words::leftovers),
    ("no path of a build machine", words::machine_paths),
    ("no numbers of issues", words::issue_numbers),
    ("no dead link in a paper", links::dead_links),
    ("generated files are up to date", generated::up_to_date),
    ("every limit is enforced and stated", settings::limits_are_enforced),
    ("every setting is stated", settings::stated),
    ("every changelog fragment has a kind", changelog::kinds),
    ("every invariant names its test", invariants::named_tests),
    ("every attack that is defended names its test", invariants::attack_table),
];

/// Prints what the rules find.
///
/// # Errors
/// When they find anything.
pub(crate) fn run() -> Result<()> {
    let repo = Repo::read()?;
    let mut found = 0;
    for (name, rule) in RULES {
        let mut findings = rule(&repo)?;
        findings.sort();
        if findings.is_empty() {
            continue;
        }
        found += findings.len();
        println!("rule broken: {name}");
        findings.iter().for_each(|finding| println!("  {finding}"));
    }
    if found > 0 {
        bail!("{found} breaches of the repository's rules");
    }
    println!("{} rules hold over {} files", RULES.len(), repo.paths.len());
    Ok(())
}

#[cfg(test)]
mod tests;
