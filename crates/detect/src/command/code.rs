//! Code strings of interpreters: what they destroy, and what they hand to a shell.
//!
//! One light tokenizer serves all languages: it tells names, strings and comments apart, so that
//! `print('rm -rf /')` is a mention and `os.system('rm -rf /')` is a call.

use super::path::{Place, place};
use super::{Effect, Reader, sql};

/// A family of languages that read alike here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Language {
    Python,
    Perl,
    Ruby,
    Node,
    Php,
    Awk,
    /// Languages of which only the common names of calls are known.
    Other,
}

/// The language that a program of that name interprets.
pub(super) fn language(name: &str) -> Option<Language> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        "python" | "pypy" | "ipython" | "micropython" | "jython" => Language::Python,
        "perl" => Language::Perl,
        "ruby" | "irb" | "jruby" => Language::Ruby,
        "node" | "nodejs" | "deno" | "bun" | "tsx" | "ts-node" => Language::Node,
        "php" => Language::Php,
        "awk" | "gawk" | "mawk" | "nawk" => Language::Awk,
        "lua" | "luajit" | "rscript" | "osascript" | "julia" | "elixir" | "groovy" | "tclsh"
        | "expect" | "guile" | "swift" | "vim" | "vi" | "nvim" | "ex" | "emacs" | "gdb"
        | "scala" => Language::Other,
        _ => return None,
    })
}

impl Language {
    /// Whether the next word after this option is code.
    pub(super) fn takes_code(self, option: &str) -> bool {
        match self {
            Self::Python => option == "-c",
            Self::Perl => {
                matches!(option, "-e" | "-E")
                    || is_cluster(option) && option.ends_with(['e', 'E']) && !option.contains('M')
            }
            Self::Ruby => option == "-e" || is_cluster(option) && option.ends_with('e'),
            Self::Node => {
                matches!(option, "-e" | "-p" | "--eval" | "--print" | "-pe" | "eval" | "-r")
            }
            Self::Php => matches!(option, "-r" | "-B" | "-R" | "-E"),
            Self::Awk => matches!(option, "-e" | "--source"),
            Self::Other => matches!(
                option,
                "-e" | "-c" | "-x" | "--eval" | "-eval" | "--cmd" | "-ex" | "--execute" | "-E"
            ),
        }
    }

    /// Code that is attached to its option, as in `-eCODE` and vim's `+CODE`.
    pub(super) fn attached_code(self, option: &str) -> Option<&str> {
        let flag = match self {
            Self::Python => "-c",
            Self::Perl | Self::Ruby | Self::Node => "-e",
            Self::Php => "-r",
            Self::Awk => return None,
            Self::Other => "+",
        };
        let code = option.strip_prefix(flag)?;
        (code.contains(['(', ' ', '!', '`']) && !code.is_empty()).then_some(code)
    }

    /// Whether the first word that is no option is the program itself.
    pub(super) fn reads_code_first(self) -> bool {
        self == Self::Awk
    }

    fn comment(self) -> &'static str {
        match self {
            Self::Node | Self::Php => "//",
            Self::Python | Self::Perl | Self::Ruby | Self::Awk | Self::Other => "#",
        }
    }
}

fn is_cluster(option: &str) -> bool {
    option.starts_with('-') && !option.starts_with("--")
}

