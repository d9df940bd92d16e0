//! What tools leave open.

use bakerst_model::Code;

use super::{Lint, Part, Written};
use crate::PolicySource;
use crate::config::{Risk, ToolEntry};

pub(super) fn lint(source: &PolicySource, written: &Written<'_>) -> Vec<Lint> {
    let tools = source.tools.iter();
    tools.flat_map(|(name, entry)| lint_tool(name, entry, written)).collect()
}

fn lint_tool(name: &str, entry: &ToolEntry, written: &Written<'_>) -> Vec<Lint> {
    let at = written.spot(Part::Sections, &["tools", name]);
    let found = |code, message: String, fix: &str| Lint { code, at, message, fix: fix.to_owned() };
    let mut lints = Vec::new();
    if entry.schema.is_none() {
        lints.push(found(
            Code::LintNoSchema,
            format!("the tool `{name}` takes any arguments"),
            "declare its `schema`, so that fields nobody knows are refused",
        ));
    }
    if entry.risk == Risk::Destructive && entry.requires_approval == Some(false) {
        lints.push(found(
            Code::LintNoApproval,
            format!("the destructive tool `{name}` needs nobody's approval"),
            "leave `requires_approval` out, or say in `args` what it may destroy",
        ));
    }
    lints
}
