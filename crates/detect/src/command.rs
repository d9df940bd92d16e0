//! What a command line would run, and what that would do.
//!
//! [`read`] takes a text as its shell would: it splits it into the simple commands that could run
//! (also those in substitutions, branches, functions, `sh -c` strings, here-documents and pipes
//! into a shell), follows wrappers such as `sudo`, `xargs` and `ssh` to what they start, and asks
//! the rules for each tool what its verb does. SQL, PowerShell and the code strings of
//! interpreters have readers of their own.
//!
//! Two answers come out. [`Reading::effect`] is for the gate in front of destructive commands: it
//! leans to what an operator would want, so an unknown argument of `ls` is no reason to ask, while
//! an unknown verb of `kubectl` is. [`Reading::programs`] is for an allowlist: it leans to what an
//! attacker would try, so anything that is not certain is [`Programs::CannotTell`].
//!
//! Nothing is executed or looked up. The text, the depth of nesting and the amount of text that is
//! read again are bounded, so the time is linear in the text.

mod code;
mod decode;
mod environment;
mod expansion;
mod lexer;
mod path;
mod powershell;
mod run;
mod shell;
mod sql;
mod verbs;
mod word;
mod wrappers;

#[cfg(test)]
mod tests;

/// The longest text that is read; a longer one is [`Effect::Unknown`].
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// How often a command line may hold another one in a string.
const DEPTH_MAX: u8 = 12;
/// How many bytes may be read in all, strings within strings counted again.
const FUEL_BYTES: usize = 4 * TEXT_BYTES_MAX;
/// How many reasons are kept.
const WHYS_MAX: usize = 16;
/// How many different programs are told apart.
const PROGRAMS_MAX: usize = 64;
/// How many words of invocations are kept, all of them together.
const INVOCATION_WORDS_MAX: usize = 4096;
/// The longest quotation in a reason, in characters.
const WORDS_CHARS_MAX: usize = 120;

/// The language that a text is written in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lang {
    /// A POSIX shell, or bash.
    #[default]
    Shell,
    /// SQL, or a client's command line that carries it.
    Sql,
    /// PowerShell, or the Windows command prompt.
    PowerShell,
    /// Command lines of clouds and infrastructure as code.
    Iac,
    /// Command lines of Kubernetes and containers.
    K8s,
    /// Command lines of git.
    Git,
}

impl Lang {
    /// The language of that name; a name that is not known means a shell.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "sql" => Self::Sql,
            "powershell" => Self::PowerShell,
            "iac" => Self::Iac,
            "k8s" => Self::K8s,
            "git" => Self::Git,
            _ => Self::Shell,
        }
    }
}

/// What running a text does. The order is the meaning: of many, the strictest is the greatest.
#[must_use]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Effect {
    /// It looks, or only says what it would do.
    Read,
    /// It changes something in the ordinary course of work, or is not known to do harm.
    Write,
    /// It cannot be told, and that matters: a person should look.
    Unknown,
    /// It destroys, locks out, hands over control or cannot be taken back.
    Destructive,
}

/// One reason for an [`Effect`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Why {
    /// What this reason alone amounts to.
    pub effect: Effect,
    /// The words of the text that decided it, shortened; `…` stands for what is not known.
    pub words: String,
    /// The rule, as a sentence for people.
    pub rule: &'static str,
}

/// The programs that a text could start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Programs {
    /// All of them, each once. A program in a folder of the system goes by its last path
    /// component; one elsewhere by its whole path, so that `/tmp/df` is not mistaken for `df`.
    Known(Vec<String>),
    /// There may be others; the reason is for people.
    CannotTell(&'static str),
}

/// One command that would run, one statement, or what a piece of code calls.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invocation {
    /// Its words as the program gets them, the program's own name first. Of code, the calls and
    /// the strings.
    pub words: Vec<String>,
    /// What it amounts to by itself.
    pub effect: Effect,
    /// Whether it only says what it would do, or how it is used.
    pub rehearsal: bool,
}

/// What [`read`] found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The strictest of the reasons' effects.
    pub effect: Effect,
    /// Why it is [`Effect::Unknown`] or [`Effect::Destructive`], in the order of the text.
    pub reasons: Vec<Why>,
    /// What would be started.
    pub programs: Programs,
    /// What would be run, word by word; none where that is more than is kept.
    pub invocations: Option<Vec<Invocation>>,
}

impl Reading {
    /// Whether all of it was understood, and none of it destroys.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.effect <= Effect::Write
    }
}

