//! Where things are kept, and the only place that reads the environment.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use bakerst_model::Secret;

#[expect(clippy::disallowed_methods, reason = "this is where configuration is read")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A secret that the configuration says is in the environment.
#[expect(clippy::disallowed_methods, reason = "this is where configuration is read")]
pub(crate) fn secret_variable(name: &str) -> Option<Secret> {
    env::var(name).ok().map(|value| Secret::new(value.into_bytes()))
}

/// `$XDG_CONFIG_HOME/bakerst`, or `~/.config/bakerst`.
///
/// The current folder is not searched: an agent may be able to write there.
pub(crate) fn config_folder() -> PathBuf {
    base("XDG_CONFIG_HOME", ".config").join("bakerst")
}

/// `$XDG_STATE_HOME/bakerst`, or `~/.local/state/bakerst`.
pub(crate) fn state_folder() -> PathBuf {
    base("XDG_STATE_HOME", ".local/state").join("bakerst")
}

/// The state folder of whoever has set no variables.
pub(crate) fn usual_state_folder() -> PathBuf {
    home().join(".local/state/bakerst")
}

fn base(variable_name: &str, under_home: &str) -> PathBuf {
    variable(variable_name).map_or_else(|| home().join(under_home), PathBuf::from)
}

/// The home of whoever runs this.
pub(crate) fn home() -> PathBuf {
    PathBuf::from(variable("HOME").unwrap_or_else(|| "/".to_owned()))
}

/// Where programs are looked for.
pub(crate) fn programs() -> Option<OsString> {
    env::var_os("PATH")
}

/// What a program that we start may inherit of our environment.
pub(crate) fn inherited(names: &[&'static str]) -> Vec<(&'static str, OsString)> {
    names.iter().filter_map(|name| Some((*name, env::var_os(name)?))).collect()
}

/// Whether the person has asked for no colours (`NO_COLOR`).
pub(crate) fn no_colour() -> bool {
    variable("NO_COLOR").is_some()
}

/// The variables that override rates, as far as they are set.
pub(crate) fn rate_variables() -> Vec<(&'static str, String)> {
    let names = ["RATE_LIMIT_PER_USER", "RATE_LIMIT_GLOBAL"];
    names.into_iter().filter_map(|name| Some((name, variable(name)?))).collect()
}

/// Variables that ask for limits which nothing enforces yet.
pub(crate) fn unenforced_limits() -> Vec<&'static str> {
    let names = [
        "COST_LIMIT_DAILY",
        "COST_LIMIT_MONTHLY",
        "COST_ALERT_THRESHOLD",
        "COST_FALLBACK_STRATEGY",
    ];
    names.into_iter().filter(|name| variable(name).is_some()).collect()
}
