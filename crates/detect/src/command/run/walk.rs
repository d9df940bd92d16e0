//! What is known of a script while its commands are judged one by one.

use std::ops::Range;

use super::{Stdin, program_name};
use crate::command::decode;
use crate::command::shell::{Feed, RedirectKind, Script};
use crate::command::word::{Arg, HOLE_RUN, Variables, Word, expand};

/// Commands that fetch from other machines.
const FETCHERS: &[&str] = &[
    "curl", "wget", "fetch", "aria2c", "nc", "ncat", "netcat", "socat", "http", "https", "xh",
    "lynx", "w3m", "links", "ftp", "tftp", "scp", "axel", "dig", "telnet",
];
/// One script being walked.
pub(super) struct Walk<'s> {
    script: &'s Script,
    pub(super) variables: Variables,
    /// The expanded words of the commands so far.
    args: Vec<Vec<Arg>>,
    /// How many of the first N commands fetch something, for every N.
    fetches: Vec<usize>,
    /// What commands read that nothing else feeds.
    outer: &'s Stdin,
}
impl<'s> Walk<'s> {
    pub(super) fn new(script: &'s Script, outer: &'s Stdin) -> Self {
        let variables = reassigned(script);
        Self { script, variables, args: Vec::new(), fetches: vec![0], outer }
    }

    /// Files the words of a command that has been judged.
    pub(super) fn keep(&mut self, args: Vec<Arg>) {
        let before = self.fetches.last().copied().unwrap_or_default();
        self.fetches.push(before + usize::from(fetches(&args)));
        self.args.push(args);
    }

    pub(super) fn fetches_within(&self, run: &Range<usize>) -> bool {
        self.fetches.get(run.start) < self.fetches.get(run.end)
    }

    pub(super) fn expand(&self, word: &Word, out: &mut Vec<Arg>) {
        let printed = |run: &Range<usize>| match self.printed_by(run) {
            Stdin::Text { text, .. } => Some(text.trim_end_matches('\n').to_owned()),
            _ => None,
        };
        expand(word, &self.variables, &printed, out);
    }

    /// A word that stays one, as the target of a redirection or the value of a variable.
    pub(super) fn one(&self, word: &Word) -> Arg {
        let mut out = Vec::new();
        self.expand(word, &mut out);
        let mut words = out.into_iter();
        let mut first = words.next().unwrap_or_default();
        for next in words {
            first.text.push(' ');
            first.text.push_str(&next.text);
            first.runs.extend(next.runs);
        }
        first
    }

    pub(super) fn stdin(&self, feed: &Feed) -> Stdin {
        match feed {
            Feed::Inherited => self.outer.clone(),
            Feed::Pipe(run) => self.printed_by(run),
            Feed::Text(place) => {
                let word = self.script.texts.get(*place).map(|word| self.one(word));
                let text = word.unwrap_or_default();
                match text.runs.iter().any(|run| self.printed_by(run) == Stdin::Download) {
                    true => Stdin::Download,
                    false => Stdin::Text { text: text.text, hidden: false },
                }
            }
        }
    }

    /// What the commands of a range print, as far as that is known.
    pub(super) fn printed_by(&self, run: &Range<usize>) -> Stdin {
        if self.fetches_within(run) {
            return Stdin::Download;
        }
        let steps = run.end.saturating_sub(run.start);
        if steps == 0 || steps > 4 {
            return Stdin::Unknown;
        }
        self.printed_by_last(run).unwrap_or(Stdin::Unknown)
    }

    /// What the last command of a range prints, where the range is one straight pipe.
    fn printed_by_last(&self, run: &Range<usize>) -> Option<Stdin> {
        let last = run.end.checked_sub(1)?;
        let simple = self.script.commands.get(last)?;
        let args = self.args.get(last)?;
        let straight = match &simple.feed {
            Feed::Pipe(before) => *before == (run.start..last),
            Feed::Inherited | Feed::Text(_) => run.start == last,
        };
        if !straight || simple.redirects.iter().any(|r| r.kind != RedirectKind::Read) {
            return None;
        }
        let fed = || match self.stdin(&simple.feed) {
            Stdin::Text { text, .. } => Some(text),
            _ => None,
        };
        let name = args.first().map(|arg| program_name(&arg.text))?;
        let rest = args.get(1..).unwrap_or_default();
        let has = |flags: &[&str]| rest.iter().any(|arg| flags.contains(&arg.text.as_str()));
        let hidden = |bytes: Vec<u8>| Stdin::Text {
            text: String::from_utf8_lossy(&bytes).into_owned(),
            hidden: true,
        };
        match name {
            "echo" | "printf" => Some(Stdin::Text { text: echoed(name, rest)?, hidden: false }),
            "cat" if rest.is_empty() || has(&["-"]) => {
                Some(Stdin::Text { text: fed()?, hidden: false })
            }
            "base64" if has(&["-d", "--decode", "-D", "-di"]) => {
                decode::base64(&fed()?).map(hidden)
            }
            "openssl" if has(&["-d"]) => decode::base64(&fed()?).map(hidden),
            "xxd" if has(&["-r"]) => decode::hex(&fed()?).map(hidden),
            "rev" => Some(hidden(fed()?.trim_end().chars().rev().collect::<String>().into())),
            _ => None,
        }
    }

