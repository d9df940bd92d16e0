//! PowerShell and the Windows command prompt.
//!
//! Blocks, parentheses and pipes are all taken to separate commands: what stands in them may run.

use super::run::{Stdin, joined};
use super::verbs::{Args, Ruling};
use super::word::{Arg, HOLE_VAR};
use super::{Effect, Reader};

/// Names by which PowerShell and the command prompt remove things.
const REMOVERS: &[&str] =
    &["remove-item", "ri", "rm", "del", "erase", "rd", "rmdir", "remove-itemproperty", "rp"];
/// `Clear-*`, `Remove-*` and the like that touch only the session.
const SESSION_NOUNS: &[&str] = &[
    "host",
    "variable",
    "history",
    "module",
    "pssession",
    "job",
    "alias",
    "psdrive",
    "psbreakpoint",
    "event",
    "typedata",
];
/// Verbs that destroy, whatever they are about.
const VERBS: &[&str] = &[
    "remove",
    "clear",
    "uninstall",
    "stop",
    "disable",
    "reset",
    "suspend",
    "revoke",
    "unregister",
    "dismount",
    "disconnect",
];

impl Reader {
    /// Reads a text as PowerShell, or as lines of the command prompt.
    pub(super) fn powershell(&mut self, text: &str, depth: u8) {
        if !self.may_read(text, depth) {
            return;
        }
        self.lose_programs("PowerShell starts programs in more ways than are followed");
        let mut commands = Vec::new();
        let unclosed = split(text, &mut commands);
        if unclosed {
            self.give_up(text, "a quote is never closed");
        }
        for (at, command) in commands.iter().enumerate() {
            if let Some(code) = &command.nested {
                self.powershell(code, depth + 1);
            }
            let piped = command.piped && at > 0;
            let before = at.checked_sub(1).and_then(|at| commands.get(at));
            self.one(command, before.filter(|_| piped), depth);
        }
        self.methods(text);
    }

    /// Methods of .NET that remove things, wherever they are called.
    fn methods(&mut self, text: &str) {
        let lower = text.to_ascii_lowercase();
        let bare = without_strings(&lower);
        const CALLS: &[&str] = &[
            "]::delete(",
            ").delete(",
            "$_.delete(",
            ".kill()",
            "]::format(",
            ".downloadstring(",
            ".deletesubkey",
            "]::writeallbytes(",
        ];
        for call in CALLS {
            let kills = bare.contains(call)
                && !(*call == "]::format(" && bare.contains("[string]::format("));
            if !kills {
                continue;
            }
            match *call {
                ".downloadstring("
                    if !bare.contains("iex") && !bare.contains("invoke-expression") => {}
                ".downloadstring(" => {
                    self.note(Effect::Destructive, text, "runs what another machine sends");
                }
                _ => self.note(Effect::Destructive, text, "calls a method that removes something"),
            }
        }
    }

    fn one(&mut self, command: &Command, before: Option<&Command>, depth: u8) {
        let mut words = command.words.as_slice();
        while let Some(first) = words.first() {
            let first = first.text.to_ascii_lowercase();
            let skipped = matches!(
                first.as_str(),
                "=" | "+="
                    | "return"
                    | "if"
                    | "else"
                    | "try"
                    | "catch"
                    | "finally"
                    | "do"
                    | "@"
                    | "in"
                    | "foreach"
                    | "not"
                    | "call"
                    | "start"
                    | "then"
            ) || first.starts_with('$')
                && words.get(1).is_some_and(|next| matches!(next.text.as_str(), "=" | "+=" | "in"));
            if !skipped || words.len() == 1 {
                break;
            }
            words = words.get(1..).unwrap_or_default();
        }
        let Some(first) = words.first() else { return };
        if matches!(first.text.as_str(), "&" | ".") {
            self.called(words, depth);
            return;
        }
        if first.text.starts_with('$')
            || first.text.starts_with(['[', '-', '@', ',', '%'])
                && first.text.len() > 1
                && !first.text.starts_with('%')
        {
            return;
        }
        let name = program(&first.text);
        let args = words.get(1..).unwrap_or_default();
        self.program(&name);
        let Some((effect, rule)) = judge(&name, args, before) else {
            if name == "foreach-object" || name == "%" || name == "where-object" || name == "?" {
                let block: Vec<Arg> = args.to_vec();
                if block.first().is_some_and(|arg| {
                    arg.text.eq_ignore_ascii_case("delete") || arg.text.eq_ignore_ascii_case("kill")
                }) {
                    self.note(
                        Effect::Destructive,
                        &joined(words),
                        "calls a method that removes something",
                    );
                }
                return self.invoke_args(&name, words, Effect::Write, false);
            }
            let mut native = words.to_vec();
            if let Some(first) = native.first_mut() {
                first.text = name;
            }
            let stdin = if command.piped { Stdin::Unknown } else { Stdin::Outside };
            return self.command(&native, &stdin, depth + 1);
        };
        if matches!(name.as_str(), "start-process" | "saps") {
            let code = args.iter().filter(|arg| !arg.text.starts_with('-'));
            let code = code.map(|arg| arg.text.as_str()).collect::<Vec<_>>().join(" ");
            return self.powershell(&code, depth + 1);
        }
        self.invoke_args(&name, words, effect, false);
        if matches!(name.as_str(), "invoke-expression" | "iex") {
            return self.expression(words, before, depth);
        }
        self.note(effect, &joined(words), rule);
    }

