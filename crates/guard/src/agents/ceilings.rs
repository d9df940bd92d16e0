//! What an agent may spend, how long it may take and what it may use. Typed and checked here;
//! doors that count, clocks and sandboxes are to enforce it. Until they do, a warning says so.

use bakerst_model::MicroUsd;
use serde::{Deserialize, Serialize};

/// What an agent may spend.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tokens a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<Amount>,
    /// Tokens a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_month: Option<Amount>,
    /// Dollars a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_day: Option<Usd>,
    /// Dollars a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_month: Option<Usd>,
}

/// How long an agent may take.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TimeCaps {
    /// For one call of a tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_seconds_max: Option<Amount>,
    /// For one conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_seconds_max: Option<Amount>,
}

/// What an agent's tasks may use of a machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus_max: Option<Amount>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes_max: Option<Amount>,
    /// What is written to disks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes_max: Option<Amount>,
    /// Processes at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_max: Option<Amount>,
}

/// A whole number of at least one: a ceiling of nothing is spelt by giving no tools.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

impl TryFrom<u64> for Amount {
    type Error = &'static str;

    fn try_from(amount: u64) -> Result<Self, Self::Error> {
        match amount {
            0 => Err("a ceiling of 0 lets nothing happen; expected at least 1"),
            amount => Ok(Self(amount)),
        }
    }
}

impl From<Amount> for u64 {
    fn from(Amount(amount): Amount) -> Self {
        amount
    }
}

/// Dollars, as a number or a text; at least a millionth of one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "RawUsd", into = "String")]
pub struct Usd(MicroUsd);

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected dollars such as `50` or `0.25`")]
enum RawUsd {
    Whole(u64),
    Number(f64),
    Text(String),
}

impl TryFrom<RawUsd> for Usd {
    type Error = String;

    fn try_from(raw: RawUsd) -> Result<Self, String> {
        let text = match raw {
            RawUsd::Whole(dollars) => dollars.to_string(),
            RawUsd::Number(dollars) => dollars.to_string(),
            RawUsd::Text(text) => text,
        };
        let sum = MicroUsd::parse(&text).map_err(|e| e.to_string())?;
        match sum.micros() {
            0 => Err("a budget of 0 lets nothing happen; expected more".to_owned()),
            _ => Ok(Self(sum)),
        }
    }
}

impl From<Usd> for String {
    fn from(Usd(sum): Usd) -> Self {
        sum.to_string()
    }
}
