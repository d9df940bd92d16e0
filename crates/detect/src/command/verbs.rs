//! What each tool's verbs do.
//!
//! Rules are by tool and verb, never by single command lines. A tool without rules of its own is
//! judged by the verbs that command lines share (`delete`, `destroy`, `purge`, …).

mod args;
mod cloud;
mod cluster;
mod data;
mod disk;
mod files;
mod general;
mod git;
mod packages;
mod system;

use super::Effect;
use super::run::program_name;
use super::word::Arg;

pub(super) use args::Args;

/// What one command does, and the rule that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ruling {
    pub(super) effect: Effect,
    pub(super) rule: &'static str,
    /// An option makes the program start others that are not followed.
    pub(super) starts_others: bool,
}

impl Ruling {
    pub(super) const READ: Self = Self::of(Effect::Read, "");
    pub(super) const WRITE: Self = Self::of(Effect::Write, "");

    const fn of(effect: Effect, rule: &'static str) -> Self {
        Self { effect, rule, starts_others: false }
    }

    /// Destroys, locks out or cannot be taken back.
    pub(super) const fn destructive(rule: &'static str) -> Self {
        Self::of(Effect::Destructive, rule)
    }

    /// Cannot be told, and that matters.
    pub(super) const fn unknown(rule: &'static str) -> Self {
        Self::of(Effect::Unknown, rule)
    }

    /// Destructive where `condition` holds, else an ordinary change.
    pub(super) fn destructive_if(condition: bool, rule: &'static str) -> Self {
        if condition { Self::destructive(rule) } else { Self::WRITE }
    }
}

/// A family of rules: the ruling where the program is one of the family's.
type Family = fn(&str, &Args<'_>) -> Option<Ruling>;

const FAMILIES: &[Family] = &[
    general::readers,
    files::judge,
    git::judge,
    cluster::judge,
    data::judge,
    cloud::judge,
    system::judge,
    disk::judge,
    packages::judge,
];

/// Judges the program `name` with its arguments.
pub(super) fn judge(name: &str, args: &Args<'_>) -> Ruling {
    let ruling = FAMILIES.iter().find_map(|family| family(name, args));
    ruling.unwrap_or_else(|| general::judge(name, args))
}

/// Whether there are rules for a program of that name, or for a verb.
pub(super) fn knows(word: &str) -> bool {
    let none = Args::new(&[]);
    general::is_destroying(word) || FAMILIES.iter().any(|family| family(word, &none).is_some())
}

/// The files that a downloading command writes.
pub(super) fn fetched_files(args: &[Arg]) -> Vec<String> {
    let name = args.first().map_or("", |arg| program_name(&arg.text));
    let mut files = Vec::new();
    for (at, arg) in args.iter().enumerate().skip(1) {
        let text = arg.text.as_str();
        let next = args.get(at + 1).map_or("", |arg| program_name(&arg.text));
        let last_of_cluster =
            |letter| text.starts_with('-') && !text.starts_with("--") && text.ends_with(letter);
        match name {
            "curl" | "aria2c" if last_of_cluster('o') || text == "--output" => {
                files.push(next.into());
            }
            "wget" if last_of_cluster('O') || text == "--output-document" => {
                files.push(next.into());
            }
            _ if text.contains("://") => files.push(program_name(text).to_owned()),
            _ => {}
        }
    }
    files
}
