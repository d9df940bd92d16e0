//! Words patterns held against what would be run, word by word.
//!
//! In a text, `delete` is wherever it stands. In a command it matters as what: `acme delete 5` says
//! it, `git checkout -b fix/delete-button` has it in a name, `git commit -m "delete old"` passes it
//! on. So a pattern that begins with a program or a verb that the reader of commands knows has to be
//! said: its words are words of the command, one after the other, and only options and their values
//! stand between them. What the reader does not know, `production` or a program of the user's own,
//! is for the text.

use std::collections::HashMap;

use super::Pattern;
use crate::command::{Effect, Invocation, knows};

/// How far behind its word before another one of a pattern is looked for.
const REACH_WORDS: usize = 64;

/// The patterns of a list that begin with something that the reader of commands knows.
#[derive(Debug, Default)]
pub struct InvokedPatterns {
    patterns: Vec<Vec<String>>,
    /// Which patterns begin with a word.
    firsts: HashMap<String, Vec<usize>>,
}

impl InvokedPatterns {
    /// Takes its patterns out of a list, and hands back those that are for texts.
    #[must_use]
    pub fn split(patterns: Vec<Pattern>) -> (Self, Vec<Pattern>) {
        let (mut compiled, mut others) = (Self::default(), Vec::new());
        for pattern in patterns {
            let words = match &pattern {
                Pattern::Words(text) => text.to_lowercase(),
                Pattern::Regex(_) => String::new(),
            };
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            match words.first().filter(|first| knows(first)) {
                None => others.push(pattern),
                Some(first) => {
                    let place = compiled.patterns.len();
                    compiled.firsts.entry(first.clone()).or_default().push(place);
                    compiled.patterns.push(words);
                }
            }
        }
        (compiled, others)
    }

    /// The words of the first invocation that says a pattern.
    ///
    /// What only looks says one only with its program's name, `kubectl get` or `terraform`, and a
    /// rehearsal says none: somebody who looks for a verb means what it does.
    #[must_use]
    pub fn first_match<'i>(&self, invocations: &'i [Invocation]) -> Option<Vec<&'i str>> {
        invocations.iter().filter(|invocation| !invocation.rehearsal).find_map(|invocation| {
            let reach = match invocation.effect {
                Effect::Read => 1,
                _ => invocation.words.len(),
            };
            (0..reach).find_map(|at| self.match_at(&invocation.words, at))
        })
    }

    fn match_at<'i>(&self, words: &'i [String], at: usize) -> Option<Vec<&'i str>> {
        let word = words.get(at)?.to_lowercase();
        forms(&word).filter_map(|form| self.firsts.get(form)).flatten().find_map(|pattern| {
            let mut rest = self.patterns.get(*pattern)?.iter();
            let first = rest.next()?;
            let (mut said, mut at) = (vec![shown(words.get(at)?, first)], at);
            for word in rest {
                at = find_next(words, at + 1, word)?;
                said.push(shown(words.get(at)?, word));
            }
            Some(said)
        })
    }
}

/// A word as it may be written in a pattern: whole, without its dashes, without its value, and the
/// parts of a verb such as `deploy:prod` or `delete-stack`.
fn forms(word: &str) -> impl Iterator<Item = &str> {
    let name = word.split('=').next().unwrap_or(word);
    let bare = name.trim_start_matches('-');
    let verb = bare.split_once('-').map(|(first, _)| first);
    let parts = bare.contains(':').then(|| bare.split(':')).into_iter().flatten();
    let mut forms = vec![word];
    forms.extend([name, bare].into_iter().chain(verb).chain(parts).filter(|form| *form != word));
    forms.into_iter()
}

/// The place of the next word of a pattern. An option may stand anywhere; before any other word
/// only options may, each perhaps with a value.
fn find_next(words: &[String], from: usize, wanted: &str) -> Option<usize> {
    let mut after_option = false;
    for (at, word) in words.iter().enumerate().skip(from).take(REACH_WORDS) {
        let word = word.to_lowercase();
        if forms(&word).any(|form| form == wanted) {
            return Some(at);
        }
        let is_option = word.starts_with('-');
        if !is_option && !after_option && !wanted.starts_with('-') {
            return None;
        }
        after_option = is_option && !word.contains('=');
    }
    None
}

/// The part of a word that a reason quotes.
fn shown<'w>(word: &'w str, wanted: &str) -> &'w str {
    let whole = word.len() <= 2 * wanted.len() + 16;
    if whole { word } else { word.get(..wanted.len()).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Lang, read};

    #[track_caller]
    fn check(pattern: &str, command: &str, want: &str) {
        let (patterns, others) = InvokedPatterns::split(vec![Pattern::Words(pattern.to_owned())]);
        assert_eq!(others, [], "{pattern} is known");
        let invocations = read(command, Lang::Shell).invocations.unwrap();
        let found = patterns.first_match(&invocations).map(|words| words.join(" "));
        assert_eq!(found.unwrap_or_default(), want, "{pattern} in {command}");
    }

    #[test]
    fn a_pattern_that_names_a_program_holds_for_its_runs() {
        check("kubectl delete", "kubectl -n prod delete pod x", "kubectl delete");
        check("kubectl delete", "sudo /usr/bin/kubectl delete pod x", "kubectl delete");
        check("kubectl delete", "sh -c 'kubectl --context=a DELETE pod x'", "kubectl DELETE");
        check("kubectl delete", "kubectl auth can-i delete pods", "");
        check("kubectl delete", "kubectl delete pod x --dry-run=client", "");
        check("kubectl delete", "echo kubectl delete", "");
        check("kubectl get secrets", "kubectl get -n prod secrets -o yaml", "kubectl get secrets");
        check("terraform", "cd infra && terraform plan", "terraform");
        check("terraform", "ls terraform", "");
        check("git push", "git -C repo push origin main", "git push");
        check("sudo", "sudo ls", "sudo");
        check("rm -rf", "rm -v x -rf", "rm -rf");
    }

    #[test]
    fn what_the_reader_does_not_know_is_for_the_text() {
        let words = ["production", "acme delete", "--force", "/etc/acme", "deploy"];
        let patterns = words.map(|words| Pattern::Words(words.to_owned())).to_vec();
        assert_eq!(InvokedPatterns::split(patterns.clone()).1, patterns);
    }

    #[test]
    fn a_verb_holds_where_it_is_said_and_not_where_it_is_passed_on() {
        check("delete", "acme delete customer 5", "delete");
        check("delete", "acme --delete=all", "--delete=all");
        check("delete", "acme delete-all", "delete-all");
        check("destroy", "npm run destroy:prod", "destroy:prod");
        check("delete", "git checkout -b fix/delete-button", "");
        check("delete", "git commit -m 'delete old'", "");
        check("delete", "cat delete", "");
        check("delete", "curl https://x.test/docs/delete-account", "");
        check("delete", "perl -ne 'print if /delete/' notes.txt", "");
        check("delete", "python3 -c \"acme.call('delete', 5)\"", "delete");
        check("rm -rf", "python3 -c \"print('rm -rf /')\"", "");
        check("drop table", "psql -c \"INSERT INTO log VALUES ('drop table x')\"", "");
        check("alter role", "psql -c 'ALTER /* */ ROLE ann'", "ALTER ROLE");
    }
}
