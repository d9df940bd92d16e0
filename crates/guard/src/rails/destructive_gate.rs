//! Flags tools, commands and words that destroy.
//!
//! A command is read, not searched: what it would do decides. The words that a policy flags count
//! beside that. In a command that was read whole, those that begin with a program or verb that the
//! reader knows count where they are said, so that `git push` is found in `git -C repo push` and not
//! in `git commit -m "git push later"`; others count unless the command only looks. In any other text
//! all of them count wherever they stand. Regular expressions always count; whoever writes one has
//! said exactly what they mean.

use std::collections::HashMap;
use std::sync::Arc;

use bakerst_detect::command::{Effect, Lang, Reading, Why, read};
use bakerst_detect::pattern::{InvokedPatterns, Pattern, PatternError, PatternSet};
use bakerst_model::{Code, Escaped, Reason};
use serde::{Deserialize, Serialize};

use crate::config::{PatternEntry, PolicySource, RailConfig, compiled};
use crate::{Check, CommandPlace, Guardrail, Subject, Undecided};

/// What is flagged, and what follows.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    flagged_tools: Vec<String>,
    flagged_patterns: Vec<PatternEntry>,
    action: Action,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    RequireApproval,
    Deny,
}

impl Config {
    /// The tools that are flagged.
    pub(crate) fn flagged_tools(&self) -> &[String] {
        &self.flagged_tools
    }

    /// How many entries its longest list has.
    pub(crate) fn longest_list(&self) -> usize {
        self.flagged_patterns.len().max(self.flagged_tools.len())
    }
}

/// The guardrail.
#[derive(Debug)]
pub struct DestructiveGate {
    tools: Vec<String>,
    words: PatternSet,
    /// Those of the words that are held against what a command would run.
    invoked: InvokedPatterns,
    /// The rest of them.
    unknown: PatternSet,
    regexes: PatternSet,
    /// Where tools hold commands.
    commands: HashMap<Arc<str>, CommandPlace>,
    action: Action,
}

impl DestructiveGate {
    pub(crate) fn new(config: &Config, source: &PolicySource) -> Result<Self, PatternError> {
        let patterns = compiled(&config.flagged_patterns);
        let (words, regexes): (Vec<_>, Vec<_>) =
            patterns.into_iter().partition(|pattern| matches!(pattern, Pattern::Words(_)));
        let commands = source
            .tools
            .iter()
            .filter_map(|(name, entry)| Some((Arc::from(name.as_str()), entry.command.clone()?)));
        let all = PatternSet::new(&words)?;
        let (invoked, unknown) = InvokedPatterns::split(words);
        Ok(Self {
            tools: config.flagged_tools.clone(),
            words: all,
            invoked,
            unknown: PatternSet::new(&unknown)?,
            regexes: PatternSet::new(&regexes)?,
            commands: commands.collect(),
            action: config.action,
        })
    }

    /// The gate of a policy, to judge commands by themselves; of a policy without one, a gate that
    /// flags no words.
    ///
    /// # Errors
    /// When one of the policy's patterns cannot be used.
    pub fn of(source: &PolicySource) -> Result<Self, PatternError> {
        let mut enabled = source.guardrails.chain.iter().filter(|entry| entry.enabled);
        let config = enabled.find_map(|entry| match &entry.config {
            RailConfig::DestructiveGate(config) => Some(config.clone()),
            _ => None,
        });
        Self::new(&config.unwrap_or_default(), source)
    }

    /// Judges a command by itself: every reason against it, the strictest first.
    #[must_use]
    pub fn judge_command(&self, text: &str, lang: Lang) -> Vec<Check> {
        let reading = read(text, lang);
        let mut checks = self.judge_reading(&reading);
        let words = self.flagged_words(&reading, text);
        checks.extend(words.or_else(|| self.flagged(&self.regexes, text)));
        checks
    }

    /// The flagged words in a command: among the words that would be run, where those are known.
    fn flagged_words(&self, reading: &Reading, text: &str) -> Option<Check> {
        let Some(invocations) = reading.invocations.as_ref().filter(|_| reading.is_whole()) else {
            return self.flagged(&self.words, text);
        };
        match self.invoked.first_match(invocations) {
            Some(said) => Some(self.flag_pattern(&said.join(" "))),
            None if reading.effect == Effect::Read => None,
            None => self.flagged(&self.unknown, text),
        }
    }

    fn judge_reading(&self, reading: &Reading) -> Vec<Check> {
        let mut whys: Vec<&Why> = reading.reasons.iter().collect();
        whys.sort_by_key(|why| std::cmp::Reverse(why.effect));
        whys.into_iter().map(|why| self.judge_why(why)).collect()
    }

    fn judge_why(&self, Why { effect, words, rule }: &Why) -> Check {
        let quoted =
            if words.is_empty() { String::new() } else { format!("`{}`: ", Escaped(words)) };
        match effect {
            Effect::Destructive => {
                let message = format!("the command would destroy: {quoted}{rule}");
                self.flag(Reason::new(Code::DestructiveCommand, message))
            }
            Effect::Read | Effect::Write | Effect::Unknown => {
                let message =
                    format!("it cannot be told what the command would do: {quoted}{rule}");
                Check::Escalate(Reason::new(Code::CommandUnreadable, message))
            }
        }
    }

    fn flagged(&self, patterns: &PatternSet, text: &str) -> Option<Check> {
        let found = patterns.first_match(text)?;
        Some(self.flag_pattern(text.get(found.span).unwrap_or_default()))
    }

    fn flag_pattern(&self, words: &str) -> Check {
        let quoted: String = words.chars().take(80).collect();
        let message = format!("the input holds the flagged pattern `{}`", Escaped(&quoted));
        self.flag(Reason::new(Code::FlaggedPattern, message))
    }

    fn flag(&self, reason: Reason) -> Check {
        match self.action {
            Action::RequireApproval => Check::Escalate(reason),
            Action::Deny => Check::Reject(reason),
        }
    }
}

impl Guardrail for DestructiveGate {
    fn check(&self, subject: &Subject<'_>) -> Result<Check, Undecided> {
        let tool = subject.call.tool.as_str();
        if self.tools.iter().any(|flagged| flagged == tool) {
            let message = format!("the tool `{}` is flagged as destructive", Escaped(tool));
            return Ok(self.flag(Reason::new(Code::FlaggedTool, message)));
        }
        let words = match self.commands.get(tool) {
            None => self.flagged(&self.words, subject.values()),
            Some(place) => {
                let reading = subject.command(place);
                if let Some(check) = self.judge_reading(reading).into_iter().next() {
                    return Ok(check);
                }
                // Whatever asks has been answered, so the command was read whole.
                self.flagged(&self.words, &subject.values_besides(place))
                    .or_else(|| self.flagged_words(reading, subject.values()))
            }
        };
        let found = words.or_else(|| self.flagged(&self.regexes, subject.values()));
        Ok(found.unwrap_or(Check::Approve))
    }
}