/// A token of a program.
#[derive(Clone, Debug, PartialEq)]
enum Token<'t> {
    Name(&'t str),
    /// A string without its quotes; `true` where a shell runs it (backticks, `qx`).
    Text(&'t str, bool),
    Mark(char),
}

/// Calls that hand their strings to a shell or start a program.
const RUNS: &[&str] = &[
    "system",
    "popen",
    "exec",
    "execSync",
    "spawn",
    "spawnSync",
    "execFile",
    "execFileSync",
    "execl",
    "execlp",
    "execle",
    "execv",
    "execvp",
    "execve",
    "execvpe",
    "spawnl",
    "spawnlp",
    "spawnv",
    "spawnvp",
    "posix_spawn",
    "run",
    "call",
    "check_call",
    "check_output",
    "Popen",
    "getoutput",
    "getstatusoutput",
    "shell_exec",
    "passthru",
    "proc_open",
    "pcntl_exec",
    "execute",
    "popen2",
    "popen3",
    "capture2",
    "capture2e",
    "capture3",
    "create_subprocess_shell",
    "create_subprocess_exec",
    "script",
    "syscall",
];
/// Those of them that have no other meaning, so that an unknown argument matters.
const SURELY_RUNS: &[&str] = &[
    "system",
    "popen",
    "execSync",
    "spawnSync",
    "execFileSync",
    "check_call",
    "check_output",
    "Popen",
    "getoutput",
    "getstatusoutput",
    "shell_exec",
    "passthru",
    "proc_open",
    "execvp",
    "execv",
];
/// Calls that destroy, whatever they belong to.
const DESTROYS: &[&str] = &[
    "rmtree",
    "unlink",
    "unlinkSync",
    "rmdir",
    "rmdirSync",
    "removedirs",
    "rmSync",
    "rm_rf",
    "rm_r",
    "rm_f",
    "remove_entry_secure",
    "remove_dir",
    "remove_dir_all",
    "rimraf",
    "emptyDirSync",
    "removeSync",
    "send2trash",
    "dropDatabase",
    "drop_database",
    "drop_all",
    "drop_table",
    "deleteMany",
    "delete_many",
    "flushall",
    "flushdb",
    "delete_bucket",
    "terminate_instances",
    "delete_objects",
    "delete_table",
    "delete_db_instance",
    "rmtree_f",
    "truncateSync",
    "ftruncate",
    "deleteRecursively",
    "remove_tree",
    "delete_all",
    "destroy_all",
];
/// Calls that destroy where they belong to one of these.
const DESTROYS_OF: &[(&str, &[&str])] = &[
    ("remove", &["os", "fs", "Files", "File", "FileUtils", "file"]),
    ("delete", &["File", "Files", "Dir", "requests", "axios", "httpx", "file", "Pathname"]),
    ("rm", &["fs", "FileUtils", "promises", "fsp", "shell", "shelljs"]),
    ("truncate", &["os", "fs", "File"]),
    ("kill", &["os", "process", "Process", "posix"]),
    ("killpg", &["os"]),
    ("removeSync", &["Deno"]),
    ("removeItem", &["FileManager", "default"]),
];
/// Calls that run their text as more of the same language.
const EVALS: &[&str] =
    &["eval", "exec", "Function", "loadstring", "load", "instance_eval", "class_eval"];
/// Names by which code is hidden from readers.
const HIDES: &[&str] = &[
    "getattr",
    "__builtins__",
    "fromCharCode",
    "atob",
    "b64decode",
    "unhexlify",
    "fromhex",
    "globals",
    "base64_decode",
    "decode64",
    "unpack1",
    "marshal",
    "gzinflate",
    "str_rot13",
];
/// Calls that write to the file they name.
const WRITES: &[&str] = &[
    "open",
    "writeFileSync",
    "writeFile",
    "appendFileSync",
    "appendFile",
    "file_put_contents",
    "fopen",
    "createWriteStream",
    "write_text",
    "copyfile",
    "copyFileSync",
    "rename",
    "renameSync",
    "move",
];

impl Reader {
    /// Reads the program of an interpreter.
    pub(super) fn program_text(&mut self, language: Language, text: &str, depth: u8) {
        if !self.may_read(text, depth) {
            return;
        }
        self.effect = self.effect.max(Effect::Write);
        let tokens = tokens(language, text);
        self.invoke(spoken(language, &tokens), Effect::Write, false);
        let runs = tokens.iter().any(|t| {
            matches!(
                t,
                Token::Name("exec" | "eval" | "system" | "getattr" | "Function" | "Popen" | "run")
            )
        });
        let mut hidden = false;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Name(name) => {
                    hidden |= runs && HIDES.contains(name);
                    self.call(language, &tokens, at, name, text, depth);
                }
                Token::Text(code, true) => self.shell(code, depth + 1),
                Token::Text(code, false) => {
                    let piped = language == Language::Awk
                        && (tokens.get(at + 1) == Some(&Token::Mark('|'))
                            || at > 0 && tokens.get(at - 1) == Some(&Token::Mark('|')));
                    if piped {
                        // What goes into the pipe is not known.
                        self.shell(&format!("cat | {code}"), depth + 1);
                    }
                    let embeds =
                        ["#{", "${", "{__import__", "@{["].iter().any(|m| code.contains(m));
                    if embeds && language != Language::Awk {
                        self.program_text(language, code, depth + 1);
                    }
                }
                Token::Mark(_) => {}
            }
        }
        let command = text.trim_start_matches([':', '%']).trim_start();
        if language == Language::Other
            && let Some(code) = command.strip_prefix('!').or(command.strip_prefix("shell "))
        {
            self.shell(code, depth + 1);
        }
        if hidden {
            self.give_up(text, "the code hides what it runs");
        }
    }

    /// One name, if it is called.
    fn call(
        &mut self,
        language: Language,
        tokens: &[Token<'_>],
        at: usize,
        name: &str,
        text: &str,
        depth: u8,
    ) {
        let owner = match (
            at.checked_sub(2).and_then(|i| tokens.get(i)),
            at.checked_sub(1).and_then(|i| tokens.get(i)),
        ) {
            (Some(Token::Name(owner)), Some(Token::Mark('.' | ':' | '>'))) => Some(*owner),
            _ => None,
        };
        let called = is_called(language, tokens, at);
        let bare = name == "unlink" && language == Language::Perl;
        if !called && !bare {
            return;
        }
        let of = DESTROYS_OF.iter().any(|(call, owners)| {
            *call == name && owner.is_some_and(|owner| owners.contains(&owner))
        });
        if of || DESTROYS.contains(&name) {
            return self.note(Effect::Destructive, text, "the code removes or destroys something");
        }
        if owner.is_none() && name == "kill" && language == Language::Perl {
            return self.note(Effect::Destructive, text, "the code stops processes");
        }
        let strings = argument_strings(tokens, at + 1);
        if WRITES.contains(&name)
            && strings.first().is_some_and(|path| place(path) != Place::Ordinary)
            && (!matches!(name, "open" | "fopen")
                || strings.iter().skip(1).any(|m| m.contains(['w', 'a', '+', '>'])))
        {
            self.note(Effect::Destructive, text, "the code writes over a system file");
        }
        let evaluates = EVALS.contains(&name) && !(name == "exec" && language != Language::Python);
        if evaluates && owner.is_none_or(|owner| matches!(owner, "global" | "window" | "builtins"))
        {
            let known = arguments(tokens, at + 1).all(|token| match token {
                Token::Text(..) => true,
                Token::Mark(mark) => matches!(mark, '(' | '+' | '.' | ',' | '\n'),
                Token::Name(_) => false,
            });
            if !known && matches!(name, "eval" | "exec") {
                self.give_up(text, "the code runs a text that is not known");
            }
            self.program_text(language, &strings.concat(), depth + 1);
        } else if RUNS.contains(&name) {
            let code = joined_strings(tokens, at + 1);
            if sql::looks_like_sql(&code) {
                self.sql(&code, depth + 1);
            } else if !code.is_empty() {
                self.shell(&code, depth + 1);
            } else if SURELY_RUNS.contains(&name)
                || matches!(owner, Some("subprocess" | "child_process"))
            {
                self.give_up(text, "the code runs a command that is not known");
            }
        } else if matches!(name, "query" | "executescript" | "executemany" | "raw" | "do") {
            let code = strings.concat();
            if sql::looks_like_sql(&code) {
                self.sql(&code, depth + 1);
            }
        }
    }
}

