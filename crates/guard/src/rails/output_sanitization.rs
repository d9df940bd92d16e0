//! Takes secrets and personal data out of what tools return.

use bakerst_detect::pattern::{PatternError, compile_regex};
use bakerst_detect::redact::{Kind, Redactor, Rule};
use serde::{Deserialize, Serialize};

/// What is taken out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The policy's own patterns; they come before the built-in kinds.
    patterns: Vec<PatternRule>,
    /// Which built-in kinds are taken out as well, beside those that `patterns` names.
    built_in: BuiltIn,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum BuiltIn {
    /// Those that no honest work needs: [`USUAL`].
    #[default]
    Usual,
    /// Every kind there is.
    All,
    /// None.
    None,
}

/// Secrets, and what identifies a person. Addresses of machines and houses are left out: much
/// honest work is about them, and a sanitizer that hides them gets switched off.
pub(crate) const USUAL: [Kind; 12] = [
    Kind::ApiKey,
    Kind::PrivateKey,
    Kind::Jwt,
    Kind::Password,
    Kind::Email,
    Kind::Phone,
    Kind::UsSsn,
    Kind::NationalId,
    Kind::Passport,
    Kind::CreditCard,
    Kind::Iban,
    Kind::DateOfBirth,
];

/// `{type: regex, match, replace}`, or `{type: email}` for a built-in kind.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "RawRule", into = "RawRule")]
pub struct PatternRule(Rule);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#match: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replace: Option<String>,
}

impl TryFrom<RawRule> for PatternRule {
    type Error = String;

    fn try_from(RawRule { r#type, r#match, replace }: RawRule) -> Result<Self, String> {
        if r#type == "regex" {
            let find = r#match.ok_or("a rule of type `regex` needs `match`")?;
            compile_regex(&find).map_err(|e: PatternError| e.to_string())?;
            let replace = replace.unwrap_or_else(|| "[REDACTED]".to_owned());
            return Ok(Self(Rule::Regex { find, replace }));
        }
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == r#type).ok_or_else(|| {
            let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
            format!("unknown type `{type}`, expected `regex` or one of: {}", known.join(", "))
        })?;
        match (r#match, replace) {
            (None, None) => Ok(Self(Rule::Kind(kind))),
            _ => Err(format!("a rule of type `{type}` takes neither `match` nor `replace`")),
        }
    }
}

impl From<PatternRule> for RawRule {
    fn from(PatternRule(rule): PatternRule) -> Self {
        match rule {
            Rule::Kind(kind) => {
                Self { r#type: kind.as_str().to_owned(), r#match: None, replace: None }
            }
            Rule::Regex { find, replace } => {
                Self { r#type: "regex".to_owned(), r#match: Some(find), replace: Some(replace) }
            }
        }
    }
}

impl Config {
    /// How many entries its longest list has.
    pub(crate) fn longest_list(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn redactor(&self) -> Result<Redactor, PatternError> {
        let mut rules: Vec<Rule> =
            self.patterns.iter().map(|PatternRule(rule)| rule.clone()).collect();
        match self.built_in {
            BuiltIn::Usual => rules.extend(USUAL.map(Rule::Kind)),
            BuiltIn::All => rules.extend(Kind::ALL.map(Rule::Kind)),
            BuiltIn::None => {}
        }
        Redactor::new(&rules)
    }
}
