//! What a chain and its lists leave open.

use bakerst_model::Code;

use super::{Lint, Part, Written};
use crate::config::{RailConfig, RailEntry};
use crate::{Mode, PolicySource};

pub(super) fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let guardrails = &source.guardrails;
    let entries = guardrails.chain.iter().enumerate();
    let mut lints: Vec<_> =
        entries.filter_map(|(place, entry)| lint_entry(place, entry, written)).collect();
    for (place, entry) in guardrails.chain.iter().enumerate() {
        let RailConfig::OutputSanitization(config) = &entry.config else { continue };
        let strange = config.tools().filter(|tool| !source.tools.contains_key(*tool));
        lints.extend(strange.map(|tool| Lint {
            code: Code::LintNeverMatches,
            at: written.item(Part::Guardrails, "chain", place),
            message: format!("`{}` has settings for `{tool}`, which is no tool", entry.name),
            fix: "correct the name, or declare the tool under `tools`".to_owned(),
        }));
    }
    for (place, threshold) in guardrails.thresholds.iter().enumerate() {
        if !source.tools.contains_key(&threshold.tool) {
            lints.push(Lint {
                code: Code::LintNeverMatches,
                at: written.item(Part::Guardrails, "thresholds", place),
                message: format!("the threshold is for `{}`, which is no tool", threshold.tool),
                fix: "correct the name, or declare the tool under `tools`".to_owned(),
            });
        }
    }
    lints
}

fn lint_entry(place: usize, entry: &RailEntry, written: &Written<'_>) -> Option<Lint> {
    let how = match (entry.enabled, entry.mode) {
        (false, _) => "is switched off",
        (true, Mode::Monitor) => "only monitors",
        (true, Mode::Enforce) => return None,
    };
    Some(Lint {
        code: Code::LintNotEnforced,
        at: written.item(Part::Guardrails, "chain", place),
        message: format!("`{}` {how}", entry.name),
        fix: "put it in force with `enabled: true` and `mode: enforce`".to_owned(),
    })
}
