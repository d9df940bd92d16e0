//! Takes secrets and personal data out of what tools return.

use std::collections::BTreeMap;

use bakerst_detect::pattern::{PatternError, compile_regex};
use bakerst_detect::redact::{Action, Kind, Redactor, Rule};
use serde::{Deserialize, Serialize};

use crate::Mode;
use crate::sanitize::Sanitizer;

/// What is taken out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The policy's own patterns; they come before the built-in kinds.
    patterns: Vec<PatternRule>,
    /// Which built-in kinds are taken out as well, beside those that `patterns` names.
    built_in: BuiltIn,
    /// What is done about a kind, instead of masking it.
    actions: KindActions,
    /// The same for the results of single tools.
    tools: BTreeMap<String, KindActions>,
    /// Whether values get names such as `[EMAIL_1]` instead of placeholders.
    pseudonyms: bool,
    /// What becomes of pictures, sounds and files, which nobody here can read.
    #[serde(skip_serializing_if = "Media::is_usual")]
    media: Media,
}

/// What becomes of pictures, sounds and files in results.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Media {
    /// They pass as they are.
    #[default]
    Pass,
    /// They are left out, and a text says so.
    Drop,
}

impl Media {
    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

type KindActions = BTreeMap<KindName, KindAction>;

/// A built-in kind, by its word.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
struct KindName(Kind);

/// What is done where a kind is found.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum KindAction {
    /// A placeholder takes its place.
    Mask,
    /// The whole result is withheld.
    Block,
    /// It is noted and stays.
    Report,
    /// It is not looked for.
    Allow,
}

impl TryFrom<String> for KindName {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Kind::named(&word).map(Self).ok_or_else(|| {
            format!("unknown kind `{word}`, expected one of: {}", kind_names().join(", "))
        })
    }
}

impl From<KindName> for &'static str {
    fn from(KindName(kind): KindName) -> Self {
        kind.as_str()
    }
}

fn kind_names() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect()
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

/// What gives access to something.
pub(crate) const SECRETS: [Kind; 4] = [Kind::ApiKey, Kind::PrivateKey, Kind::Jwt, Kind::Password];

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
        let kind = Kind::named(&r#type).ok_or_else(|| {
            let known = kind_names().join(", ");
            format!("unknown type `{type}`, expected `regex` or one of: {known}")
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
        self.patterns.len().max(self.tools.len())
    }

    /// The tools that it has settings for.
    pub(crate) fn tools(&self) -> impl Iterator<Item = &str> {
        self.tools.keys().map(String::as_str)
    }

    pub(crate) fn media(&self) -> Media {
        self.media
    }

    pub(crate) fn sanitizer(&self, mode: Mode) -> Result<Sanitizer, PatternError> {
        let mut rules: Vec<Rule> =
            self.patterns.iter().map(|PatternRule(rule)| rule.clone()).collect();
        match self.built_in {
            BuiltIn::Usual => rules.extend(USUAL.map(Rule::Kind)),
            BuiltIn::All => rules.extend(Kind::ALL.map(Rule::Kind)),
            BuiltIn::None => {}
        }
        let everywhere = with_actions(Redactor::new(&rules)?, &self.actions);
        let own = |(tool, actions): (&String, &KindActions)| {
            (tool.clone(), with_actions(everywhere.clone(), actions))
        };
        let tools = self.tools.iter().map(own).collect();
        Ok(Sanitizer { mode, everywhere, tools, pseudonyms: self.pseudonyms })
    }
}

/// A kind that has an action of its own is looked for, whatever `built_in` says.
fn with_actions(redactor: Redactor, actions: &KindActions) -> Redactor {
    actions.iter().fold(redactor, |redactor, (KindName(kind), action)| match action {
        KindAction::Mask => redactor.with_action(*kind, Action::Mask),
        KindAction::Block => redactor.with_action(*kind, Action::Block),
        KindAction::Report => redactor.with_action(*kind, Action::Report),
        KindAction::Allow => redactor.without(*kind),
    })
}
