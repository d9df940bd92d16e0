//! What flow control is to know of a tool, guessed from its name and from what its server claims.
//!
//! A guess for a person to check, and never one that trusts: what a tool returns counts as written
//! by anybody, and what changes something may send, unless its server says that it reaches nobody and
//! its name does not say otherwise.

use std::fmt::Write as _;

use bakerst_guard::Risk;
use bakerst_guard::verbs::words;
use bakerst_model::ToolDefinition;

/// What is somebody's own, where a tool's name speaks of it.
const PRIVATE: [&str; 24] = [
    "mail",
    "email",
    "inbox",
    "message",
    "messages",
    "chat",
    "channel",
    "dm",
    "file",
    "files",
    "document",
    "documents",
    "drive",
    "note",
    "notes",
    "calendar",
    "event",
    "events",
    "contact",
    "contacts",
    "account",
    "customer",
    "order",
    "memory",
];
/// What carries something to others.
const SENDS: [&str; 20] = [
    "send", "post", "publish", "share", "invite", "reply", "forward", "comment", "notify",
    "upload", "push", "webhook", "tweet", "message", "mail", "email", "pay", "transfer", "submit",
    "call",
];

/// The lines that say so, each with the reason for the guess.
pub(super) fn guessed(tool: &ToolDefinition, risk: Risk) -> String {
    let words = words(tool.name());
    let said = |list: &[&str]| words.iter().find(|word| list.contains(&word.as_str())).cloned();
    let claims = tool.annotations();
    let reaches_out = claims.and_then(|claims| claims.get("openWorldHint")?.as_bool());
    let mut text = String::new();
    let _ = match said(&PRIVATE) {
        Some(word) => {
            writeln!(text, "    reads: [private, untrusted] # guess: `{word}` in its name")
        }
        None => writeln!(text, "    reads: untrusted # guess: others may write what it returns"),
    };
    if risk == Risk::Read {
        return text;
    }
    let why = match (said(&SENDS), reaches_out) {
        (Some(word), _) => Some(format!("`{word}` in its name")),
        (None, Some(true)) => Some("its server says `openWorldHint`".to_owned()),
        (None, None) => Some("nothing says that it reaches nobody".to_owned()),
        (None, Some(false)) => None,
    };
    if let Some(why) = why {
        let _ = writeln!(text, "    sends: external # guess: {why}");
    }
    text.push_str("    writes: true # guess: it does not only read\n");
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(name: &str, claims: &Value, risk: Risk, want: &[&str]) {
        let tool = ToolDefinition::read(json!({"name": name, "annotations": claims})).unwrap();
        let guessed = guessed(&tool, risk);
        let labels: Vec<_> =
            guessed.lines().map(|line| line.trim().split(" # guess: ").next().unwrap()).collect();
        assert_eq!(labels, want, "{name}");
        assert_eq!(guessed.matches(" # guess: ").count(), want.len(), "{guessed}");
    }

    #[test]
    fn nothing_is_trusted_by_a_guess() {
        let (any, own) = ("reads: untrusted", "reads: [private, untrusted]");
        let (sends, writes) = ("sends: external", "writes: true");
        check("fetch_page", &json!({}), Risk::Read, &[any]);
        check("search_mail", &json!({"openWorldHint": false}), Risk::Read, &[own]);
        check(
            "send_mail",
            &json!({"openWorldHint": false}),
            Risk::Sensitive,
            &[own, sends, writes],
        );
        check("create_issue", &json!({}), Risk::Write, &[any, sends, writes]);
        check("createIssue", &json!({"openWorldHint": true}), Risk::Write, &[any, sends, writes]);
        check("write_file", &json!({"openWorldHint": false}), Risk::Write, &[own, writes]);
        check("frobnicate", &json!({}), Risk::Sensitive, &[any, sends, writes]);
    }
}
