//! One rule: the words that it is written in, and what it asks of a value.

use bakerst_detect::pattern::compile_regex;
use regex_automata::meta::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::host::{self, HostPattern};
use super::number::Range;
use super::path::PathRule;
use super::pointer::Found;
use super::{Broken, Pointer, ResolvedPaths};

/// What a policy asks of a value, and what follows when it is not so.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(try_from = "RawRule", into = "RawRule")]
pub struct ArgRule {
    checks: Vec<ArgCheck>,
    /// Whether the value may be missing, or null.
    optional: bool,
    otherwise: Otherwise,
    written: RawRule,
}

/// What follows when a rule is broken.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Otherwise {
    /// The call is refused.
    #[default]
    Deny,
    /// A person is asked.
    Ask,
}

/// `"<=100"`, `["optional", "<=100"]`, or `{rule: "<=100", otherwise: ask}`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(
    untagged,
    expecting = "expected a rule such as `under:/workspace`, a list of them, or `rule:` and `otherwise:`"
)]
enum RawRule {
    One(String),
    All(Vec<String>),
    With(RuleWith),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RuleWith {
    rule: OneOrAll,
    #[serde(default)]
    otherwise: Otherwise,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a rule such as `under:/workspace`, or a list of them")]
enum OneOrAll {
    One(String),
    All(Vec<String>),
}

/// One thing that is asked of a value.
#[derive(Clone, Debug)]
enum ArgCheck {
    Under(PathRule),
    Host(Vec<HostPattern>),
    Mail(Vec<HostPattern>),
    Number(Range),
    Length(Range),
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    Matches { text: String, regex: Regex },
    Present,
    Absent,
}

/// The words that begin a rule, for whoever has mistyped one.
const WORDS: [&str; 11] = [
    "under:",
    "resolved-under:",
    "host:",
    "mail:",
    "one of:",
    "none of:",
    "matches:",
    "length",
    "present",
    "absent",
    "optional",
];

impl TryFrom<RawRule> for ArgRule {
    type Error = String;

    fn try_from(written: RawRule) -> Result<Self, String> {
        let (texts, otherwise) = match &written {
            RawRule::One(text) => (std::slice::from_ref(text), Otherwise::Deny),
            RawRule::All(texts) => (texts.as_slice(), Otherwise::Deny),
            RawRule::With(RuleWith { rule: OneOrAll::One(text), otherwise }) => {
                (std::slice::from_ref(text), *otherwise)
            }
            RawRule::With(RuleWith { rule: OneOrAll::All(texts), otherwise }) => {
                (texts.as_slice(), *otherwise)
            }
        };
        let (mut checks, mut optional) = (Vec::new(), false);
        for text in texts {
            let text = text.trim();
            let rest = match text.strip_prefix("optional") {
                Some(rest) if rest.is_empty() || rest.starts_with(' ') => {
                    optional = true;
                    rest.trim()
                }
                _ => text,
            };
            if !rest.is_empty() || rest.len() == text.len() {
                checks.push(ArgCheck::parse(rest)?);
            }
        }
        if checks.is_empty() {
            return Err("the rule asks for nothing".to_owned());
        }
        let rule = Self { checks, optional, otherwise, written };
        match rule.contradiction(&rule) {
            Some(why) => Err(why),
            None => Ok(rule),
        }
    }
}

impl From<ArgRule> for RawRule {
    fn from(rule: ArgRule) -> Self {
        rule.written
    }
}

impl ArgRule {
    /// What follows when it is broken.
    #[must_use]
    pub fn otherwise(&self) -> Otherwise {
        self.otherwise
    }

    /// Whether it leaves open whom an address reaches, or where a path leads.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.checks.iter().any(|check| match check {
            ArgCheck::Host(hosts) | ArgCheck::Mail(hosts) => hosts.iter().any(HostPattern::is_wide),
            ArgCheck::Under(rule) => rule.is_wide(),
            _ => false,
        })
    }

    pub(super) fn check(
        &self,
        pointer: &Pointer,
        input: &Value,
        resolved: &ResolvedPaths,
    ) -> Result<(), Broken> {
        let absent = self.checks.iter().any(|check| matches!(check, ArgCheck::Absent));
        let values = match pointer.find(input) {
            Found::Missing if absent || self.optional => return Ok(()),
            Found::Missing => return Err(Broken::Unreadable("is missing, and has a rule".into())),
            Found::Values(values) => values,
        };
        for value in values {
            if value.is_null() && self.optional {
                continue;
            }
            self.checks.iter().try_for_each(|check| check.check(value, resolved))?;
        }
        Ok(())
    }

    pub(super) fn resolves(&self) -> bool {
        self.checks.iter().any(|check| matches!(check, ArgCheck::Under(rule) if rule.resolves()))
    }

    pub(super) fn paths_to_resolve(
        &self,
        pointer: &Pointer,
        input: &Value,
        into: &mut Vec<String>,
    ) {
        let Found::Values(values) = pointer.find(input) else { return };
        for check in &self.checks {
            if let ArgCheck::Under(rule) = check {
                let texts = values.iter().filter_map(|value| value.as_str());
                texts.for_each(|text| rule.to_resolve(text, into));
            }
        }
    }

    /// Why no value could keep this rule and `other`.
    pub(super) fn contradiction(&self, other: &Self) -> Option<String> {
        if self.optional && other.optional {
            // What is missing keeps both.
            return None;
        }
        let pairs = self
            .checks
            .iter()
            .flat_map(|ours| other.checks.iter().map(move |theirs| (ours, theirs)));
        pairs.into_iter().find_map(|(ours, theirs)| {
            ours.excludes(theirs).then(|| {
                format!("no value is both `{}` and `{}`", ours.describe(), theirs.describe())
            })
        })
    }
}