/// Whether the name at a place is called.
fn is_called(language: Language, tokens: &[Token<'_>], at: usize) -> bool {
    let next = tokens.get(at + 1);
    matches!(next, Some(Token::Mark('(') | Token::Text(..)))
        || matches!(language, Language::Perl | Language::Ruby | Language::Other)
            && matches!(next, Some(Token::Name(_) | Token::Mark('$' | '@' | '<' | '*')))
}

/// What code says to others: the names that it calls, and its strings, which may be verbs that it
/// hands on.
fn spoken<'t>(language: Language, tokens: &[Token<'t>]) -> impl Iterator<Item = &'t str> {
    tokens.iter().enumerate().filter_map(move |(at, token)| match token {
        Token::Name(name) => is_called(language, tokens, at).then_some(*name),
        Token::Text(text, _) => Some(*text),
        Token::Mark(_) => None,
    })
}

/// The strings among the arguments that begin at `at`.
fn argument_strings<'t>(tokens: &[Token<'t>], at: usize) -> Vec<&'t str> {
    arguments(tokens, at)
        .filter_map(|token| match token {
            Token::Text(text, _) => Some(*text),
            _ => None,
        })
        .collect()
}

/// The strings of a call as one command line: joined where the code joins them, else by blanks.
fn joined_strings(tokens: &[Token<'_>], at: usize) -> String {
    let (mut out, mut glue) = (String::new(), false);
    for token in arguments(tokens, at) {
        match token {
            Token::Text(text, _) => {
                if !out.is_empty() && !glue {
                    out.push(' ');
                }
                out.push_str(text);
                glue = false;
            }
            Token::Mark('+' | '.') => glue = true,
            Token::Mark(',') => glue = false,
            _ => {}
        }
    }
    out
}

/// The tokens up to the parenthesis that closes a call, or up to the end of its statement.
fn arguments<'a, 't>(tokens: &'a [Token<'t>], at: usize) -> impl Iterator<Item = &'a Token<'t>> {
    let mut open = 0_i32;
    tokens.iter().skip(at).take(64).take_while(move |token| {
        match token {
            Token::Mark('(' | '[') => open += 1,
            Token::Mark(')' | ']') => open -= 1,
            Token::Mark(';' | '\n') if open <= 0 => return false,
            _ => {}
        }
        open > 0 || !matches!(token, Token::Mark(')' | ']'))
    })
}

