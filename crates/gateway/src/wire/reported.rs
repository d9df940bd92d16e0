//! What applications tell of the events that they report, by family. Every field may be left out,
//! and others may stand beside them; one that is there is of its type.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bakerst_model::{Category, Escaped};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Makes the shape of a family's details, and a check of every field by its name.
macro_rules! details {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $expected:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: Option<$kind>,)*
            }

            impl $name {
                fn check(detail: &Map<String, Value>) -> Result<(), String> {
                    $(check_field::<$kind>(detail, stringify!($field), $expected)?;)*
                    Ok(())
                }
            }
        )*
    };
}

details! {
    /// Of `auth`: who came, or was turned away.
    AuthDetail {
        /// How they said who they are.
        method: String = "a text",
        /// Why they were turned away.
        reason: String = "a text",
        /// Where they came from.
        ip: IpAddr = "an address",
    }
    /// Of `tool`: a call and what became of it.
    ToolDetail {
        /// The tool.
        tool: String = "a text",
        /// What it was given. Secrets are taken out before it is recorded.
        input: Value = "JSON",
        /// How long it took, in milliseconds.
        duration_ms: Millis = "a number of milliseconds",
        /// What the guardrails decided.
        decision: String = "a text",
    }
    /// Of `secret`: which were read or changed.
    SecretDetail {
        /// Their names.
        keys: Vec<String> = "a list of texts",
        /// Who asked for that.
        requested_by: String = "a text",
        /// Whether a deployment was restarted for it.
        restart: bool = "`true` or `false`",
    }
    /// Of `admin`: what was set otherwise.
    AdminDetail {
        /// The setting.
        setting: String = "a text",
        /// What it was.
        old: Value = "JSON",
        /// What it is.
        new: Value = "JSON",
    }
    /// Of `llm`: a request to a model and what came of it.
    LlmDetail {
        /// The model.
        model: String = "a text",
        /// Who serves it.
        provider: String = "a text",
        /// How many tokens, in all or by kind.
        tokens: Tokens = "a whole number, or whole numbers by kind",
        /// What it cost.
        cost: Cost = "a number that is not negative, or one as a text",
        /// What the cache did: a word, or figures by name.
        cache: Cache = "a word, `true` or `false`, or figures by name",
        /// What went wrong.
        error: Value = "JSON",
    }
}

/// What an application may tell of an event: the fields of its family, and others beside them.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum FamilyDetail {
    /// Of `auth`.
    Auth(AuthDetail),
    /// Of `tool`.
    Tool(ToolDetail),
    /// Of `secret`.
    Secret(SecretDetail),
    /// Of `admin`.
    Admin(AdminDetail),
    /// Of `llm`.
    Llm(LlmDetail),
}

/// Milliseconds, not necessarily whole.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "f64", into = "f64")]
#[schemars(with = "f64", extend("minimum" = 0))]
pub struct Millis(f64);

impl TryFrom<f64> for Millis {
    type Error = &'static str;

    fn try_from(millis: f64) -> Result<Self, Self::Error> {
        match millis.is_finite() && millis >= 0.0 {
            true => Ok(Self(millis)),
            false => Err("not a time"),
        }
    }
}

impl From<Millis> for f64 {
    fn from(millis: Millis) -> Self {
        millis.0
    }
}

/// How many tokens.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Tokens {
    /// In all.
    All(u64),
    /// By kind, such as `input` and `output`.
    ByKind(BTreeMap<String, u64>),
}

/// What something cost. As a text it is exact.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cost {
    /// As a number.
    Number(Millis),
    /// As a decimal number in a text.
    Text(Decimal),
}

/// A decimal number that is not negative, as a text.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+(\\.[0-9]+)?$"))]
pub struct Decimal(String);

impl TryFrom<String> for Decimal {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
        match digits(whole) && digits(part) {
            true => Ok(Self(text)),
            false => Err("not a decimal number"),
        }
    }
}

impl From<Decimal> for String {
    fn from(decimal: Decimal) -> Self {
        decimal.0
    }
}

/// What a cache did.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cache {
    /// Whether it helped.
    Hit(bool),
    /// In a word, such as `hit`.
    Word(String),
    /// In figures by name, such as `read_tokens`.
    Figures(BTreeMap<String, serde_json::Number>),
}

/// Checks the fields that an event of this family has.
///
/// # Errors
/// Names the first that is not of its type.
pub(crate) fn check(category: Category, detail: &Map<String, Value>) -> Result<(), String> {
    match category {
        Category::Auth => AuthDetail::check(detail),
        Category::Tool => ToolDetail::check(detail),
        Category::Secret => SecretDetail::check(detail),
        Category::Admin => AdminDetail::check(detail),
        Category::Llm => LlmDetail::check(detail),
        // Applications report no others.
        _ => Ok(()),
    }
}

fn check_field<'d, T: Deserialize<'d>>(
    detail: &'d Map<String, Value>,
    name: &str,
    expected: &str,
) -> Result<(), String> {
    let Some(value) = detail.get(name).filter(|value| !value.is_null()) else { return Ok(()) };
    T::deserialize(value).map(drop).map_err(|_| {
        let shown: String = Escaped(&value.to_string()).to_string().chars().take(100).collect();
        format!("`detail.{name}` is `{shown}`, expected {expected}")
    })
}
