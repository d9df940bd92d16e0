//! What the suite found: checks by scenario, and whether two runs found the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Where a scenario's checks are.
const CHECKS: &str = "checks.json";

/// One check.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Check {
    id: String,
    name: String,
    status: String,
}

/// All checks of a run, by scenario.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Checks(BTreeMap<String, Vec<Check>>);

impl Checks {
    /// Reads what a run has written: a folder for each scenario, named by it and by the time. Scenarios
    /// of one family are in a folder of its name.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut checks = BTreeMap::new();
        for entry in fs::read_dir(folder).context("the suite has written nothing")? {
            let (place, name) = {
                let entry = entry?;
                (entry.path(), entry.file_name())
            };
            let name = name.to_string_lossy().into_owned();
            if !place.join(CHECKS).exists() && scenario(&name) == name {
                let family = Self::read(&place)?.0.into_iter();
                checks.extend(family.map(|(scenario, read)| (format!("{name}/{scenario}"), read)));
                continue;
            }
            let text = fs::read_to_string(place.join(CHECKS));
            let text = text.with_context(|| format!("no checks in `{}`", place.display()))?;
            let read: Vec<Check> = serde_json::from_str(&text)?;
            // What only tells what happened holds ports and times.
            let mut read: Vec<Check> =
                read.into_iter().filter(|check| check.status != "INFO").collect();
            read.sort();
            checks.insert(scenario(&name), read);
        }
        Ok(Self(checks))
    }

    /// How many checks passed.
    pub(super) fn passed(&self) -> u64 {
        self.0.values().flatten().map(|check| u64::from(check.status == "SUCCESS")).sum()
    }

    /// Fails where two runs differ, and says in what.
    pub(super) fn ensure_same(&self, through: &Self) -> Result<()> {
        ensure!(!self.0.is_empty(), "the suite has run nothing");
        let scenarios = self.0.keys().chain(through.0.keys());
        let differing: Vec<String> = scenarios
            .filter(|scenario| self.0.get(*scenario) != through.0.get(*scenario))
            .map(|scenario| {
                let of = |checks: &Self| format!("{:?}", checks.0.get(scenario));
                format!("{scenario}\n  direct:  {}\n  through: {}", of(self), of(through))
            })
            .collect();
        ensure!(differing.is_empty(), "the gateway is noticed:\n{}", differing.join("\n"));
        Ok(())
    }
}

/// The name without the time behind it: `server-ping` of `server-ping-2026-11-21T18-46-23-014Z`.
fn scenario(folder: &str) -> String {
    let time = folder.match_indices("-20").map(|(at, _)| at).find(|at| {
        folder.get(at + 1..at + 12).is_some_and(|date| {
            date.chars().zip("0000-00-00T".chars()).all(|(is, form)| match form {
                '0' => is.is_ascii_digit(),
                form => is == form,
            })
        })
    });
    folder.get(..time.unwrap_or(folder.len())).unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_named_without_the_time() {
        for (folder, want) in [
            ("server-ping-2026-11-21T18-46-23-014Z", "server-ping"),
            ("server-sep-2164-not-found-2026-11-21T18-46-23-014Z", "server-sep-2164-not-found"),
            ("json-schema-2020-12-2026-11-21T18-46-23-014Z", "json-schema-2020-12"),
            ("plain", "plain"),
        ] {
            assert_eq!(scenario(folder), want);
        }
    }

    #[test]
    fn runs_differ_by_what_became_of_a_check() {
        let run = |status: &str| {
            let (id, name) = ("a".to_owned(), "A".to_owned());
            let check = Check { id, name, status: status.to_owned() };
            Checks(BTreeMap::from([("ping".to_owned(), vec![check])]))
        };
        assert!(run("SUCCESS").ensure_same(&run("SUCCESS")).is_ok());
        assert_eq!(run("SUCCESS").passed(), 1);
        let told = run("SUCCESS").ensure_same(&run("FAILURE")).unwrap_err().to_string();
        assert!(told.contains("ping") && told.contains("FAILURE"), "{told}");
        assert!(run("SUCCESS").ensure_same(&Checks::default()).is_err());
        assert!(Checks::default().ensure_same(&Checks::default()).is_err());
    }
}