impl ArgCheck {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("under:") {
            return PathRule::parse(rest, false).map(Self::Under);
        }
        if let Some(rest) = text.strip_prefix("resolved-under:") {
            return PathRule::parse(rest, true).map(Self::Under);
        }
        if let Some(rest) = text.strip_prefix("host:") {
            return host::parse_list(rest).map(Self::Host);
        }
        if let Some(rest) = text.strip_prefix("mail:") {
            return host::parse_list(rest).map(Self::Mail);
        }
        if let Some(rest) = text.strip_prefix("one of:") {
            return parse_words(rest).map(Self::OneOf);
        }
        if let Some(rest) = text.strip_prefix("none of:") {
            return parse_words(rest).map(Self::NoneOf);
        }
        if let Some(rest) = text.strip_prefix("matches:") {
            let rest = rest.trim();
            // By itself first, so that no bracket in it reaches beyond; then against the whole
            // value: what a rule leaves out of view it cannot vouch for.
            compile_regex(rest)?;
            let regex = compile_regex(&format!("^(?:{rest})$"))?;
            return Ok(Self::Matches { text: rest.to_owned(), regex });
        }
        if let Some(rest) = text.strip_prefix("length") {
            return Range::parse(rest.trim()).map(Self::Length);
        }
        match text {
            "present" => Ok(Self::Present),
            "absent" => Ok(Self::Absent),
            _ if text.starts_with(|c: char| c.is_ascii_digit() || "<>=-".contains(c)) => {
                Range::parse(text).map(Self::Number)
            }
            _ => Err(unknown(text)),
        }
    }

    fn check(&self, value: &Value, resolved: &ResolvedPaths) -> Result<(), Broken> {
        let refused = |why: Result<(), String>| why.map_err(Broken::Refused);
        let expected = |what: &str| Broken::Unreadable(format!("is no {what}, and must be one"));
        let text = || value.as_str().ok_or_else(|| expected("text"));
        let must = |holds: bool| match holds {
            true => Ok(()),
            false => Err(Broken::Refused(format!("must be `{}`", self.describe()))),
        };
        match self {
            Self::Under(rule) => refused(rule.check(text()?, resolved)),
            Self::Host(hosts) => refused(host::check(hosts, text()?)),
            Self::Mail(hosts) => refused(host::check_mail(hosts, text()?)),
            Self::Number(range) => {
                must(range.holds(value.as_f64().ok_or_else(|| expected("number"))?))
            }
            Self::Length(range) => {
                let length = match value {
                    Value::String(text) => text.chars().count(),
                    Value::Array(items) => items.len(),
                    _ => return Err(expected("text or list")),
                };
                must(range.holds(f64::from(u32::try_from(length).unwrap_or(u32::MAX))))
            }
            Self::OneOf(words) => {
                must(words.contains(&word(value).ok_or_else(|| expected("text"))?))
            }
            Self::NoneOf(words) => {
                must(!words.contains(&word(value).ok_or_else(|| expected("text"))?))
            }
            Self::Matches { regex, .. } => must(regex.is_match(text()?)),
            Self::Present => match value {
                Value::Null => Err(Broken::Unreadable("is missing, and must be there".into())),
                _ => Ok(()),
            },
            Self::Absent => Err(Broken::Refused("must not be there".into())),
        }
    }

    /// Whether nothing can keep both.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(ours), Self::Number(theirs))
            | (Self::Length(ours), Self::Length(theirs)) => ours.excludes(theirs),
            (Self::OneOf(ours), Self::OneOf(theirs)) => {
                !ours.iter().any(|word| theirs.contains(word))
            }
            (Self::OneOf(words), Self::NoneOf(not)) | (Self::NoneOf(not), Self::OneOf(words)) => {
                words.iter().all(|word| not.contains(word))
            }
            (Self::Under(ours), Self::Under(theirs)) => ours.excludes(theirs),
            (Self::Absent, Self::Absent) => false,
            (Self::Absent, _) | (_, Self::Absent) => true,
            (
                Self::Number(_),
                Self::Under(_)
                | Self::Host(_)
                | Self::Mail(_)
                | Self::Matches { .. }
                | Self::Length(_),
            )
            | (
                Self::Under(_)
                | Self::Host(_)
                | Self::Mail(_)
                | Self::Matches { .. }
                | Self::Length(_),
                Self::Number(_),
            ) => true,
            _ => false,
        }
    }

    fn describe(&self) -> String {
        let hosts = |hosts: &[HostPattern]| {
            hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Under(rule) => rule.to_string().replace('`', ""),
            Self::Host(list) => format!("host: {}", hosts(list)),
            Self::Mail(list) => format!("mail: {}", hosts(list)),
            Self::Number(range) => range.to_string(),
            Self::Length(range) => format!("length {range}"),
            Self::OneOf(words) => format!("one of: {}", words.join(", ")),
            Self::NoneOf(words) => format!("none of: {}", words.join(", ")),
            Self::Matches { text, .. } => format!("matches: {text}"),
            Self::Present => "present".to_owned(),
            Self::Absent => "absent".to_owned(),
        }
    }
}

/// Texts, numbers and truth values as they are written in a rule.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn parse_words(text: &str) -> Result<Vec<String>, String> {
    let words: Vec<_> = text.split(',').map(|word| word.trim().to_owned()).collect();
    match words.iter().any(String::is_empty) {
        true => Err(format!("`{}` lists an empty word", text.trim())),
        false => Ok(words),
    }
}

fn unknown(text: &str) -> String {
    let head = text.split([':', ' ', '<', '>', '=']).next().unwrap_or_default();
    let bare = WORDS.map(|word| word.trim_end_matches(':'));
    match crate::document::nearest(head, &bare) {
        Some(near) => format!("`{text}` is no rule; did you mean `{near}`?"),
        None => format!(
            "`{text}` is no rule, expected one of: {}, or a bound such as `<=100`",
            WORDS.join(" ")
        ),
    }
}