    /// `& name …`, where the name may be put together as it runs.
    fn called(&mut self, words: &[Arg], depth: u8) {
        match words.get(1) {
            None => self.give_up(&joined(words), "the program is not known before it runs"),
            Some(name) if name.text.starts_with('$') => {
                self.give_up(&joined(words), "the program is not known before it runs");
            }
            Some(_) => {
                let words = words.get(1..).unwrap_or_default().to_vec();
                let command = Command { words, ..Command::default() };
                if depth < super::DEPTH_MAX {
                    self.one(&command, None, depth + 1);
                }
            }
        }
    }

    /// `Invoke-Expression`: a download is destructive, a literal is read, the rest is unknown.
    fn expression(&mut self, words: &[Arg], before: Option<&Command>, depth: u8) {
        let fetches = |words: &[Arg]| {
            words.iter().any(|word| {
                let word = word.text.to_ascii_lowercase();
                word.contains("downloadstring")
                    || word.contains("invoke-webrequest")
                    || word.contains("invoke-restmethod")
                    || matches!(word.as_str(), "iwr" | "irm" | "curl" | "wget" | "net.webclient")
            })
        };
        if fetches(words) || before.is_some_and(|before| fetches(&before.words)) {
            return self.note(
                Effect::Destructive,
                &joined(words),
                "runs what another machine sends",
            );
        }
        let code: Vec<&str> = words
            .iter()
            .skip(1)
            .map(|arg| arg.text.as_str())
            .filter(|t| !t.eq_ignore_ascii_case("-command"))
            .collect();
        let code = code.join(" ");
        match code.is_empty() || code.starts_with('$') || code.contains(HOLE_VAR) {
            true => self.give_up(&joined(words), "it runs a string that is not known"),
            false => self.powershell(&code, depth + 1),
        }
    }
}

/// One command of a line.
#[derive(Clone, Debug, Default)]
struct Command {
    words: Vec<Arg>,
    /// It reads what the command before it writes.
    piped: bool,
    /// A subexpression from inside of a string.
    nested: Option<String>,
}

/// The name without its folder, its ending and the marks that break words up.
fn program(text: &str) -> String {
    let name = text.rsplit(['\\', '/']).next().unwrap_or(text);
    let name: String = name.chars().filter(|c| !matches!(c, '`' | '^' | '"')).collect();
    let name = name.to_lowercase();
    name.strip_suffix(".exe")
        .or(name.strip_suffix(".cmd"))
        .or(name.strip_suffix(".com"))
        .unwrap_or(&name)
        .to_owned()
}

