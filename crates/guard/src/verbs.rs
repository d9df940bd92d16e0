//! What a tool's name says that it does. A hint for people who write policies, and no judgement.

use crate::config::Risk;

const DESTROYS: [&str; 19] = [
    "delete",
    "remove",
    "drop",
    "destroy",
    "purge",
    "wipe",
    "kill",
    "terminate",
    "revoke",
    "truncate",
    "erase",
    "reset",
    "uninstall",
    "clear",
    "rm",
    "prune",
    "cancel",
    "overwrite",
    "restore",
];
const MATTERS: [&str; 25] = [
    "execute",
    "exec",
    "run",
    "shell",
    "bash",
    "eval",
    "send",
    "pay",
    "transfer",
    "publish",
    "deploy",
    "grant",
    "invite",
    "share",
    "post",
    "buy",
    "charge",
    "refund",
    "secret",
    "password",
    "token",
    "key",
    "credential",
    "permission",
    "merge",
];
/// What matters unless it is only looked at.
const HANDLED: [&str; 8] =
    ["email", "mail", "message", "reply", "order", "book", "script", "command"];
const CHANGES: [&str; 29] = [
    "create", "write", "update", "set", "add", "edit", "put", "move", "rename", "upload", "insert",
    "patch", "append", "save", "copy", "mkdir", "make", "modify", "change", "store", "commit",
    "push", "assign", "close", "open", "toggle", "start", "stop", "enable",
];
const LOOKS: [&str; 25] = [
    "get", "list", "read", "search", "find", "fetch", "query", "show", "describe", "view", "count",
    "lookup", "check", "info", "status", "stat", "tree", "print", "echo", "ping", "inspect",
    "compare", "diff", "validate", "browse",
];
const COMMANDS: [&str; 7] =
    ["execute", "exec", "shell", "bash", "command", "terminal", "powershell"];

/// The worst that a tool's name says it does, and the word that says so.
#[must_use]
pub fn risk_of_name(name: &str) -> Option<(Risk, String)> {
    let words = words(name);
    let looks = words.first().is_some_and(|first| LOOKS.contains(&first.as_str()));
    let verbs = [
        (Risk::Destructive, DESTROYS.as_slice()),
        (Risk::Sensitive, MATTERS.as_slice()),
        (Risk::Sensitive, if looks { &[] } else { HANDLED.as_slice() }),
        (Risk::Write, CHANGES.as_slice()),
        (Risk::Read, LOOKS.as_slice()),
    ];
    verbs.iter().find_map(|(risk, verbs)| {
        let word = words.iter().find(|word| verbs.contains(&word.as_str()))?;
        Some((*risk, word.clone()))
    })
}

/// Whether a name says that commands are run.
pub(crate) fn runs_commands(name: &str) -> bool {
    words(name).iter().any(|word| COMMANDS.contains(&word.as_str()))
}

/// The words of a name, lower case: `readFile`, `read_file` and `read-file` are `read` and `file`.
#[must_use]
pub fn words(name: &str) -> Vec<String> {
    let (mut words, mut word, mut was_lower) = (Vec::new(), String::new(), false);
    for c in name.chars() {
        let begins = !c.is_alphanumeric() || (c.is_uppercase() && was_lower);
        if begins && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}
