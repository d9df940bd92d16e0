//! `bakerst policy test`.

use std::fs;
use std::path::{Path, PathBuf};

use bakerst_guard::authorization::{Rego, RegoTest};
use bakerst_guard::cases::{CaseOutcome, PolicyCase};
use bakerst_model::{Code, Escaped};
use serde_json::json;

use crate::cli::Global;
use crate::config::{self, Config};
use crate::failure::{Exit, Failure, Outcome, Place};
use crate::print::{self, Style};

/// How files of tests end that are found beside a policy.
const ENDING: &str = ".policy-test.yaml";

pub(crate) fn run(named: &[PathBuf], global: &Global) -> Outcome {
    let config = Config::load(global.config.as_deref())?;
    let policy = config.compile()?;
    let mut cases = config.written.policy_tests(&config.limits)?;
    let files = if named.is_empty() { beside(&config)? } else { named.to_vec() };
    for file in &files {
        cases.extend(config::read_policy_tests(file, &config.limits)?);
    }
    let rego = rego_tests(&config)?;
    if cases.is_empty() && rego.is_empty() {
        let message = format!(
            "there are no tests: expected `policy_tests`, files that end in `{ENDING}`, or rules in Rego that begin with `test_`"
        );
        return Err(Failure::usage(Code::ConfigExample, message));
    }
    let ran: Vec<_> = cases.iter().map(|(place, case)| (place, case, case.run(&policy))).collect();
    let failed = ran.iter().filter(|(_, _, outcome)| outcome.wrong.is_some()).count()
        + rego.iter().filter(|test| test.failed.is_some()).count();
    if global.json {
        let all = ran.iter().map(|(place, case, outcome)| {
            json!({ "name": case.name, "file": place.file, "line": place.line, "outcome": outcome })
        });
        print::json(&json!({
            "policy": policy.digest(), "tests": all.collect::<Vec<_>>(), "rego": rego,
            "failed": failed,
        }));
    } else {
        ran.iter().for_each(|(place, case, outcome)| print_case(place, case, outcome));
        rego.iter().for_each(print_rego);
        let passed = ran.len() + rego.len() - failed;
        print::note(format!("{passed} passed, {failed} failed, policy {}", policy.digest()));
    }
    Ok(if failed == 0 { Exit::Ok } else { Exit::Refused })
}

/// The tests that policies in Rego carry themselves.
fn rego_tests(config: &Config) -> Result<Vec<RegoTest>, Failure> {
    let ran: Result<Vec<_>, _> = config.policy.rego().map(Rego::test).collect();
    let unusable =
        |fault: bakerst_guard::document::Fault| Failure::usage(fault.code, fault.message);
    Ok(ran.map_err(unusable)?.into_iter().flatten().collect())
}

fn print_rego(RegoTest { name, failed }: &RegoTest) {
    let style = Style::for_stdout();
    match failed {
        None => print::line(format!("{} {name}", style.green("ok"))),
        Some(why) => print::line(format!("{} {name}: {why}", style.red("failed"))),
    }
}

/// The files of tests in the configuration's own folder, in the order of their names.
fn beside(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    let Some(folder) = config.file.as_deref().and_then(Path::parent) else { return Ok(Vec::new()) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = fs::read_dir(folder).map_err(|e| {
        Failure::usage(Code::ConfigUnreadable, format!("cannot read `{}`: {e}", folder.display()))
    })?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_test = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.ends_with(ENDING))
    };
    let mut files: Vec<PathBuf> = paths.filter(is_test).collect();
    files.sort();
    Ok(files)
}

fn print_case(place: &Place, case: &PolicyCase, CaseOutcome { wrong, .. }: &CaseOutcome) {
    let style = Style::for_stdout();
    let name = Escaped(&case.name);
    match wrong {
        None => print::line(format!("{} {name}", style.green("ok"))),
        Some(wrong) => {
            let Place { file, line, column, .. } = place;
            print::line(format!("{} {name} {wrong}", style.red("failed")));
            print::line(format!("  --> {file}:{line}:{column}"));
        }
    }
}