/// What a cmdlet or a Windows command does; none where it is neither.
fn judge(name: &str, args: &[Arg], before: Option<&Command>) -> Option<(Effect, &'static str)> {
    let lower: Vec<String> = args.iter().map(|arg| arg.text.to_ascii_lowercase()).collect();
    let has = |words: &[&str]| lower.iter().any(|arg| words.contains(&arg.as_str()));
    let starts = |prefix: &str| lower.iter().any(|arg| arg.starts_with(prefix));
    const READ: (Effect, &str) = (Effect::Read, "");
    const WRITE: (Effect, &str) = (Effect::Write, "");
    let only_says = has(&["-whatif", "-wi", "-whatif:$true"]) || has(&["/?", "-?", "-help"]);
    let destroys = |rule: &'static str| if only_says { READ } else { (Effect::Destructive, rule) };
    let when = |condition: bool, rule: &'static str| if condition { destroys(rule) } else { WRITE };
    if REMOVERS.contains(&name) {
        let something = !args.is_empty() || before.is_some();
        return Some(when(something, "removes files or folders"));
    }
    if let Some(ruling) = windows(name, &lower, &when) {
        return Some(ruling);
    }
    if name == "invoke-expression" || name == "iex" {
        return Some((Effect::Unknown, "runs a string"));
    }
    let (verb, noun) = name.split_once('-')?;
    if noun.is_empty()
        || !verb.bytes().all(|b| b.is_ascii_lowercase())
        || !noun.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        return None;
    }
    Some(match verb {
        "get" | "test" | "select" | "where" | "sort" | "measure" | "compare" | "find" | "show"
        | "out" | "write" | "convertto" | "convertfrom" | "group" | "resolve" | "search"
        | "read" | "trace" | "split" | "join" => {
            when(noun == "file" && starts("c:\\windows"), "writes over a system file")
        }
        "format" => match noun {
            "table" | "list" | "wide" | "custom" | "hex" => READ,
            _ => destroys("formats a disk"),
        },
        _ if VERBS.contains(&verb) && SESSION_NOUNS.contains(&noun) => WRITE,
        _ if VERBS.contains(&verb) => destroys("removes, stops or switches something off"),
        "initialize" | "repair" | "resize" => when(
            noun.contains("disk") || noun.contains("partition") || noun.contains("volume"),
            "changes a disk",
        ),
        "restart" => when(noun == "computer" || noun == "vm", "restarts the machine"),
        "set" | "add" if has_system(&lower) && matches!(noun, "content" | "file" | "item") => {
            destroys("writes over a system file")
        }
        "set" => when(
            matches!(
                noun,
                "executionpolicy"
                    | "mppreference"
                    | "acl"
                    | "netfirewallprofile"
                    | "localuser"
                    | "adaccountpassword"
                    | "partition"
                    | "disk"
            ) || noun == "itemproperty" && starts("hklm:"),
            "changes how the machine is protected",
        ),
        "add" => when(
            matches!(noun, "mppreference" | "localgroupmember" | "adgroupmember"),
            "changes who may do what",
        ),
        "foreach" | "invoke" | "start" | "new" | "import" if noun == "object" => return None,
        "invoke" => when(
            matches!(noun, "wmimethod" | "cimmethod")
                && has(&["delete", "-delete", "win32shutdown", "terminate", "create"]),
            "removes or stops something",
        ),
        "move" | "rename" => when(
            lower.iter().any(|arg| arg.starts_with("c:\\windows") || arg == "c:\\"),
            "moves a system folder",
        ),
        _ => WRITE,
    })
}

/// Whether a path of the system is among the words.
fn has_system(words: &[String]) -> bool {
    words.iter().any(|word| word.starts_with("c:\\windows") || word.starts_with("$env:windir"))
}

/// What a cmdlet does when a shell starts it; none where the name is no cmdlet's.
pub(super) fn cmdlet(name: &str, args: &Args<'_>) -> Option<Ruling> {
    const OURS: &[&str] = &[
        "del", "erase", "rd", "reg", "vssadmin", "wbadmin", "bcdedit", "diskpart", "taskkill",
        "wevtutil", "schtasks", "wmic", "icacls", "takeown", "certutil", "mshta", "regsvr32",
        "iex", "fsutil",
    ];
    if !name.contains('-') && !OURS.contains(&name) {
        return None;
    }
    let words: Vec<Arg> = args.all().cloned().collect();
    let (effect, rule) = judge(name, &words, None)?;
    match effect {
        Effect::Destructive => Some(Ruling::destructive(rule)),
        Effect::Unknown => Some(Ruling::unknown(rule)),
        Effect::Read | Effect::Write => None,
    }
}

