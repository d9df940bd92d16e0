//! What a chain and its lists leave open.

use bakerst_model::Code;

use super::{Lint, Part, Spot, Written};
use crate::config::{RailConfig, RailEntry};
use crate::document::Node;
use crate::{Mode, PolicySource};

pub(super) fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let guardrails = &source.guardrails;
    let entries = guardrails.chain.iter();
    let mut lints: Vec<_> = entries.filter_map(|entry| lint_entry(entry, written)).collect();
    for entry in &guardrails.chain {
        let RailConfig::OutputSanitization(config) = &entry.config else { continue };
        let strange = config.tools().filter(|tool| !source.tools.contains_key(*tool));
        lints.extend(strange.map(|tool| Lint {
            code: Code::LintNeverMatches,
            at: spot(entry, written),
            message: format!("`{}` has settings for `{tool}`, which is no tool", entry.name),
            fix: "correct the name, or declare the tool under `tools`".to_owned(),
        }));
    }
    for (place, threshold) in guardrails.thresholds.iter().enumerate() {
        if !source.tools.contains_key(&threshold.tool) {
            lints.push(Lint {
                code: Code::LintNeverMatches,
                at: written.item(Part::Guardrails, &["thresholds"], place),
                message: format!("the threshold is for `{}`, which is no tool", threshold.tool),
                fix: "correct the name, or declare the tool under `tools`".to_owned(),
            });
        }
    }
    // The built-in chain flags tools that a policy of its own need not have.
    if written.guardrails.is_some() {
        lints.extend(lint_flagged(source, written));
    }
    lints
}

/// Flagged tools that are no tools: a slip of the pen leaves the one that was meant unflagged.
fn lint_flagged(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let flagged = source.guardrails.chain.iter().filter_map(|entry| match &entry.config {
        RailConfig::DestructiveGate(config) => Some((entry, config.flagged_tools())),
        _ => None,
    });
    let unknown = flagged.flat_map(|(entry, tools)| {
        let unknown = tools.iter().filter(|tool| !source.tools.contains_key(*tool));
        unknown.map(|tool| Lint {
            code: Code::LintNeverMatches,
            at: spot(entry, written),
            message: format!("the flagged tool `{tool}` is no tool"),
            fix: "correct the name, or declare the tool under `tools`".to_owned(),
        })
    });
    unknown.collect()
}

fn lint_entry(entry: &RailEntry, written: &Written<'_>) -> Option<Lint> {
    let how = match (entry.enabled, entry.mode) {
        (false, _) => "is switched off",
        (true, Mode::Monitor) => "only monitors",
        (true, Mode::Enforce) => return None,
    };
    Some(Lint {
        code: Code::LintNotEnforced,
        at: spot(entry, written),
        message: format!("`{}` {how}", entry.name),
        fix: "put it in force with `enabled: true` and `mode: enforce`".to_owned(),
    })
}

/// Where a guardrail stands; one that is implied stands nowhere.
fn spot(entry: &RailEntry, written: &Written<'_>) -> Option<Spot> {
    let items = written.guardrails?.get("chain")?.items().ok()?;
    let named = |item: &&Node| item.get("name").and_then(Node::as_text) == Some(&entry.name);
    Some(Spot { part: Part::Guardrails, at: items.iter().find(named)?.at() })
}
