//! Walks the commands of a script: assignments, redirections, pipes, and then each command.

mod walk;

use self::walk::{Walk, fetches};
use super::code::Language;
use super::environment::{Setting, setting};
use super::path::{Place, place};
use super::shell::{Feed, RedirectKind, Simple};
use super::verbs::{self, Args};
use super::word::Arg;
use super::wrappers::{self, Inner};
use super::{Effect, Reader, shell};

/// What a command finds on its standard input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Stdin {
    /// What the shell has, or a file.
    Outside,
    /// This text; `hidden` where it was encoded.
    Text { text: String, hidden: bool },
    /// What was fetched from another machine.
    Download,
    /// What other commands print.
    Unknown,
}
/// How many fetched files are remembered.
const FETCHED_MAX: usize = 64;
impl Reader {
    /// Reads a text as a shell script.
    pub(super) fn shell(&mut self, text: &str, depth: u8) {
        self.shell_fed(text, depth, &Stdin::Outside);
    }

    /// The same for a shell whose commands may read from `stdin`.
    fn shell_fed(&mut self, text: &str, depth: u8, stdin: &Stdin) {
        if !self.may_read(text, depth) {
            return;
        }
        let script = shell::parse(text);
        if let Some(why) = script.unsure {
            self.give_up(text, why);
        }
        let mut walk = Walk::new(&script, stdin);
        for simple in &script.commands {
            self.simple(&mut walk, simple, depth);
        }
        if walk.has_fork_bomb() {
            self.note(Effect::Destructive, text, "a function that starts copies of itself");
        }
    }

    fn simple(&mut self, walk: &mut Walk<'_>, simple: &Simple, depth: u8) {
        for (name, word) in &simple.assigns {
            let value = walk.one(word);
            let known = (!value.has_hole()).then_some(value.text.as_str());
            walk.variables.assign(name, known);
            if shell::hides_subscript(&value.text) {
                self.give_up(&value.text, shell::SUBSCRIPT);
            }
            self.assignment(name, &value.text, !simple.words.is_empty(), depth);
        }
        let mut args = Vec::with_capacity(simple.words.len());
        for word in &simple.words {
            walk.expand(word, &mut args);
        }
        // Only few programs run what they read; for the others the text is not even built.
        let reads = args.iter().any(|arg| wrappers::reads_program(program_name(&arg.text)));
        let mut stdin = if reads { walk.stdin(&simple.feed) } else { Stdin::Outside };
        if let Stdin::Text { text, .. } = &stdin {
            self.fuel = self.fuel.saturating_sub(text.len());
        }
        for redirect in &simple.redirects {
            let target = walk.one(&redirect.target);
            if redirect.kind == RedirectKind::Read {
                if let Some(run) = target.runs.first() {
                    stdin = walk.printed_by(run);
                }
            } else {
                self.redirect(redirect.kind, &target, &args, walk, &simple.feed);
            }
        }
        if evaluates_names(&args) && args.iter().any(|arg| shell::hides_subscript(&arg.text)) {
            self.give_up(&joined(&args), shell::SUBSCRIPT);
        }
        if walk.takes_settings(&args) {
            self.lose_programs("it runs what another program prints");
        } else if args.first().is_some_and(|first| first.text != "{") {
            self.mark_downloads(&args, walk);
            self.command(&args, &stdin, depth);
        }
        walk.forget(&args);
        walk.keep(args);
    }

    /// `NAME=value`, alone or before a command.
    pub(super) fn assignment(&mut self, name: &str, value: &str, exported: bool, depth: u8) {
        let words = format!("{name}={value}");
        match setting(name, value) {
            Setting::Preload => {
                self.lose_programs("it sets a variable that makes programs load code");
                self.note(Effect::Destructive, &words, "makes whatever runs next load other code");
            }
            Setting::Unrecorded => {
                self.note(Effect::Destructive, &words, "stops the record of what is run");
            }
            Setting::Command => {
                self.lose_programs("it sets a variable that names a program");
                self.shell(value, depth + 1);
            }
            Setting::Search => self.lose_programs("it sets where programs are looked for"),
            Setting::Other if exported => self.lose_programs("it sets a variable for a program"),
            Setting::Other | Setting::Harmless => {}
        }
    }

    fn redirect(
        &mut self,
        kind: RedirectKind,
        target: &Arg,
        args: &[Arg],
        walk: &Walk<'_>,
        feed: &Feed,
    ) {
        let sign = if kind == RedirectKind::Append { ">>" } else { ">" };
        let words = format!("{sign} {}", target.text);
        self.effect = self.effect.max(Effect::Write);
        match place(&target.text) {
            Place::Device => self.note(Effect::Destructive, &words, "writes over a device"),
            Place::Network => {
                self.note(Effect::Destructive, &words, "connects a command to another machine");
            }
            Place::System => self.note(Effect::Destructive, &words, "writes over a system file"),
            Place::Startup => {
                self.note(Effect::Destructive, &words, "changes what later shells run or trust");
            }
            Place::Ordinary => {}
        }
        let first = args.first().map_or("", |arg| arg.text.as_str());
        let nothing = matches!(first, "" | ":" | "true")
            || first == "cat" && args.get(1).is_some_and(|arg| arg.text == "/dev/null");
        if nothing && kind == RedirectKind::Write && !target.text.starts_with("/dev/") {
            self.note(Effect::Destructive, &words, "empties a file");
        }
        let piped = matches!(feed, Feed::Pipe(run) if walk.fetches_within(run));
        if (piped || fetches(args)) && self.fetched.len() < FETCHED_MAX {
            self.fetched.push(program_name(&target.text).to_owned());
        }
    }

