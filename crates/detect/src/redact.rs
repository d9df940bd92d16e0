//! Secrets and personal data in texts, found and replaced.

use std::borrow::Cow;
use std::ops::Range;

use regex_automata::meta::Regex;

use crate::pattern::{PatternError, compile_regex};

/// What a policy can ask for by name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Keys and tokens of well-known services.
    ApiKey,
    /// Private keys in PEM form.
    PrivateKey,
    /// JSON web tokens.
    Jwt,
    /// Electronic mail addresses.
    Email,
    /// United States social security numbers.
    UsSsn,
    /// Payment card numbers that pass their check digit.
    CreditCard,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::ApiKey, Self::PrivateKey, Self::Jwt, Self::Email, Self::UsSsn, Self::CreditCard];

    /// The kind as it is written in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PrivateKey => "private_key",
            Self::Jwt => "jwt",
            Self::Email => "email",
            Self::UsSsn => "us_ssn",
            Self::CreditCard => "credit_card",
        }
    }

    /// What takes its place.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::ApiKey => "[REDACTED_API_KEY]",
            Self::PrivateKey => "[REDACTED_PRIVATE_KEY]",
            Self::Jwt => "[REDACTED_JWT]",
            Self::Email => "[REDACTED_EMAIL]",
            Self::UsSsn => "[REDACTED_US_SSN]",
            Self::CreditCard => "[REDACTED_CREDIT_CARD]",
        }
    }

    const fn regex(self) -> &'static str {
        match self {
            Self::ApiKey => {
                r"\b(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|(?:AKIA|ASIA)[A-Z2-7]{16}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,})"
            }
            Self::PrivateKey => {
                r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[A-Za-z0-9+/=\s:,-]+?-----END (?:[A-Z]+ )?PRIVATE KEY-----"
            }
            Self::Jwt => r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
            Self::Email => r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,24}",
            Self::UsSsn => r"\b[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\b",
            Self::CreditCard => r"\b[3-6][0-9]{3}(?:[ -]?[0-9]{2,6}){2,4}\b",
        }
    }

    fn holds(self, found: &str) -> bool {
        match self {
            Self::UsSsn => !["000", "666"].contains(&found.get(..3).unwrap_or_default()),
            Self::CreditCard => passes_luhn(found),
            _ => true,
        }
    }
}

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

/// What was replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedactionFinding {
    /// The placeholder that stands there now.
    pub placeholder: String,
    /// Where it stood, in bytes of the text.
    pub span: Range<usize>,
}

/// A text without its secrets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Redaction<'t> {
    /// The text, borrowed where nothing was replaced.
    pub text: Cow<'t, str>,
    /// What was replaced, in order.
    pub findings: Vec<RedactionFinding>,
}

/// Compiled rules.
#[derive(Debug)]
pub struct Redactor {
    rules: Vec<(Option<Kind>, String)>,
    regex: Option<Regex>,
}

impl Redactor {
    /// Compiles rules; where two match at one place, the earlier rule wins.
    ///
    /// # Errors
    /// Names the rule that is no regular expression.
    pub fn new(rules: &[Rule]) -> Result<Self, PatternError> {
        let (mut named, mut texts) = (Vec::new(), Vec::new());
        for rule in rules {
            match rule {
                Rule::Kind(kind) => {
                    named.push((Some(*kind), kind.placeholder().to_owned()));
                    texts.push(kind.regex());
                }
                Rule::Regex { find, replace } => {
                    compile_regex(find)?;
                    named.push((None, replace.clone()));
                    texts.push(find);
                }
            }
        }
        let regex = match texts.is_empty() {
            true => None,
            false => Some(Regex::builder().build_many(&texts).map_err(|e| {
                PatternError::Regex { pattern: texts.join(" | "), why: e.to_string() }
            })?),
        };
        Ok(Self { rules: named, regex })
    }

    /// Replaces what the rules name.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Redaction<'t> {
        let (mut out, mut findings, mut copied) = (String::new(), Vec::new(), 0);
        for found in self.regex.iter().flat_map(|regex| regex.find_iter(text)) {
            let Some((kind, placeholder)) = self.rules.get(found.pattern().as_usize()) else {
                continue;
            };
            let original = text.get(found.range()).unwrap_or_default();
            if found.is_empty() || kind.is_some_and(|kind| !kind.holds(original)) {
                continue;
            }
            out.push_str(text.get(copied..found.start()).unwrap_or_default());
            out.push_str(placeholder);
            copied = found.end();
            findings
                .push(RedactionFinding { placeholder: placeholder.clone(), span: found.range() });
        }
        if findings.is_empty() {
            return Redaction { text: Cow::Borrowed(text), findings };
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Redaction { text: Cow::Owned(out), findings }
    }
}

/// The check digit of payment cards, over 13 to 19 digits.
fn passes_luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = (digits.iter().rev().enumerate())
        .map(|(place, &digit)| if place % 2 == 1 { doubled(digit) } else { digit })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let redactor = Redactor::new(&Kind::ALL.map(Rule::Kind)).unwrap();
        assert_eq!(redactor.redact(text).text, want);
    }

    #[test]
    fn secrets_and_personal_data_are_replaced() {
        let key = ["sk-", "ant-", "abcdefghijklmnopqrstuv"].concat();
        check(&format!("key={key}!"), "key=[REDACTED_API_KEY]!");
        check("write to ann.lee@example.co.uk now", "write to [REDACTED_EMAIL] now");
        check("ssn 078-05-1120", "ssn [REDACTED_US_SSN]");
        check("ssn 000-05-1120", "ssn 000-05-1120");
        check("card 4111 1111 1111 1111.", "card [REDACTED_CREDIT_CARD].");
        check("card 4111 1111 1111 1112.", "card 4111 1111 1111 1112.");
        check("nothing to see", "nothing to see");
    }

    #[test]
    fn earlier_rules_win_at_one_place() {
        let own = Rule::Regex { find: "ann@[a-z.]+".into(), replace: "[ANN]".into() };
        let redactor = Redactor::new(&[own, Rule::Kind(Kind::Email)]).unwrap();
        assert_eq!(redactor.redact("ann@a.org bob@a.org").text, "[ANN] [REDACTED_EMAIL]");
    }
}
