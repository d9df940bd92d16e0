//! Secrets and personal data in texts, found and replaced.
//!
//! All rules look at a text in one pass. A filter over four neighbouring bytes names the places
//! where any rule could apply, and only there a rule reads on: the rule pack of secrets in
//! `data/secrets.rules`, names of values (`password = …`), and checks of numbers and addresses in
//! code. Each rule says by its reading how much of the text it needs, so a [`Stream`] holds back no
//! more than that, and gives the same result as [`Redactor::redact`] on the whole text.
//!
//! Every rule's span is bounded, and so is what it looks at before it; the time taken grows with
//! the length of the text and not with what is in it.

mod assign;
mod block;
mod check;
mod digits;
mod engine;
mod filter;
mod found;
mod header;
mod kind;
mod net;
mod own;
mod pack;
mod personal;
mod pseudonym;
mod set;
mod settle;
mod shape;
mod stream;
mod window;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use self::engine::Engine;
use self::own::Own;
use self::settle::Settler;
use crate::pattern::PatternError;

pub use self::kind::{Action, Kind, RuleId};
pub use self::pseudonym::Pseudonyms;
pub use self::stream::Stream;

/// One rule: what to look for, and what to put in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rule {
    /// A kind of ours.
    Kind(Kind),
    /// The policy's own.
    Regex {
        /// What to look for.
        find: String,
        /// What to put in its place.
        replace: String,
    },
}

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedactionFinding {
    /// The placeholder that stands there now, or would if it were not only reported.
    pub placeholder: String,
    /// Where it stood, in bytes of the text.
    pub span: Range<usize>,
    /// The rule that found it.
    pub rule: RuleId,
    /// What it is; none for a policy's own rule.
    pub kind: Option<Kind>,
    /// What was done about it.
    pub action: Action,
    /// Whether check digits or an inner structure prove the form.
    pub verified: bool,
}

/// A text without its secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redaction<'t> {
    /// The text, borrowed where nothing was replaced.
    pub text: Cow<'t, str>,
    /// What was found, in order.
    pub findings: Vec<RedactionFinding>,
    /// Whether something was found that must not be passed on even without it.
    pub blocked: bool,
}

/// Compiled rules. A clone shares what took work to compile.
#[derive(Clone, Debug)]
pub struct Redactor {
    engine: Option<Engine>,
    own: Option<Own>,
    /// By the place of the rule in the policy.
    replacements: Arc<[String]>,
    actions: BTreeMap<Kind, Action>,
}

impl Redactor {
    /// Compiles rules; where two match at one place, the earlier rule wins, and among kinds the
    /// one that knows more about the text.
    ///
    /// # Errors
    /// Names the rule that is no regular expression.
    pub fn new(rules: &[Rule]) -> Result<Self, PatternError> {
        let (mut kinds, mut own, mut replacements) = (Vec::new(), Vec::new(), Vec::new());
        let mut kinds_rank = rules.len();
        for (rank, rule) in rules.iter().enumerate() {
            match rule {
                Rule::Kind(kind) => {
                    kinds_rank = kinds_rank.min(rank);
                    kinds.push(*kind);
                    replacements.push(String::new());
                }
                Rule::Regex { find, replace } => {
                    own.push((rank, find.as_str()));
                    replacements.push(replace.clone());
                }
            }
        }
        let engine = (!kinds.is_empty()).then(|| Engine::new(&kinds, kinds_rank));
        let (replacements, actions) = (replacements.into(), BTreeMap::new());
        Ok(Self { engine, own: Own::new(&own)?, replacements, actions })
    }

    /// Says what is done where a kind is found, instead of masking it. A kind that no rule has asked
    /// for is looked for from here on.
    #[must_use]
    pub fn with_action(mut self, kind: Kind, action: Action) -> Self {
        let rank = self.replacements.len();
        self.engine.get_or_insert_with(|| Engine::new(&[], rank)).ask_for(kind);
        self.actions.insert(kind, action);
        self
    }

    /// Leaves a kind alone: it is neither replaced nor reported.
    #[must_use]
    pub fn without(mut self, kind: Kind) -> Self {
        if let Some(engine) = &mut self.engine {
            engine.leave(kind);
        }
        self.engine = self.engine.filter(Engine::asks);
        self
    }

    /// Replaces what the rules name.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Redaction<'t> {
        self.apply(text, None)
    }

    /// As `redact`, with consistent names such as `[EMAIL_1]` in place of the kinds' placeholders.
    #[must_use]
    pub fn redact_named<'t>(&self, text: &'t str, names: &mut Pseudonyms) -> Redaction<'t> {
        self.apply(text, Some(names))
    }

    /// Redacts a text that arrives in pieces.
    #[must_use]
    pub fn stream(&self) -> Stream<&Self> {
        Stream::new(self)
    }

    fn apply<'t>(&self, text: &'t str, names: Option<&mut Pseudonyms>) -> Redaction<'t> {
        let (mut settler, mut out) = (Settler::default(), String::new());
        if let Some(engine) = &self.engine {
            engine.scan(text.as_bytes(), 0, 0, true, &mut settler.found);
        }
        if let Some(own) = &self.own {
            own.scan(text.as_bytes(), 0, 0, true, &mut settler.found);
        }
        if settler.found.is_empty() {
            return Redaction { text: Cow::Borrowed(text), findings: Vec::new(), blocked: false };
        }
        settler.settle(self, names, (text, 0), text.len(), &mut out);
        let text = match settler.done {
            0 => Cow::Borrowed(text),
            _ => {
                settler.pass((text, 0), text.len(), &mut out);
                Cow::Owned(out)
            }
        };
        settler.close();
        Redaction { text, findings: settler.findings, blocked: settler.blocked }
    }

    fn action(&self, kind: Option<Kind>) -> Action {
        kind.and_then(|kind| self.actions.get(&kind).copied()).unwrap_or_default()
    }

    fn replacement(&self, rank: usize) -> &str {
        self.replacements.get(rank).map(String::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