    /// Whether a command only takes over the settings that a well-known program prints for it, as
    /// `eval "$(ssh-agent -s)"` does.
    pub(super) fn takes_settings(&self, args: &[Arg]) -> bool {
        let [first, Arg { text, runs, .. }] = args else { return false };
        let [run] = runs.as_slice() else { return false };
        let printer = match self.args.get(run.clone()) {
            Some([printer]) => printer,
            _ => return false,
        };
        let words: Vec<&str> = printer.iter().take(3).map(|arg| arg.text.as_str()).collect();
        matches!(first.text.as_str(), "eval" | "source" | ".")
            && text.chars().all(|c| c == HOLE_RUN)
            && match words.as_slice() {
                ["ssh-agent" | "dircolors" | "gpg-agent" | "keychain", ..] => true,
                [
                    "brew" | "pyenv" | "rbenv" | "nodenv" | "direnv" | "opam" | "fnm" | "starship"
                    | "zoxide" | "mise" | "asdf" | "conda" | "minikube" | "docker-machine"
                    | "thefuck" | "luarocks",
                    verb,
                    ..,
                ] => {
                    matches!(
                        *verb,
                        "shellenv"
                            | "init"
                            | "hook"
                            | "env"
                            | "activate"
                            | "docker-env"
                            | "shell.bash"
                            | "path"
                    )
                }
                [_, "completion" | "completions", ..] => true,
                _ => false,
            }
    }

    /// Variables that a command sets in ways that are not followed.
    pub(super) fn forget(&mut self, args: &[Arg]) {
        let name = args.first().map_or("", |arg| arg.text.as_str());
        match name {
            "read" | "export" | "declare" | "typeset" | "local" | "readonly" | "printf"
            | "mapfile" | "readarray" | "unset" | "getopts" | "let" => {
                for arg in args {
                    let name = arg.text.split(['=', '+', '[']).next().unwrap_or_default();
                    self.variables.lose(name);
                }
            }
            "eval" | "source" | "." => self.variables.lost = true,
            _ => {}
        }
    }

    /// Whether a function is piped into itself, as a fork bomb does.
    pub(super) fn has_fork_bomb(&self) -> bool {
        let calls = |args: &[Arg]| args.first().map(|arg| arg.text.clone());
        !self.script.functions.is_empty()
            && self.script.commands.iter().zip(&self.args).any(|(simple, args)| {
                let Feed::Pipe(run) = &simple.feed else { return false };
                let before = self.args.get(run.start).and_then(|args| calls(args));
                before.is_some_and(|name| {
                    calls(args).as_ref() == Some(&name) && self.script.functions.contains(&name)
                })
            })
    }
}
/// Variables that are assigned more than once are unknown from the start.
fn reassigned(script: &Script) -> Variables {
    let mut variables = Variables::default();
    let mut seen = std::collections::HashSet::new();
    for (name, _) in script.commands.iter().flat_map(|simple| &simple.assigns) {
        if !seen.insert(name.as_str()) {
            variables.lose(name);
        }
    }
    variables
}
/// What `echo` or `printf` prints, where all of it is known.
fn echoed(name: &str, args: &[Arg]) -> Option<String> {
    let plain = args
        .iter()
        .filter(|arg| name != "echo" || !matches!(arg.text.as_str(), "-n" | "-e" | "-ne" | "-en"));
    let texts: Vec<&str> = plain.map(|arg| arg.text.as_str()).collect();
    if args.iter().any(|arg| arg.glob && arg.text.contains('/')) {
        return None;
    }
    let escaped =
        name == "printf" || args.iter().any(|a| a.text.starts_with("-e") || a.text == "-ne");
    let text = match (name, texts.split_first()) {
        ("printf", Some((format, values))) if format.contains('%') => {
            let mut out = String::new();
            let mut values = values.iter();
            for (i, piece) in format.replace("%%", "\u{2}").split('%').enumerate() {
                match piece.strip_prefix(['s', 'b']) {
                    Some(rest) if i > 0 => {
                        out.push_str(values.next().unwrap_or(&""));
                        out.push_str(rest);
                    }
                    _ if i > 0 => return None,
                    _ => out.push_str(piece),
                }
            }
            out.replace('\u{2}', "%")
        }
        ("printf", Some((format, _))) => (*format).to_owned(),
        _ => texts.join(" "),
    };
    Some(if escaped { decode::escapes(&text) } else { text })
}
/// Whether a command brings in what another machine sends.
pub(super) fn fetches(args: &[Arg]) -> bool {
    args.iter().take(4).any(|arg| is_fetcher(&arg.text))
}

fn is_fetcher(text: &str) -> bool {
    FETCHERS.contains(&program_name(text))
}