/// The most tokens of one program that are looked at.
const TOKENS_MAX: usize = 20_000;

fn tokens(language: Language, text: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.len() >= TOKENS_MAX {
            break;
        }
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        if rest.starts_with(language.comment()) && !after.starts_with('{') {
            rest = rest
                .get(memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())..)
                .unwrap_or_default();
        } else if rest.starts_with("/*") && language.comment() == "//" {
            rest = rest.split_once("*/").map_or("", |(_, rest)| rest);
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, tail) = rest.split_at(end);
            rest = word(language, name, tail, &mut out);
        } else if matches!(c, '\'' | '"' | '`') {
            let runs = c == '`' && language != Language::Node && language != Language::Python;
            let quote = ["'''", "\"\"\""]
                .into_iter()
                .find(|q| language == Language::Python && rest.starts_with(q));
            let quote = quote.unwrap_or(rest.get(..1).unwrap_or_default());
            let (inside, tail) = string(rest.get(quote.len()..).unwrap_or_default(), quote);
            out.push(Token::Text(inside, runs));
            rest = tail;
        } else {
            if !c.is_whitespace() || c == '\n' {
                out.push(Token::Mark(c));
            }
            rest = after;
        }
    }
    out
}

/// A name, or the quoting operator or string prefix that it may be.
fn word<'t>(language: Language, name: &'t str, tail: &'t str, out: &mut Vec<Token<'t>>) -> &'t str {
    let next = tail.chars().next().unwrap_or(' ');
    let prefix = language == Language::Python && name.len() <= 2 && matches!(next, '\'' | '"');
    if prefix {
        return tail;
    }
    let operator = matches!(language, Language::Perl | Language::Ruby)
        && matches!(name, "q" | "qq" | "qx" | "x")
        && matches!(next, '{' | '(' | '/' | '|' | '[' | '!');
    let percent = name != "x" || out.last() == Some(&Token::Mark('%'));
    if operator && percent {
        let close = match next {
            '{' => "}",
            '(' => ")",
            '[' => "]",
            '/' => "/",
            '|' => "|",
            _ => "!",
        };
        let (inside, rest) = string(tail.get(1..).unwrap_or_default(), close);
        out.push(Token::Text(inside, matches!(name, "qx" | "x")));
        return rest;
    }
    out.push(Token::Name(name));
    tail
}

/// The inside of a string up to its quote, and what follows.
fn string<'t>(text: &'t str, quote: &str) -> (&'t str, &'t str) {
    let mut escaped = false;
    for (at, b) in text.bytes().enumerate() {
        if !escaped
            && text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(quote.as_bytes()))
        {
            let inside = text.get(..at).unwrap_or_default();
            return (inside, text.get(at + quote.len()..).unwrap_or_default());
        }
        escaped = b == b'\\' && !escaped;
    }
    (text, "")
}