    /// Remembers which files a command fetches, and asks where a later one runs them.
    fn mark_downloads(&mut self, args: &[Arg], walk: &Walk<'_>) {
        let name = args.first().map_or("", |arg| program_name(&arg.text));
        if !self.fetched.is_empty() {
            let runs = args.iter().take(if is_runner(name) { 6 } else { 1 });
            for arg in runs {
                let file = program_name(&arg.text);
                if self.fetched.iter().any(|fetched| fetched == file) && !matches!(file, "" | "-") {
                    self.note(Effect::Destructive, &joined(args), "runs what was just downloaded");
                }
            }
        }
        if matches!(name, "curl" | "wget" | "aria2c" | "fetch") && self.fetched.len() < FETCHED_MAX
        {
            self.fetched.extend(verbs::fetched_files(args));
        }
        for run in args.iter().flat_map(|arg| &arg.runs) {
            if is_code_taker(name) && walk.printed_by(run) == Stdin::Download {
                self.note(Effect::Destructive, &joined(args), "runs what another machine sends");
            }
        }
    }

    /// One command whose words are known as far as they can be.
    pub(super) fn command(&mut self, args: &[Arg], stdin: &Stdin, depth: u8) {
        let Some(first) = args.first() else { return };
        if depth > super::DEPTH_MAX || self.fuel == 0 {
            return self.give_up(&joined(args), "it holds command lines beyond reading");
        }
        self.fuel = self.fuel.saturating_sub(args.len());
        let name = program_name(&first.text);
        let pattern =
            first.glob && first.text.contains(['*', '?', '[']) && !matches!(name, "[" | "[[");
        if super::word::has_hole(name) || pattern && args.len() > 1 {
            self.give_up(&joined(args), "the program is not known before it runs");
            let rest = args.get(1..).unwrap_or_default();
            if !rest.is_empty() && first.text.chars().all(|c| super::word::has_hole(&c.to_string()))
            {
                self.command(rest, stdin, depth + 1);
            }
            return;
        }
        if pattern {
            self.lose_programs("the program is named by a pattern");
        }
        if first.variable || first.has_hole() {
            self.lose_programs("a variable names the program");
        }
        if !name.is_ascii() {
            self.give_up(&first.text, "the program's name holds letters of another script");
        }
        if !wrappers::is_transparent(name) {
            let listed = if is_trusted_path(&first.text) { name } else { first.text.as_str() };
            if name.is_empty() {
                self.lose_programs("it names a folder as a program");
            } else {
                self.program(listed);
            }
        }
        let lower = name.to_ascii_lowercase();
        let lower = lower.strip_suffix(".exe").unwrap_or(&lower).trim_start_matches('=');
        for inner in wrappers::inner(lower, args) {
            self.inner(inner, args, stdin, depth);
        }
        if first.text.starts_with("/etc/init.d/") || first.text.starts_with("/etc/rc.d/") {
            let ruling = verbs::judge("service", &Args::new(args));
            self.invoke_args(lower, args, ruling.effect, false);
            return self.note(ruling.effect, &joined(args), ruling.rule);
        }
        if wrappers::only_wraps(lower) {
            return self.invoke_args(lower, args, Effect::Read, false);
        }
        let own = Args::new(args.get(1..).unwrap_or_default());
        let ruling = verbs::judge(lower, &own);
        let rehearsal = ruling.effect == Effect::Read && (own.is_dry_run() || own.is_help());
        self.invoke_args(lower, args, ruling.effect, rehearsal);
        if ruling.starts_others {
            self.lose_programs("an option makes a program start others");
        }
        self.note(ruling.effect, &joined(args), ruling.rule);
    }

    pub(super) fn invoke_args(
        &mut self,
        name: &str,
        args: &[Arg],
        effect: Effect,
        rehearsal: bool,
    ) {
        let rest = args.iter().skip(1).map(|arg| arg.text.as_str());
        self.invoke(std::iter::once(name).chain(rest), effect, rehearsal);
    }

