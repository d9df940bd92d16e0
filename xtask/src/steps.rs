//! Steps, each announced, timed and counted.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command;

/// How many tests there were, and how they ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    /// They passed.
    pub(crate) passed: u64,
    /// They failed.
    pub(crate) failed: u64,
    /// They were not run.
    pub(crate) skipped: u64,
}

/// How a step ended, unless it failed.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// All is well.
    Done,
    /// It could not be tried here, for this reason.
    Skipped(String),
}

/// The steps so far.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    tally: Tally,
    log: Vec<(String, Duration, String)>,
}

impl Steps {
    /// Takes one step; the steps after a failure are taken too, so that one run tells everything.
    pub(crate) fn take(&mut self, name: &str, step: impl FnOnce(&mut Tally) -> Result<Step>) {
        println!("\n==> {name}");
        let (before, started) = (self.tally.failed, Instant::now());
        let ended = match step(&mut self.tally) {
            Ok(Step::Done) => "ok".to_owned(),
            Ok(Step::Skipped(why)) => {
                self.tally.skipped += 1;
                println!("skipped: {name} ({why})");
                format!("skipped: {why}")
            }
            Err(error) => {
                if self.tally.failed == before {
                    self.tally.failed += 1;
                }
                println!("failed: {name}: {error:#}");
                format!("failed: {error:#}")
            }
        };
        self.log.push((name.to_owned(), started.elapsed(), ended));
    }

    /// Takes a step that is one command.
    pub(crate) fn command(&mut self, name: &str, line: std::process::Command) {
        self.take(name, |tally| {
            command::run(line, |line| tally.count(line))?;
            Ok(Step::Done)
        });
    }

    /// Prints what became of every step, and the sum. Whether nothing failed.
    pub(crate) fn conclude(self) -> bool {
        let Self { tally: Tally { passed, failed, skipped }, log } = self;
        println!("\n==> steps");
        for (name, time, ended) in &log {
            println!("{:>8.1} s  {name}: {ended}", time.as_secs_f64());
        }
        println!("\n{passed} passed, {failed} failed, {skipped} skipped");
        failed == 0
    }
}

impl Tally {
    /// Counts what a test runner's closing line says.
    pub(crate) fn count(&mut self, line: &str) {
        let (numbers, skipped) = match line.trim_start() {
            line if line.starts_with("test result: ") => (line, "ignored"),
            line if line.starts_with("Summary [") => (line, "skipped"),
            _ => return,
        };
        self.passed += number_before(numbers, "passed");
        self.failed += number_before(numbers, "failed");
        self.skipped += number_before(numbers, skipped);
    }
}

/// The number in front of a word: 12 in `12 passed; 0 failed`.
fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ',', ';']).filter(|word| !word.is_empty()).collect();
    let pair = words.windows(2).find_map(|pair| match pair {
        [number, found] if *found == word => number.parse().ok(),
        _ => None,
    });
    pair.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_both_runners_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "     Summary [   0.512s] 120 tests run: 117 passed (1 slow), 2 failed, 4 skipped",
            "     Summary [   0.100s] 1 test run: 1 passed, 0 skipped",
            "test tests::three_passed ... ok",
        ] {
            tally.count(line);
        }
        assert_eq!(tally, Tally { passed: 121, failed: 2, skipped: 5 });
    }

    #[test]
    fn a_failing_step_counts_even_without_tests() {
        let mut steps = Steps::default();
        steps.take("one", |_| Ok(Step::Done));
        steps.take("two", |_| anyhow::bail!("no"));
        steps.take("three", |_| Ok(Step::Skipped("away".to_owned())));
        assert_eq!(steps.tally, Tally { passed: 0, failed: 1, skipped: 1 });
        assert!(!steps.conclude());
    }
}
