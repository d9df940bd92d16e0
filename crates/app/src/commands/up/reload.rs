//! SIGHUP: the configuration is read again, and takes over whole or not at all.

use bakerst_gateway::Gateway;
use bakerst_model::{Action, Code, Journal};
use serde_json::{Value, json};

use super::{drift, event, record};
use crate::cli::Global;
use crate::config::{Config, changes};
use crate::failure::Failure;
use crate::print::{self, Style};

/// What can change while the server runs.
const RELOADED: [&str; 5] = ["authorization", "guardrails", "tools", "agents", "pins"];

/// Reads the configuration again; what is wrong with it is said, and the old one stays.
pub(super) async fn reload(
    config: &mut Config,
    gateway: &Gateway,
    journal: &dyn Journal,
    global: &Global,
) {
    match take_over(config, gateway, journal, global).await {
        Ok(policy) => print::note(format!("configuration reloaded: policy {policy}")),
        Err(failure) => {
            failure.report(global.json);
            print::note(Style::for_stderr().yellow("the configuration in force stays as it was"));
        }
    }
}

async fn take_over(
    config: &mut Config,
    gateway: &Gateway,
    journal: &dyn Journal,
    global: &Global,
) -> Result<String, Failure> {
    let mut new = Config::load(global.config.as_deref())?;
    // What the command line overrode at the start stays overridden.
    new.listen = config.listen.clone();
    new.durability = config.durability;
    let policy = new.compile()?;
    let changed = changes::between(&settings(config)?, &settings(&new)?);
    if let Some(fixed) = changed.iter().find(|change| !is_reloaded(&change.setting)) {
        let message = format!("`{}` changes only with a restart", fixed.setting);
        return Err(Failure::usage(Code::ConfigValue, message));
    }
    let digests = json!({ "old": gateway.policy().digest(), "new": policy.digest() });
    let detail = json!({ "changes": changed, "policy": digests });
    record(journal, event(Action::ConfigChanged, &detail)?).await?;
    drift::record_held(journal, &new.policy, Some(&config.policy)).await?;
    let digest = policy.digest().to_string();
    gateway.replace_policy(policy);
    *config = new;
    Ok(digest)
}

fn settings(config: &Config) -> Result<Value, Failure> {
    serde_json::to_value(config).map_err(|e| Failure::usage(Code::ConfigValue, e.to_string()))
}

fn is_reloaded(setting: &str) -> bool {
    RELOADED.iter().any(|section| {
        setting.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}