    fn inner(&mut self, inner: Inner, args: &[Arg], stdin: &Stdin, depth: u8) {
        match inner {
            Inner::Command(inner) => self.command(&inner, stdin, depth + 1),
            Inner::Perhaps(inner) => {
                self.lose_programs("an option of a program that starts others is not known");
                self.command(&inner, stdin, depth + 1);
            }
            Inner::Shell(code) => {
                self.code_string(&code, args, depth, |reader, text, depth| {
                    reader.shell_fed(text, depth, stdin);
                });
            }
            Inner::Sql(code) => self.sql(&code.text, depth + 1),
            Inner::PowerShell(code) => self.code_string(&code, args, depth, Self::powershell),
            Inner::Program(language, code) => {
                if language != Language::Awk
                    || code.text.contains(['|', '@'])
                    || code.text.contains("system")
                    || code.text.contains("getline")
                {
                    self.lose_programs("an interpreter runs code of its own");
                }
                self.program_text(language, &code.text, depth + 1);
            }
            Inner::Setting(name, value) => self.assignment(&name, &value, true, depth),
            Inner::StdinShell => self.fed(stdin, args, depth, None),
            Inner::StdinProgram(language) => self.fed(stdin, args, depth, Some(language)),
            Inner::StdinSql => {
                if let Stdin::Text { text, .. } = stdin {
                    self.sql(text, depth + 1);
                }
            }
            Inner::Script => {
                if args.iter().any(|arg| arg.text == super::word::HOLE_RUN.to_string()) {
                    self.give_up(&joined(args), "it runs what other commands print");
                }
                self.lose_programs("it runs a script whose content is not known");
                self.effect = self.effect.max(Effect::Write);
            }
            Inner::Unreadable(rule) => self.give_up(&joined(args), rule),
        }
    }

    fn code_string(
        &mut self,
        code: &Arg,
        args: &[Arg],
        depth: u8,
        read: impl FnOnce(&mut Self, &str, u8),
    ) {
        if code.has_hole() {
            self.lose_programs("a string that it runs is not wholly known");
        }
        if !code.text.is_empty() && super::word::has_hole(code.text.trim()) && code.text.len() < 3 {
            return self.give_up(&joined(args), "it runs a string that is not known");
        }
        read(self, &code.text, depth + 1);
    }

    /// A shell or an interpreter that reads its program from its standard input.
    fn fed(&mut self, stdin: &Stdin, args: &[Arg], depth: u8, language: Option<Language>) {
        match stdin {
            Stdin::Outside => {
                self.lose_programs("it runs what it reads");
                self.effect = self.effect.max(Effect::Write);
            }
            Stdin::Download => {
                self.lose_programs("it runs what another machine sends");
                self.note(Effect::Destructive, &joined(args), "runs what another machine sends");
            }
            Stdin::Unknown => self.give_up(&joined(args), "it runs what other commands print"),
            Stdin::Text { text, hidden } => {
                if *hidden {
                    self.give_up(&joined(args), "it runs what was hidden by an encoding");
                }
                match language {
                    None => self.shell(text, depth + 1),
                    Some(language) => {
                        self.lose_programs("an interpreter runs code of its own");
                        self.program_text(language, text, depth + 1);
                    }
                }
            }
        }
    }
}
/// Builtins that evaluate their words as names of variables or as arithmetic.
fn evaluates_names(args: &[Arg]) -> bool {
    let name = args.first().map_or("", |arg| arg.text.as_str());
    matches!(
        name,
        "[" | "test"
            | "printf"
            | "read"
            | "let"
            | "declare"
            | "typeset"
            | "local"
            | "export"
            | "readonly"
            | "unset"
            | "mapfile"
            | "readarray"
            | "wait"
            | "getopts"
            | "exit"
            | "return"
            | "shift"
    )
}

/// Programs that run the file which they are given.
fn is_runner(name: &str) -> bool {
    is_code_taker(name)
        || matches!(
            name,
            "sudo" | "env" | "nohup" | "doas" | "python" | "python3" | "perl" | "ruby"
        )
        || matches!(
            name,
            "node" | "php" | "dpkg" | "rpm" | "insmod" | "timeout" | "nice" | "command"
        )
}

/// Programs that run what is handed to them as code.
fn is_code_taker(name: &str) -> bool {
    matches!(
        name,
        "sh" | "bash" | "dash" | "zsh" | "ksh" | "ash" | "fish" | "eval" | "source" | "."
    ) || name.starts_with("python")
        || matches!(name, "perl" | "ruby" | "node" | "php" | "sudo" | "doas" | "su" | "ssh")
}

/// Whether a program of that path is what its name says: found by name, or in a system folder.
fn is_trusted_path(text: &str) -> bool {
    match text.rsplit_once('/') {
        None => true,
        Some((folder, _)) => matches!(
            folder,
            "/bin"
                | "/usr/bin"
                | "/sbin"
                | "/usr/sbin"
                | "/usr/local/bin"
                | "/usr/local/sbin"
                | "/opt/homebrew/bin"
                | "/snap/bin"
        ),
    }
}

/// The last path component.
pub(super) fn program_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// The words as one line, for a reason.
pub(super) fn joined(args: &[Arg]) -> String {
    let mut out = String::new();
    for arg in args {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&arg.text);
        if out.len() > 4 * super::WORDS_CHARS_MAX {
            break;
        }
    }
    out
}
