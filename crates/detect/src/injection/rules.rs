//! Rules over the parts that words play.
//!
//! A rule is a short sequence of parts with room between them, so one rule reads "ignore all
//! previous instructions", "vergiss deine bisherigen Regeln" and ten thousand other wordings.

use super::lexicon::Parts;
use super::tokens::Token;
use super::{InjectionKind, Sensitivity};

/// A sequence of parts; each step says how many words may stand between it and the one before.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) kind: InjectionKind,
    /// The lowest sensitivity at which it counts by itself.
    pub(super) tier: Sensitivity,
    steps: &'static [(Parts, usize)],
}

use InjectionKind::{Exfiltration, Injection, Jailbreak, ToolPoisoning};
use Sensitivity::{High, Low, Medium};

const ORDERS: Parts = Parts::ORDER.or(Parts::PROMPT);
/// What a new order begins with.
const DEEDS: Parts = Parts::MUST.or(Parts::NEW).or(Parts::OBEY).or(Parts::REVEAL).or(Parts::SEND);
const TASKS: Parts = ORDERS.or(Parts::TASK);

/// Every rule of ours. The place in the list is part of the trained model: add at the end, and
/// train again after any change.
pub(super) const RULES: &[Rule] = &[
    rule("drop-prior-orders", Injection, Low, &[(Parts::DROP, 0), (Parts::PRIOR, 4), (ORDERS, 4)]),
    rule("drop-orders-above", Injection, Low, &[(Parts::DROP, 0), (ORDERS, 4), (Parts::PRIOR, 3)]),
    rule("drop-your-orders", Injection, Medium, &[(Parts::DROP, 0), (Parts::YOU, 3), (ORDERS, 3)]),
    rule(
        "not-obey-orders",
        Injection,
        Medium,
        &[(Parts::NOT, 0), (Parts::OBEY, 2), (Parts::PRIOR.or(Parts::YOU), 3), (ORDERS, 3)],
    ),
    rule("new-orders", Injection, High, &[(Parts::YOU, 0), (Parts::NEW, 1), (TASKS, 2)]),
    rule("obey-new-orders", Injection, High, &[(Parts::OBEY, 0), (Parts::NEW, 3), (ORDERS, 2)]),
    rule(
        "reveal-prompt",
        Injection,
        Medium,
        &[
            (Parts::REVEAL, 0),
            (Parts::YOU, 3),
            (Parts::ROLE.or(Parts::PRIOR).or(Parts::SECRET), 3),
            (ORDERS, 2),
        ],
    ),
    rule(
        "reveal-your-orders",
        Injection,
        High,
        &[(Parts::REVEAL, 0), (Parts::YOU, 3), (ORDERS, 3)],
    ),
    rule(
        "keep-from-user",
        Injection,
        Medium,
        &[(Parts::NOT, 0), (Parts::TELL, 3), (Parts::USER, 4)],
    ),
    rule("secretly-send", Exfiltration, High, &[(Parts::SECRET, 0), (Parts::SEND, 4)]),
    rule("send-loot", Exfiltration, High, &[(Parts::SEND, 0), (Parts::LOOT, 6), (Parts::PLACE, 6)]),
    rule(
        "picture-with-loot",
        Exfiltration,
        High,
        &[(Parts::PLACE, 0), (Parts::LOOT, 4), (Parts::SEND, 4)],
    ),
    rule("attention-model", Injection, High, &[(Parts::URGENT, 0), (Parts::MODEL, 5)]),
    rule(
        "if-you-are-a-model",
        Injection,
        High,
        &[(Parts::YOU, 0), (Parts::MODEL, 5), (Parts::MUST.or(Parts::OBEY), 8)],
    ),
    rule("be-persona", Jailbreak, Medium, &[(Parts::YOU, 0), (Parts::NEW, 2), (Parts::PERSONA, 5)]),
    rule("act-as-persona", Jailbreak, High, &[(Parts::ACT, 0), (Parts::PERSONA, 6)]),
    rule("privileged-mode", Jailbreak, High, &[(Parts::ROLE, 0), (Parts::MODE, 1)]),
    rule(
        "without-limits",
        Jailbreak,
        High,
        &[(Parts::NOT, 0), (Parts::LIMITS, 4), (Parts::LIMITS.or(ORDERS), 4)],
    ),
    rule(
        "drop-limits",
        Jailbreak,
        High,
        &[(Parts::DROP, 0), (Parts::LIMITS, 5), (ORDERS.or(Parts::LIMITS), 4)],
    ),
    rule(
        "before-this-tool",
        ToolPoisoning,
        High,
        &[
            (Parts::WHEN, 0),
            (Parts::OBEY, 2),
            (Parts::TOOL, 4),
            (Parts::REVEAL.or(Parts::SEND).or(Parts::OBEY), 10),
        ],
    ),
    rule(
        "loot-as-argument",
        ToolPoisoning,
        High,
        &[(Parts::LOOT, 0), (Parts::TOOL, 8), (Parts::NOT, 12), (Parts::TELL, 3)],
    ),
    rule(
        "say-exactly",
        Injection,
        High,
        &[(Parts::DROP, 0), (TASKS, 6), (Parts::NEW, 6), (Parts::ANSWER, 4)],
    ),
    rule(
        "order-over",
        Injection,
        High,
        &[(Parts::NEW, 0), (Parts::ORDER, 1), (Parts::DROP, 4), (Parts::PRIOR, 4)],
    ),
    rule(
        "you-must-now",
        Injection,
        High,
        &[(Parts::MODEL, 0), (Parts::YOU, 6), (Parts::MUST, 2), (Parts::NEW, 2)],
    ),
    rule(CERTAIN, Injection, Low, &[(Parts::DROP, 0), (Parts::PRIOR, 4), (ORDERS, 4), (DEEDS, 5)]),
];

