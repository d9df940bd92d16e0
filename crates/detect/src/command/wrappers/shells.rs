//! Programs that take code: in an option, in a file, or on their standard input.

use super::{Inner, glued, skip_options, tail, text};
use crate::command::code::Language;
use crate::command::decode;
use crate::command::word::{Arg, HOLE_VAR};

pub(super) fn shell(args: &[Arg]) -> Vec<Inner> {
    let (mut at, mut code) = (1, false);
    let mut inner = Vec::new();
    while let Some(arg) = args.get(at) {
        match arg.text.as_str() {
            "--" | "-" => {
                at += 1;
                break;
            }
            "-o" | "+o" | "-O" | "+O" => at += 2,
            "--rcfile" | "--init-file" => {
                inner.push(Inner::Script);
                at += 2;
            }
            "--help" | "--version" => return inner,
            "-s" => {
                inner.push(Inner::StdinShell);
                return inner;
            }
            option if option.starts_with("--") => at += 1,
            option if option.starts_with(['-', '+']) && option.len() > 1 => {
                code |= option.starts_with('-') && option.contains('c');
                at += 1;
            }
            _ => break,
        }
    }
    match args.get(at) {
        Some(arg) if code => inner.push(Inner::Shell(arg.clone())),
        Some(arg) if arg.text == "/dev/stdin" => inner.push(Inner::StdinShell),
        Some(_) => inner.push(Inner::Script),
        None => inner.push(Inner::StdinShell),
    }
    inner
}

pub(super) fn source(args: &[Arg]) -> Inner {
    match text(args, 1) {
        "/dev/stdin" | "-" => Inner::StdinShell,
        _ => Inner::Script,
    }
}

/// The program of an interpreter: in an option, in a file, or on its standard input.
pub(super) fn program(language: Language, args: &[Arg]) -> Vec<Inner> {
    let mut inner = Vec::new();
    let mut at = 1;
    while let Some(arg) = args.get(at) {
        let option = arg.text.as_str();
        if let Some((_, code)) = option.split_once('=').filter(|(o, _)| language.takes_code(o)) {
            inner.push(Inner::Program(language, Arg::new(code)));
        } else if language.takes_code(option) {
            let code = args.get(at + 1).cloned().unwrap_or_default();
            inner.push(Inner::Program(language, code));
            at += 1;
        } else if let Some(code) = language.attached_code(option) {
            inner.push(Inner::Program(language, Arg::new(code)));
        } else if !option.starts_with('-') || option == "-" {
            break;
        } else if option == "-m" || option == "--version" || option == "--help" {
            return inner;
        }
        at += 1;
    }
    match args.get(at) {
        _ if !inner.is_empty() => {}
        None => inner.push(Inner::StdinProgram(language)),
        Some(arg) if arg.text == "-" => inner.push(Inner::StdinProgram(language)),
        Some(arg) if language.reads_code_first() => {
            inner.push(Inner::Program(language, arg.clone()));
        }
        Some(_) => inner.push(Inner::Script),
    }
    inner
}

/// Programs whose words, after the options, are one line of code.
pub(super) fn code_words(name: &str, args: &[Arg]) -> Vec<Inner> {
    let values: &[&str] = match name {
        "watch" => &["-n", "-q", "--interval"],
        "hyperfine" => &["-w", "-r", "-n", "--warmup", "--runs"],
        _ => &[],
    };
    let (at, _) = skip_options(args, 1, values, "");
    let words = match name {
        "trap" => args.get(at..at + 1),
        _ => args.get(at..),
    };
    match glued(words).text.as_str() {
        "" | "-" => Vec::new(),
        _ => vec![Inner::Shell(glued(words))],
    }
}

/// Programs that take a line of code after `-c`, else a command after one word.
pub(super) fn dash_c(name: &str, args: &[Arg]) -> Vec<Inner> {
    let at = args.iter().position(|arg| {
        matches!(arg.text.as_str(), "--command" | "--session-command")
            || arg.text.starts_with('-') && !arg.text.starts_with("--") && arg.text.ends_with('c')
    });
    if let Some(code) = at.and_then(|at| args.get(at + 1)) {
        return vec![Inner::Shell(code.clone())];
    }
    if let Some(code) = args.iter().find_map(|arg| arg.text.strip_prefix("--command=")) {
        return vec![Inner::Shell(Arg::new(code))];
    }
    let (at, _) = skip_options(args, 1, &["-w", "-E", "-u", "-g"], "nsxeoFl");
    match name {
        "flock" => vec![Inner::Command(tail(args, at + 1))],
        "runuser" if args.iter().any(|arg| arg.text == "-u") => {
            vec![Inner::Command(tail(args, at))]
        }
        "su" => vec![Inner::StdinShell],
        _ => Vec::new(),
    }
}

/// The value of an alias runs with words behind it that are not known.
pub(super) fn aliases(args: &[Arg]) -> Vec<Inner> {
    let values = args.iter().skip(1).filter_map(|arg| arg.text.split_once('='));
    values.map(|(_, code)| Inner::Shell(Arg::new(&format!("{code} {HOLE_VAR}")))).collect()
}

pub(super) fn settings(args: &[Arg]) -> Vec<Inner> {
    let values = args.iter().skip(1).filter_map(|arg| arg.text.split_once('='));
    values.map(|(name, value)| Inner::Setting(name.to_owned(), value.to_owned())).collect()
}

pub(super) fn powershell(args: &[Arg]) -> Vec<Inner> {
    for (i, arg) in args.iter().enumerate().skip(1) {
        let option = arg.text.to_ascii_lowercase();
        let Some(option) = option.strip_prefix(['-', '/']) else {
            return vec![Inner::PowerShell(glued(args.get(i..)))];
        };
        match option {
            _ if option.starts_with('e') && "encodedcommand".starts_with(option)
                || option == "ec" =>
            {
                return match decode::base64_utf16(text(args, i + 1)) {
                    Some(code) => vec![
                        Inner::Unreadable("it runs what was hidden by an encoding"),
                        Inner::PowerShell(Arg::new(&code)),
                    ],
                    None => vec![Inner::Unreadable("it runs what was hidden by an encoding")],
                };
            }
            _ if option.starts_with('c') && "command".starts_with(option) => {
                return vec![Inner::PowerShell(glued(args.get(i + 1..)))];
            }
            "f" | "file" => return vec![Inner::Script],
            "executionpolicy" | "ep" | "ex" | "exec" | "windowstyle" | "w" | "version"
            | "outputformat" | "inputformat" | "psconsolefile" | "configurationname"
            | "workingdirectory" => {
                let rest = args.get(i + 2..).unwrap_or_default();
                let mut next = vec![Arg::new("powershell")];
                next.extend(rest.iter().cloned());
                return powershell(&next);
            }
            _ => {}
        }
    }
    vec![Inner::StdinShell]
}

pub(super) fn cmd(args: &[Arg]) -> Vec<Inner> {
    let at = args.iter().position(|arg| {
        matches!(arg.text.to_ascii_lowercase().as_str(), "/c" | "/k" | "/r" | "//c" | "//k")
    });
    match at {
        Some(at) => vec![Inner::PowerShell(glued(args.get(at + 1..)))],
        None => Vec::new(),
    }
}
