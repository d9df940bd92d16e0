//! Tools without rules of their own, and those that only look.

use super::{Args, Ruling};
use crate::command::word::has_hole;

/// Programs that print, compare or search; their words are mentions.
const READERS: &[&str] = &[
    ".",
    ":",
    "[",
    "[[",
    "ack",
    "ag",
    "apropos",
    "arch",
    "basename",
    "bat",
    "cal",
    "cat",
    "cd",
    "cksum",
    "clear",
    "cmp",
    "colordiff",
    "column",
    "comm",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "dmesg",
    "du",
    "echo",
    "egrep",
    "exit",
    "expr",
    "false",
    "fgrep",
    "file",
    "fmt",
    "fold",
    "free",
    "getent",
    "grep",
    "groups",
    "head",
    "help",
    "hexdump",
    "hexyl",
    "host",
    "hostid",
    "htop",
    "id",
    "info",
    "iostat",
    "jobs",
    "jq",
    "last",
    "less",
    "ll",
    "locale",
    "logname",
    "ls",
    "lsblk",
    "lscpu",
    "lsmod",
    "lsof",
    "lspci",
    "lsusb",
    "man",
    "md5sum",
    "more",
    "netstat",
    "nl",
    "nm",
    "nproc",
    "nslookup",
    "objdump",
    "od",
    "paste",
    "pgrep",
    "pidof",
    "ping",
    "popd",
    "printenv",
    "printf",
    "ps",
    "pstree",
    "pushd",
    "pwd",
    "readelf",
    "readlink",
    "realpath",
    "return",
    "rg",
    "seq",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "shellcheck",
    "size",
    "sleep",
    "ss",
    "stat",
    "strings",
    "sum",
    "tac",
    "tail",
    "test",
    "tldr",
    "top",
    "tr",
    "traceroute",
    "tree",
    "true",
    "tty",
    "type",
    "uname",
    "uniq",
    "uptime",
    "users",
    "vmstat",
    "w",
    "wait",
    "wc",
    "whatis",
    "whereis",
    "which",
    "who",
    "whoami",
    "xxd",
    "yes",
    "zcat",
    "zgrep",
];

/// Commands that no option makes change anything.
pub(super) fn readers(name: &str, _: &Args<'_>) -> Option<Ruling> {
    READERS.binary_search(&name).is_ok().then_some(Ruling::READ)
}

/// Verbs that destroy, as whole words or as the first or last part of a joined one.
const DESTROYS: &[&str] = &[
    "delete",
    "destroy",
    "remove",
    "rm",
    "del",
    "purge",
    "drop",
    "wipe",
    "nuke",
    "terminate",
    "uninstall",
    "prune",
    "erase",
    "flush",
    "teardown",
    "obliterate",
    "truncate",
    "rmi",
    "rb",
    "unpublish",
    "deprovision",
    "rmdir",
    "delete-all",
    "destroy-all",
    "dropdb",
    "deregister",
    "revoke",
    "expunge",
    "format",
    "zap",
    "undeploy",
    "shred",
    "force-delete",
    "factory-reset",
    "flushall",
    "flushdb",
    "sqlflush",
    "fresh",
    "decommission",
    "detonate",
    "mr",
];
/// The strongest of them, which also count as the first part of a word (`delete-stack`).
const STEMS: &[&str] =
    &["delete", "destroy", "purge", "wipe", "nuke", "terminate", "drop", "remove", "erase"];
/// Verbs that tell what a program does when they are part of its name.
const TELLING: &[&str] = &["uninstall", "destroy", "nuke", "wipe", "purge", "teardown"];
/// Verbs that look, or that make something; what follows them is a name.
const OTHERS: &[&str] = &[
    "list", "ls", "get", "show", "describe", "view", "status", "log", "logs", "help", "test",
    "search", "explain", "wait", "info", "inspect", "version", "diff", "plan", "preview", "check",
    "validate", "lint", "fmt", "query", "find", "watch", "tail", "cat", "history", "top", "ps",
    "config", "env", "doc", "docs", "print", "display", "read", "add", "create", "new", "init",
    "install", "build", "run", "start", "update", "upgrade", "set", "put", "push", "pull", "clone",
    "apply", "deploy", "login", "logout", "open", "edit", "copy", "cp", "sync", "export", "import",
    "download", "upload", "tag", "comment", "exec", "serve", "dev", "bench", "scan", "audit",
    "ping", "echo", "grep",
];

/// Judges any tool by the verb among its first words.
pub(super) fn judge(name: &str, args: &Args<'_>) -> Ruling {
    if args.is_help() || args.is_dry_run() {
        return Ruling::READ;
    }
    if name.split(['-', '_', '.']).any(|piece| TELLING.contains(&piece)) {
        return Ruling::destructive(
            "the program's name says that it removes or destroys something",
        );
    }
    if let Some(ruling) = crate::command::powershell::cmdlet(name, args) {
        return ruling;
    }
    let option =
        args.has(&["--delete", "--purge", "--destroy", "--wipe", "--prune", "--erase", "--nuke"])
            || name.starts_with("gpg") && args.options().any(|o| o.starts_with("--delete-"));
    if option {
        return Ruling::destructive("an option removes or destroys something");
    }
    if super::data::is_statement(name, args) {
        return Ruling::destructive("is a statement that destroys data");
    }
    shared_verb(args, &[])
}

/// Looks for a verb that destroys among the first words, and stops at one that does not.
pub(super) fn shared_verb(args: &Args<'_>, values: &[&str]) -> Ruling {
    for operand in args.operands(values).iter().take(7) {
        let word = operand.text;
        if is_destroying(word) {
            return Ruling::destructive("the verb removes or destroys what it names");
        }
        if operand.maybe || has_hole(word) {
            continue;
        }
        let looks = OTHERS.contains(&word)
            || word.split(['-', ':']).next().is_some_and(|first| {
                ["list", "get", "describe", "show", "create", "add", "update", "test", "lint"]
                    .contains(&first)
            });
        if looks || !is_verb_like(word) {
            break;
        }
    }
    Ruling::WRITE
}

/// Whether a word is a verb that destroys.
pub(super) fn is_destroying(word: &str) -> bool {
    if !is_verb_like(word) {
        return false;
    }
    DESTROYS.contains(&word)
        || word.split_once('-').is_some_and(|(first, _)| STEMS.contains(&first))
        || word.rsplit_once([':', '-', '.']).is_some_and(|(_, last)| {
            STEMS.contains(&last)
                || word.contains(':') && (DESTROYS.contains(&last) || last == "reset")
        })
        || ["Delete", "Terminate", "Destroy", "Release", "delete", "destroy", "terminate", "purge"]
            .iter()
            .any(|stem| {
                word.strip_prefix(stem)
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
            })
}

/// Whether a word could be a verb or the noun before one.
fn is_verb_like(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 40
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b':' | b'_' | b'.'))
        && !word.starts_with('.')
}
