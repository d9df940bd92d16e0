//! What two policies have in common: where nothing that a guardrail looks at differs, the word that
//! is recorded of it is the word that it would say again.
//!
//! It was said with all that was known at the time, of which a record holds a part.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::RecordedCall;
use crate::authorization::Engine;
use crate::config::RailConfig;
use crate::{Policy, PolicySource, RailEntry};

/// What a policy has in common with the one that decided.
pub(super) struct Common<'p> {
    /// The policy that decided, as records write it.
    digest: String,
    /// Guardrails that are the same, whatever the tool.
    always: Vec<&'p str>,
    /// Those that are the same for a tool of which both policies say the same.
    by_tool: Vec<&'p str>,
    /// The tools of which they do not.
    differing: BTreeSet<String>,
}

/// Whether the recorded words of one call may be taken over.
#[derive(Clone, Copy)]
pub(super) struct Words<'c, 'p> {
    common: &'c Common<'p>,
    same_tool: bool,
}

impl<'p> Common<'p> {
    pub(super) fn of(policy: &'p Policy, from: &Policy) -> Self {
        let (mut always, mut by_tool) = (Vec::new(), Vec::new());
        let same_limits = policy.limits() == from.limits();
        for entry in policy.source().guardrails.chain.iter().filter(|entry| entry.enabled) {
            let mut chain = from.source().guardrails.chain.iter();
            let known = chain.find(|other| other.enabled && other.name == entry.name);
            let same = |known: &&RailEntry| {
                known.on_error == entry.on_error && written(&known.config) == written(&entry.config)
            };
            if !same_limits || known.filter(same).is_none() {
                continue;
            }
            match entry.config {
                RailConfig::PromptInjection(_) => always.push(entry.name.as_str()),
                _ if looks_alike(&entry.config, policy.source(), from.source()) => {
                    by_tool.push(entry.name.as_str());
                }
                _ => {}
            }
        }
        let (ours, theirs) = (&policy.source().tools, &from.source().tools);
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        let differing = names.into_iter().filter(|name| {
            let (ours, theirs) = (ours.get(*name), theirs.get(*name));
            written(&ours) != written(&theirs)
        });
        let differing = differing.cloned().collect();
        Self { digest: from.digest().to_string(), always, by_tool, differing }
    }

    /// What of a record can be taken over, if the policy that decided is that one.
    pub(super) fn with(&self, record: &RecordedCall<'_>) -> Option<Words<'_, 'p>> {
        let same_tool = || !self.differing.contains(&*record.tool);
        record.is_by(&self.digest).then(|| Words { common: self, same_tool: same_tool() })
    }
}

impl Words<'_, '_> {
    /// Whether this guardrail would say what is recorded of it.
    pub(super) fn hold_for(self, guardrail: &str) -> bool {
        let Common { always, by_tool, .. } = self.common;
        always.contains(&guardrail) || (self.same_tool && by_tool.contains(&guardrail))
    }
}

/// Whether nothing differs that a guardrail of this kind looks at beside the call, its own settings,
/// and what is said of the tool.
fn looks_alike(config: &RailConfig, ours: &PolicySource, theirs: &PolicySource) -> bool {
    let section = |source: &PolicySource| written(&source.authorization);
    let same_conversations = ours.follows_flows() == theirs.follows_flows();
    match config {
        RailConfig::DestructiveGate(_) | RailConfig::FlowControl(_) => true,
        RailConfig::SchemaValidation(_) => written(&ours.pins) == written(&theirs.pins),
        RailConfig::ToolPolicy(_) => {
            let (a, b) = (&ours.guardrails, &theirs.guardrails);
            written(&ours.pins) == written(&theirs.pins)
                && written(&ours.agents) == written(&theirs.agents)
                && a.command_allowlist == b.command_allowlist
                && written(&a.thresholds) == written(&b.thresholds)
        }
        RailConfig::Rego(_) => same_conversations && section(ours) == section(theirs),
        // What a remote policy would say now, only that can tell.
        RailConfig::Authorization(_) => {
            let here = |source: &PolicySource| {
                source
                    .authorization
                    .as_ref()
                    .is_some_and(|section| matches!(section.engine, Engine::Rego(_)))
            };
            here(ours) && same_conversations && section(ours) == section(theirs)
        }
        RailConfig::PromptInjection(_)
        | RailConfig::HumanApproval(_)
        | RailConfig::OutputSanitization(_)
        | RailConfig::Custom(_) => false,
    }
}

/// Whether a guardrail of this kind wants to know where values come from.
pub(super) fn reads_flow(config: &RailConfig) -> bool {
    match config {
        RailConfig::FlowControl(_)
        | RailConfig::Authorization(_)
        | RailConfig::Rego(_)
        | RailConfig::Custom(_) => true,
        RailConfig::PromptInjection(_)
        | RailConfig::SchemaValidation(_)
        | RailConfig::ToolPolicy(_)
        | RailConfig::DestructiveGate(_)
        | RailConfig::HumanApproval(_)
        | RailConfig::OutputSanitization(_) => false,
    }
}

fn written(value: &impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}
