//! The arguments of a command, as the rules ask for them.

use crate::command::word::Arg;

/// A command's arguments, without the program itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct Args<'a> {
    all: &'a [Arg],
}

/// A word that is no option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Operand<'a> {
    pub(super) text: &'a str,
    /// It follows an option that is not known, so it may be that option's value.
    pub(super) maybe: bool,
    /// Its place among the arguments.
    pub(super) at: usize,
}

impl<'a> Args<'a> {
    pub(in crate::command) fn new(all: &'a [Arg]) -> Self {
        Self { all }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn text(&self, at: usize) -> &'a str {
        self.all.get(at).map_or("", |arg| arg.text.as_str())
    }

    pub(in crate::command) fn all(&self) -> impl DoubleEndedIterator<Item = &'a Arg> + use<'a> {
        self.all.iter()
    }

    /// The arguments from one on.
    pub(super) fn from(&self, at: usize) -> Self {
        Self { all: self.all.get(at..).unwrap_or_default() }
    }

    /// The texts of the options, up to `--`.
    pub(super) fn options(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let texts = self.all.iter().map(|arg| arg.text.as_str());
        texts
            .take_while(|text| *text != "--")
            .filter(|text| text.starts_with('-') && text.len() > 1)
    }

    /// Whether one of these options stands there, bare or as `--name=value`.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        // Long options may be cut short as long as they stay unique.
        self.options().any(|option| {
            let option = option.split('=').next().unwrap_or(option);
            let short = option.starts_with("--") && option.len() >= 5;
            names.iter().any(|name| *name == option || short && name.starts_with(option))
        })
    }

    /// Whether a single-letter option stands there, alone or among others (`-rf`).
    pub(super) fn letter(&self, letter: char) -> bool {
        self.options().any(|o| !o.starts_with("--") && o.chars().skip(1).any(|c| c == letter))
    }

    /// The same for a letter that makes a command harmless: a letter of `values` takes the rest of
    /// its word as a value, in which the letter would mean nothing.
    pub(super) fn says_only(&self, letter: char, values: &str) -> bool {
        self.options().filter(|o| !o.starts_with("--")).any(|option| {
            let letters = option.chars().skip(1).take_while(|c| !values.contains(*c));
            letters.into_iter().any(|c| c == letter)
        })
    }

    /// Whether any argument is exactly this word.
    pub(super) fn word(&self, word: &str) -> bool {
        self.all.iter().any(|arg| arg.text == word)
    }

    /// The value of an option, attached or in the next word.
    pub(super) fn value(&self, names: &[&str]) -> Option<&'a str> {
        self.all.iter().enumerate().find_map(|(at, arg)| {
            if names.contains(&arg.text.as_str()) {
                return self.all.get(at + 1).map(|next| next.text.as_str());
            }
            let (name, value) = arg.text.split_once('=')?;
            names.contains(&name).then_some(value)
        })
    }

    /// The words that are no options; `values` are the options that take the next word.
    pub(super) fn operands(&self, values: &[&str]) -> Vec<Operand<'a>> {
        let (mut out, mut at, mut maybe) = (Vec::new(), 0, false);
        while let Some(arg) = self.all.get(at) {
            let text = arg.text.as_str();
            if text == "--" {
                let rest = self.all.iter().enumerate().skip(at + 1);
                out.extend(rest.map(|(at, arg)| Operand { text: &arg.text, maybe: false, at }));
                break;
            }
            if text.starts_with('-') && text.len() > 1 {
                at += usize::from(values.contains(&text));
                maybe = !values.contains(&text) && !text.contains('=') && !is_plain_flag(text);
            } else {
                out.push(Operand { text, maybe, at });
                maybe = false;
            }
            at += 1;
        }
        out
    }

    /// Whether an option makes the command only say what it would do.
    pub(in crate::command) fn is_dry_run(&self) -> bool {
        let mut dry = false;
        for option in self.options() {
            match option {
                "--dry-run" | "--dryrun" | "--dry_run" | "--dry-run=client"
                | "--dry-run=server" | "--dry-run=true" | "--what-if" | "--whatif" | "--noop"
                | "--just-print" | "--simulate" | "--plan-only" | "--no-act" | "--recon"
                | "--dry" => dry = true,
                "--no-dry-run" | "--dry-run=none" | "--dry-run=false" | "--nodry-run" => {
                    return false;
                }
                _ => {}
            }
        }
        dry
    }

    /// Whether the command only prints its help or its version.
    pub(in crate::command) fn is_help(&self) -> bool {
        self.has(&["--help"])
            || matches!(self.text(0), "help" | "--version" | "-help" | "version")
            || self.len() == 1 && matches!(self.text(0), "-h" | "-V" | "-v" | "/?" | "-?")
    }

    /// Whether every argument asks for help or the version, for tools where one among others
    /// would not stop them.
    pub(super) fn is_only_help(&self) -> bool {
        !self.is_empty()
            && self
                .all
                .iter()
                .all(|arg| matches!(arg.text.as_str(), "--help" | "--version" | "-V" | "--usage"))
    }
}

/// Options that no tool takes a value for.
fn is_plain_flag(text: &str) -> bool {
    matches!(
        text,
        "-y" | "-q"
            | "-v"
            | "-f"
            | "-r"
            | "-a"
            | "-A"
            | "-m"
            | "-x"
            | "-it"
            | "-i"
            | "-t"
            | "-d"
            | "--yes"
            | "--quiet"
            | "--verbose"
            | "--force"
            | "--debug"
            | "--all"
            | "--no-input"
            | "--json"
            | "--recursive"
            | "--no-color"
            | "--non-interactive"
            | "--insecure"
            | "--auto-approve"
            | "-auto-approve"
            | "--now"
            | "--global"
            | "--system"
            | "--no-pager"
            | "--user"
    )
}