/// Commands of the Windows prompt that are programs of their own.
fn windows(
    name: &str,
    args: &[String],
    when: &dyn Fn(bool, &'static str) -> (Effect, &'static str),
) -> Option<(Effect, &'static str)> {
    let has = |words: &[&str]| args.iter().any(|arg| words.contains(&arg.as_str()));
    let first = args.first().map_or("", String::as_str);
    Some(match name {
        "format" => {
            when(args.iter().any(|arg| arg.ends_with(':') || arg.contains(":\\")), "formats a disk")
        }
        "diskpart" | "clean" => when(true, "changes partitions"),
        "reg" => when(
            matches!(first, "delete" | "restore" | "unload")
                || first == "add"
                    && args
                        .iter()
                        .any(|a| a.contains("\\run") || a.contains("image file execution")),
            "removes or plants registry keys",
        ),
        "vssadmin" | "wbadmin" => when(has(&["delete", "resize"]), "removes backups"),
        "wmic" => when(
            has(&["delete", "terminate", "uninstall"]) || has(&["call"]),
            "removes or stops something",
        ),
        "bcdedit" => when(
            args.iter().any(|arg| arg.starts_with("/set") || arg.starts_with("/delete")),
            "changes how the machine starts",
        ),
        "wevtutil" => when(matches!(first, "cl" | "clear-log"), "removes logs"),
        "cipher" => when(args.iter().any(|arg| arg.starts_with("/w")), "wipes free space"),
        "taskkill" | "tskill" | "spps" => when(true, "stops processes"),
        "shutdown" => when(
            has(&["/s", "/r", "/p", "/h", "/f", "-s", "-r", "-h", "now"]),
            "stops or restarts the machine",
        ),
        "schtasks" => when(
            has(&["/delete", "/end"]) || has(&["/create"]) && has(&["system"]),
            "changes scheduled jobs",
        ),
        "sc" => when(has(&["delete", "stop"]), "stops or removes a service"),
        "net" | "net1" => when(
            has(&["/delete", "stop", "/del"])
                || has(&["/add"]) && has(&["user", "localgroup", "group"]),
            "changes accounts or stops a service",
        ),
        "netsh" => when(has(&["off", "delete", "reset"]), "takes down what the firewall guards"),
        "takeown" | "icacls" | "cacls" => when(
            has(&["/r", "/t", "/reset", "/f"]) || args.iter().any(|a| a.contains("everyone")),
            "changes who may use a tree",
        ),
        "fsutil" => when(
            has(&["setzerodata", "delete", "deletejournal", "dirty"]),
            "destroys what is on a disk",
        ),
        "robocopy" => when(
            has(&["/mir", "/purge", "/move", "/mov"]) && !has(&["/l"]),
            "removes what the source does not have",
        ),
        "xcopy" | "copy" | "move" | "ren" | "md" | "mkdir" | "attrib" => when(false, ""),
        "type" | "dir" | "more" | "findstr" | "where" | "tasklist" | "systeminfo" | "ipconfig"
        | "echo" | "rem" | "ver" | "hostname" | "whoami" | "cls" | "tree" => (Effect::Read, ""),
        "mshta" | "regsvr32" | "rundll32" | "installutil" | "certutil" | "bitsadmin" => when(
            args.iter()
                .any(|a| a.contains("http") || a.contains("javascript:") || a.contains("script")),
            "runs what another machine sends",
        ),
        "deltree" | "sdelete" | "sdelete64" => when(true, "removes files or folders"),
        _ => return None,
    })
}

/// Splits a text into commands; true where a quote is never closed.
fn split(text: &str, out: &mut Vec<Command>) -> bool {
    let (mut now, mut word, mut started) = (Command::default(), String::new(), false);
    let mut rest = text;
    let mut unclosed = false;
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        rest = after;
        match c {
            '#' if !started => {
                rest = after
                    .get(memchr::memchr(b'\n', after.as_bytes()).unwrap_or(after.len())..)
                    .unwrap_or_default();
            }
            '<' if after.starts_with('#') => {
                rest = after.split_once("#>").map_or("", |(_, rest)| rest);
            }
            '\'' | '"' => {
                let end = closing(after, c);
                unclosed |= end.is_none();
                let inside = after.get(..end.unwrap_or(after.len())).unwrap_or_default();
                if c == '"' && inside.contains("$(") {
                    let nested = inside.split_once("$(").map_or("", |(_, code)| code);
                    out.push(Command {
                        nested: Some(nested.trim_end_matches(')').to_owned()),
                        ..Command::default()
                    });
                }
                word.push_str(inside);
                started = true;
                rest = end.map_or("", |end| after.get(end + 1..).unwrap_or_default());
            }
            '`' => {
                if let Some(next) = after.chars().next() {
                    if next != '\n' && next != '\r' {
                        word.push(next);
                        started = true;
                    }
                    rest = after.get(next.len_utf8()..).unwrap_or_default();
                }
            }
            ';' | '\n' | '|' | '{' | '}' | '(' | ')' | '&' => {
                take(&mut word, &mut started, &mut now);
                let call = c == '&' && now.words.is_empty() && !after.starts_with('&');
                if !now.words.is_empty() {
                    out.push(std::mem::take(&mut now));
                }
                if call {
                    now.words.push(Arg::new("&"));
                }
                now.piped = c == '|';
            }
            c if c.is_whitespace() => take(&mut word, &mut started, &mut now),
            c => {
                word.push(c);
                started = true;
            }
        }
    }
    take(&mut word, &mut started, &mut now);
    if !now.words.is_empty() {
        out.push(now);
    }
    unclosed
}

fn take(word: &mut String, started: &mut bool, now: &mut Command) {
    if std::mem::take(started) {
        now.words.push(Arg { text: std::mem::take(word), ..Arg::default() });
    }
}

/// Where a string ends: a doubled quote, or one behind a backtick, does not end it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '`' if quote == '"' => {
                chars.next();
            }
            c if c == quote => match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return Some(at),
            },
            _ => {}
        }
    }
    None
}

/// The text with its strings left out.
fn without_strings(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['\'', '"']) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let quote = tail.chars().next().unwrap_or('"');
        let inside = tail.get(1..).unwrap_or_default();
        rest = closing(inside, quote).map_or("", |end| inside.get(end + 1..).unwrap_or_default());
    }
    out.push_str(rest);
    out
}
