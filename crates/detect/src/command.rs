//! What a command line would run.

/// Which programs a command line would start.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// These, by their last path component.
    Programs(Vec<String>),
    /// It cannot be told; the reason is for people.
    CannotTell(&'static str),
}

/// Reads one line as a shell would, as far as that is certain.
///
/// Only a plain command (words, simple quotes) is certain so far. Whatever a shell would expand,
/// join or redirect cannot be told.
#[must_use]
pub fn read(line: &str) -> Reading {
    if line.chars().any(|c| c.is_control() || "$`;&|<>(){}[]*?~#!\\".contains(c)) {
        return Reading::CannotTell(
            "it holds characters that a shell expands or joins commands with",
        );
    }
    let Some(program) = first_word(line) else {
        return Reading::CannotTell("its first word is empty or its quotes do not close");
    };
    if program.contains('=') {
        return Reading::CannotTell("it sets variables before the command");
    }
    match program.rsplit('/').next() {
        Some(name) if !name.is_empty() => Reading::Programs(vec![name.to_owned()]),
        _ => Reading::CannotTell("its first word names a folder"),
    }
}

fn first_word(line: &str) -> Option<String> {
    let (mut word, mut quote, mut done) = (String::new(), None, false);
    for c in line.trim_start().chars() {
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == ' ' => done = true,
            _ if !done => word.push(c),
            _ => {}
        }
    }
    (quote.is_none() && !word.is_empty()).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: Option<&str>) {
        let got = match read(line) {
            Reading::Programs(programs) => Some(programs.join(" ")),
            Reading::CannotTell(_) => None,
        };
        assert_eq!(got.as_deref(), want, "{line}");
    }

    #[test]
    fn only_a_plain_command_is_certain() {
        check("df -h", Some("df"));
        check("  /usr/bin/kubectl get pods", Some("kubectl"));
        check("\"jq\" 'keys' x.json", Some("jq"));
        check("k'ubect'l get", Some("kubectl"));
        for unclear in [
            "", "df; rm x", "df && rm", "$(rm)", "`rm`", "A=b df", "df \"x", "df\nrm", "/", "~/x",
            "\\rm",
        ] {
            check(unclear, None);
        }
    }
}
