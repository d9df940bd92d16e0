//! What agents' entries leave open, or say to nobody.

use bakerst_model::Code;

use super::{Lint, Part, Written};
use crate::PolicySource;
use crate::agents::{AgentEntry, Leave, Outside};
use crate::args::host::HostPattern;
use crate::glob::Glob;

pub(super) fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let Some(agents) = &source.agents else { return Vec::new() };
    let mut lints: Vec<Lint> = agents
        .iter()
        .flat_map(|(glob, entry)| Agent { name: glob.as_str(), entry, source, written }.lint())
        .collect();
    let may = |entry: &AgentEntry, tool: &str, risk| match entry.leave(tool, risk) {
        Leave::Given => true,
        Leave::NotGiven => entry.outside == Outside::Ask,
        Leave::Denied | Leave::TooRisky => false,
    };
    for (tool, declared) in &source.tools {
        if !agents.iter().any(|(_, entry)| may(entry, tool, declared.risk)) {
            lints.push(Lint {
                code: Code::LintUnreachable,
                at: written.spot(Part::Sections, &["tools", tool]),
                message: format!("no agent may call the tool `{tool}`"),
                fix: "give it to an agent under `agents`, or leave it out".to_owned(),
            });
        }
    }
    lints
}

struct Agent<'p> {
    name: &'p str,
    entry: &'p AgentEntry,
    source: &'p PolicySource,
    written: &'p Written<'p>,
}

impl Agent<'_> {
    fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        let AgentEntry { tools, deny, requires_approval, args, egress, .. } = self.entry;
        for (list, globs) in
            [("tools", tools), ("deny", deny), ("requires_approval", requires_approval)]
        {
            for (place, glob) in globs.iter().enumerate() {
                lints.extend(self.lint_glob(list, place, glob, globs));
            }
        }
        lints.extend(args.keys().filter(|glob| !self.matches_any(glob)).map(|glob| Lint {
            code: Code::LintNeverMatches,
            at: self.written.spot(Part::Sections, &["agents", self.name, "args", glob.as_str()]),
            message: format!("`{glob}` in `args` of the agent `{}` matches no tool", self.name),
            fix: "correct the pattern, or declare the tool under `tools`".to_owned(),
        }));
        let wide =
            egress.iter().flatten().enumerate().filter(|(_, host)| HostPattern::is_wide(host));
        lints.extend(wide.map(|(place, host)| Lint {
            code: Code::LintAllowsAll,
            at: self.item("egress", place),
            message: format!(
                "`{host}` in `egress` of the agent `{}` leaves hardly any host out",
                self.name
            ),
            fix: "name the hosts that it needs".to_owned(),
        }));
        lints.extend(self.entry.unenforced().map(|setting| Lint {
            code: Code::LintNotEnforced,
            at: self.written.spot(Part::Sections, &["agents", self.name, setting]),
            message: format!("`{setting}` of the agent `{}` is enforced by nothing yet", self.name),
            fix: "do not rely on it; it is read and checked so that it can stand ready".to_owned(),
        }));
        lints
    }

    fn lint_glob(&self, list: &str, place: usize, glob: &Glob, globs: &[Glob]) -> Option<Lint> {
        let at = self.item(list, place);
        let agent = self.name;
        let lint = |code, message: String, fix: &str| {
            Some(Lint { code, at, message, fix: fix.to_owned() })
        };
        if list == "tools" && glob.is_everything() {
            let message = format!("the agent `{agent}` may call every tool");
            return lint(Code::LintAllowsAll, message, "name the tools that it needs");
        }
        let hidden_by = globs.iter().enumerate().find(|(other, by)| {
            *other != place && by.covers(glob) && (!glob.covers(by) || *other < place)
        });
        if let Some((_, by)) = hidden_by {
            let message = format!("`{glob}` in `{list}` of the agent `{agent}` is part of `{by}`");
            return lint(Code::LintShadowed, message, "leave one of the two out");
        }
        if let Some(by) = self.entry.deny.iter().find(|by| list != "deny" && by.covers(glob)) {
            let message =
                format!("`{glob}` in `{list}` of the agent `{agent}` is denied by `{by}`");
            return lint(Code::LintShadowed, message, "leave one of the two out");
        }
        match self.matches_any(glob) {
            true => None,
            false => {
                let message =
                    format!("`{glob}` in `{list}` of the agent `{agent}` matches no tool");
                lint(
                    Code::LintNeverMatches,
                    message,
                    "correct the pattern, or declare the tool under `tools`",
                )
            }
        }
    }

    fn matches_any(&self, glob: &Glob) -> bool {
        self.source.tools.keys().any(|tool| glob.matches(tool))
    }

    fn item(&self, list: &str, place: usize) -> Option<super::Spot> {
        self.written.item(Part::Sections, &["agents", self.name, list], place)
    }
}