/// The rule that no doubt of the model overrules: earlier orders are dropped and a new one follows.
pub(super) const CERTAIN: &str = "drop-orders-for-new";

const fn rule(
    name: &'static str,
    kind: InjectionKind,
    tier: Sensitivity,
    steps: &'static [(Parts, usize)],
) -> Rule {
    Rule { name, kind, tier, steps }
}

/// A rule that fired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RuleHit {
    pub(super) rule: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

const REMEMBERED: usize = 8;

/// Follows a text word by word and reports the rules that are complete.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleReader {
    /// The last words that played a part: parts, place in words, first byte.
    seen: [(Parts, usize, usize); REMEMBERED],
    count: usize,
    at: usize,
}

/// The parts that complete each rule.
const LASTS: [Parts; RULES.len()] = lasts();
/// The parts that complete any rule.
const LAST: Parts = any_last();

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn lasts() -> [Parts; RULES.len()] {
    let mut all = [Parts::COMMON; RULES.len()];
    let mut i = 0;
    while i < RULES.len() {
        all[i] = RULES[i].steps[RULES[i].steps.len() - 1].0;
        i += 1;
    }
    all
}

#[expect(clippy::indexing_slicing, reason = "at compile time")]
const fn any_last() -> Parts {
    let mut all = LASTS[0];
    let mut i = 1;
    while i < LASTS.len() {
        all = all.or(LASTS[i]);
        i += 1;
    }
    all
}

impl RuleReader {
    /// Takes one more token.
    #[inline]
    pub(super) fn take(&mut self, token: &Token, parts: Parts, mut hit: impl FnMut(RuleHit)) {
        self.at += 1;
        if !parts.is_some() {
            return;
        }
        if parts.any(LAST) && self.count > 0 {
            for (rule, last) in LASTS.iter().enumerate() {
                if parts.any(*last)
                    && let Some(start) = RULES.get(rule).and_then(|rule| self.complete(rule.steps))
                {
                    hit(RuleHit { rule, start, end: token.end });
                }
            }
        }
        if let Some(slot) = self.seen.get_mut(self.count % REMEMBERED) {
            *slot = (parts, self.at, token.start);
            self.count += 1;
        }
    }

    /// Where a rule began whose last step the newest word is.
    fn complete(&self, steps: &[(Parts, usize)]) -> Option<usize> {
        let (last, earlier) = steps.split_last()?;
        let mut room = last.1;
        let (mut next_at, mut start, mut back) = (self.at, None, 1);
        for (part, next_room) in earlier.iter().rev() {
            loop {
                let index = self.count.checked_sub(back).filter(|_| back <= REMEMBERED)?;
                let (seen, at, from) = self.seen.get(index % REMEMBERED)?;
                if next_at - at > room + 1 {
                    return None;
                }
                back += 1;
                if seen.any(*part) {
                    (next_at, start, room) = (*at, Some(*from), *next_room);
                    break;
                }
            }
        }
        start
    }
}
