//! How often calls may be made: the section `rate_limits`, and the variables that override it.

use bakerst_guard::document::{Fault, Node};
use bakerst_guard::rate::{Rate, Rates};
use bakerst_model::Code;

use super::section;

/// Reads the section; variables count more.
pub(super) fn of_section(node: &Node) -> Result<Rates, Fault> {
    let mut rates: Rates = section(node, "rate_limits")?;
    for (name, text) in crate::paths::rate_variables() {
        let rate = Rate::parse(&text).map_err(|error| {
            Fault::new(Code::ConfigValue, format!("the variable `{name}`: {error}"))
        })?;
        match name {
            "RATE_LIMIT_PER_USER" => rates.per_user = Some(rate),
            _ => rates.global = Some(rate),
        }
    }
    Ok(rates)
}
