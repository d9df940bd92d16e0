//! `bakerst check`.

use bakerst_guard::PolicySource;
use bakerst_model::Code;
use serde::Serialize;

use crate::cli::{Check, Global};
use crate::config::{Config, Enforcement};
use crate::failure::{Exit, Failure, Outcome};
use crate::print::{self, Style};

pub(crate) fn run(check: &Check, global: &Global) -> Outcome {
    if check.print_default {
        print::line(PolicySource::default_text().trim_end());
        return Ok(Exit::Ok);
    }
    let config = Config::load(global.config.as_deref())?;
    let policy = config.compile()?;
    let report = Report {
        file: config.file.as_ref().map(|file| file.display().to_string()),
        policy: policy.digest().to_string(),
        warnings: warnings(&config, &policy),
        effective: &config,
    };
    if global.json {
        print::json(&report);
        return Ok(Exit::Ok);
    }
    let effective = serde_saphyr::to_string(&config).map_err(|e| {
        Failure::usage(Code::ConfigValue, format!("the configuration cannot be printed: {e}"))
    })?;
    print::line(effective.trim_end());
    let style = Style::for_stderr();
    for warning in &report.warnings {
        print::note(format!("{} {warning}", style.yellow("warning:")));
    }
    let file = report.file.as_deref().unwrap_or("the built-in configuration");
    print::note(format!("{} {file}, policy {}", style.green("sound:"), report.policy));
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct Report<'c> {
    file: Option<String>,
    policy: String,
    warnings: Vec<String>,
    effective: &'c Config,
}

/// What an operator should know before relying on this configuration.
pub(crate) fn warnings(config: &Config, policy: &bakerst_guard::Policy) -> Vec<String> {
    let mut warnings = policy.warnings();
    if config.enforcement == Enforcement::Off {
        warnings.insert(0, "enforcement is off: no call is judged".to_owned());
    }
    warnings.extend(config.gateway.warnings());
    let limits = crate::paths::unenforced_limits();
    warnings.extend(limits.iter().map(|name| {
        format!("`{name}` is set, but cost limits are not built yet: nothing enforces it")
    }));
    warnings
}