/// Reads one text in its language.
#[must_use]
pub fn read(text: &str, lang: Lang) -> Reading {
    let mut reader = Reader::default();
    if text.len() > TEXT_BYTES_MAX {
        reader.give_up(text, "it is longer than is read");
        return reader.finish();
    }
    match lang {
        Lang::Sql if sql::looks_like_sql(text) => {
            reader.lose_programs("it is not a command line");
            reader.sql(text, 0);
        }
        Lang::PowerShell => reader.powershell(text, 0),
        Lang::Shell | Lang::Sql | Lang::Iac | Lang::K8s | Lang::Git => reader.shell(text, 0),
    }
    reader.finish()
}

/// Whether there are rules for a word as a program, as a verb of one, or as the first word of a
/// statement; in lower case.
#[must_use]
pub fn knows(word: &str) -> bool {
    let is_plain = word.bytes().all(|byte| byte.is_ascii_lowercase());
    verbs::knows(word) || wrappers::only_wraps(word) || is_plain && sql::looks_like_sql(word)
}

/// Gathers what the parts of a text amount to.
#[derive(Debug)]
struct Reader {
    effect: Effect,
    reasons: Vec<Why>,
    programs: Vec<String>,
    cannot_tell: Option<&'static str>,
    /// How many more bytes may be read.
    fuel: usize,
    /// Files that the text fetched from elsewhere, by their last path component.
    fetched: Vec<String>,
    invocations: Option<Vec<Invocation>>,
    /// How many more of their words may be kept.
    words_left: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            effect: Effect::Read,
            reasons: Vec::new(),
            programs: Vec::new(),
            cannot_tell: None,
            fuel: FUEL_BYTES,
            fetched: Vec::new(),
            invocations: Some(Vec::new()),
            words_left: INVOCATION_WORDS_MAX,
        }
    }
}

impl Reader {
    fn finish(self) -> Reading {
        let programs = match self.cannot_tell {
            Some(why) => Programs::CannotTell(why),
            None if self.programs.is_empty() => Programs::CannotTell("it names no program"),
            None => Programs::Known(self.programs),
        };
        Reading {
            effect: self.effect,
            reasons: self.reasons,
            programs,
            invocations: self.invocations,
        }
    }

    /// Keeps the words of what would be run.
    fn invoke<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
        effect: Effect,
        rehearsal: bool,
    ) {
        let Some(invocations) = &mut self.invocations else { return };
        let words: Vec<String> = words.take(self.words_left + 1).map(str::to_owned).collect();
        match self.words_left.checked_sub(words.len().max(1)) {
            Some(left) => {
                self.words_left = left;
                invocations.push(Invocation { words, effect, rehearsal });
            }
            None => self.invocations = None,
        }
    }

    /// Counts an effect in; what asks is kept with its reason.
    fn note(&mut self, effect: Effect, words: &str, rule: &'static str) {
        self.effect = self.effect.max(effect);
        if effect >= Effect::Unknown && self.reasons.len() < WHYS_MAX {
            let why = Why { effect, words: shortened(words), rule };
            if !self.reasons.contains(&why) {
                self.reasons.push(why);
            }
        }
    }

    /// The text, or part of it, cannot be read.
    fn give_up(&mut self, words: &str, rule: &'static str) {
        self.note(Effect::Unknown, words, rule);
        self.lose_programs(rule);
    }

    /// Programs beyond the known ones may run.
    fn lose_programs(&mut self, why: &'static str) {
        self.cannot_tell.get_or_insert(why);
    }

    fn program(&mut self, name: &str) {
        if self.programs.iter().any(|known| known == name) {
            return;
        }
        if self.programs.len() >= PROGRAMS_MAX {
            return self.lose_programs("it starts more programs than are told apart");
        }
        self.programs.push(name.to_owned());
    }

    /// Whether `bytes` more may be read at this depth.
    fn may_read(&mut self, words: &str, depth: u8) -> bool {
        match self.fuel.checked_sub(words.len() + 1) {
            Some(left) if depth <= DEPTH_MAX => {
                self.fuel = left;
                true
            }
            _ => {
                self.give_up(words, "it holds command lines within command lines beyond reading");
                false
            }
        }
    }
}

/// The words as a reason quotes them.
fn shortened(words: &str) -> String {
    let mut out: String = words
        .trim()
        .chars()
        .take(WORDS_CHARS_MAX)
        .map(|c| match c {
            word::HOLE_RUN | word::HOLE_VAR => '…',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    if words.trim().chars().nth(WORDS_CHARS_MAX).is_some() {
        out.push('…');
    }
    out
}
